"""The program as others start it: files, exit codes, and what goes over the wire when a script spoils it."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from road import SHARED, SIM, Simulator, simulator

SMALL = ("--truth-symbols", "BTCUSDT")
KLINE = "/v5/market/kline?category=linear&symbol=BTCUSDT&interval=1&limit=5"


def ask(exchange: Simulator, target: str, timeout: float = 10) -> Any:
    with urllib.request.urlopen(exchange.base_url + target, timeout=timeout) as answer:
        return json.load(answer)


def script(folder: Path, text: str) -> tuple[str, Path]:
    path = folder / "script.yaml"
    path.write_text(text)
    return "--script", path


def test_the_same_seed_gives_the_same_truth(tmp_path: Path) -> None:
    frames = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        with simulator(
            tmp_path / name, *SMALL, now="2023-01-02", first="2023-01-01", truth=True, seed=seed
        ) as exchange:
            assert exchange.truth is not None
            frames.append(pd.read_parquet(exchange.truth))
    pd.testing.assert_frame_equal(frames[0], frames[1], check_exact=True)
    assert not frames[0]["close"].equals(frames[2]["close"])
    assert list(frames[0].columns) == [
        "exchange", "market", "symbol", "price_kind", "timeframe", "open_time",
        "open", "high", "low", "close", "volume", "quote_volume",
    ]  # fmt: skip
    assert len(frames[0]) == 2 * 1440  # linear and spot


def test_the_truth_is_written_again_at_the_end(tmp_path: Path) -> None:
    options = (*SMALL, "--speed", "3600")
    with simulator(tmp_path, *options, now="2023-01-02", first="2023-01-01", truth=True) as exchange:
        assert exchange.truth is not None
        before = len(pd.read_parquet(exchange.truth))
        time.sleep(0.3)
        served = ask(exchange, KLINE)["result"]["list"]
    after = pd.read_parquet(exchange.truth)
    assert len(after) > before
    closed = after[after["market"] == "linear"].set_index("open_time")["close"]
    for row in served[1:]:
        assert closed[pd.Timestamp(int(row[0]), unit="ms", tz="UTC")] == float(row[4])


def test_the_clock_stands_or_goes(tmp_path: Path) -> None:
    with simulator(tmp_path / "still", "--speed", "0", now="2024-01-01T12:00:00Z") as exchange:
        assert {ask(exchange, "/v5/market/time")["time"] for _ in range(3)} == {1_704_110_400_000}
    with simulator(tmp_path / "fast", "--speed", "1000", now="2024-01-01T12:00:00Z") as exchange:
        first = ask(exchange, KLINE)["result"]["list"][0]
        time.sleep(0.2)
        assert ask(exchange, KLINE)["result"]["list"][0][0] > first[0]


def test_every_request_is_logged(tmp_path: Path) -> None:
    with simulator(tmp_path, now="2024-01-01T00:00:30Z") as exchange:
        ask(exchange, KLINE)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            ask(exchange, "/v5/nothing")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(exchange.base_url.replace("/bybit", "/other"), timeout=5)
        time.sleep(0.15)
        assert len(exchange.requests()) == 3  # without waiting for the end
    kline, nothing, other = exchange.requests()
    assert kline["target"] == "/bybit" + KLINE
    assert (kline["status"], kline["retCode"], kline["rows"]) == (200, 0, 5)
    assert kline["last"] - kline["first"] == 4 * 60_000
    assert kline["connection"].startswith("127.0.0.1")
    assert (nothing["status"], nothing["rows"]) == (404, 0)
    assert (other["status"], other["exchange"]) == (404, "")


def test_a_connection_is_kept(tmp_path: Path) -> None:
    with simulator(tmp_path, now="2024-01-01") as exchange:
        host = exchange.base_url.split("/")[2]
        connection = http.client.HTTPConnection(host, timeout=5)
        for _ in range(3):
            connection.request("GET", "/bybit" + KLINE)
            assert connection.getresponse().read().startswith(b'{"retCode":0')
        connection.close()


def test_a_script_spoils_the_wire(tmp_path: Path) -> None:
    options = script(
        tmp_path,
        """
faults:
  - {path: /v5/market/kline, nth: 1, do: {status: 429, retry_after: 7, body: text}}
  - {path: /v5/market/kline, nth: 1, do: {cut: 0.5}}
  - {path: /v5/market/kline, nth: 1, do: {reset_connection: true}}
  - {path: /v5/market/kline, nth: 1, do: {stall_s: 0.3}}
  - {path: /v5/market/kline, nth: 1, do: {ret_code: 10006, reset: soon}}
  - {path: /v5/market/kline, nth: 1, do: {row: set, column: close, value: NaN, raw: true}}
  - {path: /v5/market/kline, nth: 1, do: {delay_s: 0.3}}
""",
    )
    with simulator(tmp_path, *options, now="2024-01-01") as exchange:
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(exchange, KLINE)
        assert (refused.value.code, refused.value.headers["Retry-After"]) == (429, "7")
        with pytest.raises(http.client.IncompleteRead):
            ask(exchange, KLINE)
        with pytest.raises(ConnectionResetError):
            ask(exchange, KLINE)
        begun = time.monotonic()
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            ask(exchange, KLINE)
        assert time.monotonic() - begun >= 0.3
        assert ask(exchange, KLINE)["retCode"] == 10006
        with urllib.request.urlopen(exchange.base_url + KLINE, timeout=5) as answer:
            assert b",NaN," in answer.read()
        begun = time.monotonic()
        assert ask(exchange, KLINE)["retCode"] == 0
        assert time.monotonic() - begun >= 0.3
        assert ask(exchange, KLINE)["retCode"] == 0
    faults = [entry.get("fault", "").split(" ")[0] for entry in exchange.requests()]
    assert faults == ["status", "cut", "reset_connection", "stall_s", "ret_code", "row", "delay_s", ""]


def test_a_body_may_never_end(tmp_path: Path) -> None:
    options = script(tmp_path, "faults: [{count: 1, do: {endless: true}}]")
    with simulator(tmp_path, *options, now="2024-01-01") as exchange:
        with urllib.request.urlopen(exchange.base_url + KLINE, timeout=5) as answer:
            assert len(answer.read(4 << 20)) == 4 << 20
        assert ask(exchange, KLINE)["retCode"] == 0


def test_too_many_requests_are_banned_for_a_while(tmp_path: Path) -> None:
    options = (*script(tmp_path, "quota: {requests: 5, window_s: 60, ban_s: 30}"), "--speed", "60")
    with simulator(tmp_path, *options, now="2024-01-01") as exchange:
        for _ in range(5):
            ask(exchange, "/v5/market/time")
        for _ in range(2):
            with pytest.raises(urllib.error.HTTPError) as refused:
                ask(exchange, "/v5/market/time")
            assert (refused.value.code, refused.value.read()) == (403, b"403, access too frequent")
        time.sleep(0.6)
        assert ask(exchange, "/v5/market/time")["retCode"] == 0


def test_recordings_are_served_again(tmp_path: Path) -> None:
    folder = SHARED / "recordings/bybit"
    if not folder.exists():
        pytest.skip("needs ../shared")
    recorded = json.loads((folder / "rest_testnet_kline_linear_1_BTCUSDT_20261005.json").read_text())
    with simulator(tmp_path, "--replay", folder, now="2026-10-06") as exchange:
        first, last = recorded["result"]["list"][-1][0], recorded["result"]["list"][0][0]
        answer = ask(exchange, f"{KLINE[:-8]}&start={first}&end={last}")
        assert answer["result"] == recorded["result"]
        assert answer["time"] >= 1_791_244_800_000


def ended(*options: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(part) for part in (SIM, *options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "no"], "--port"),
        (["--no-such-option"], "no-such-option"),
        (["--speed", "-1"], "--speed"),
        (["--now", "tomorrow"], "now"),
        (["--from", "12"], "from"),
        (["--script", "/no/such/file"], "/no/such/file"),
        (["--instruments", "/no/such/file"], "/no/such/file"),
        (["--replay", "/no/such/folder"], "/no/such/folder"),
        (["--truth-timeframes", "7m"], "7m"),
        (["--truth-price-kinds", "fair"], "fair"),
    ],
)
def test_a_usage_error_ends_with_two(options: list[str], message: str) -> None:
    done = ended(*options)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_help_ends_with_zero() -> None:
    done = ended("--help")
    assert done.returncode == 0
    assert "--replay" in done.stdout


def test_what_cannot_be_written_ends_with_one(tmp_path: Path) -> None:
    done = ended("--log", tmp_path / "no/such/folder/log", "--now", "2024-01-01")
    assert done.returncode == 1
    assert "no/such/folder" in done.stderr


def test_a_signal_ends_it_in_good_order(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    with subprocess.Popen([str(SIM), "--port", "0", "--ready-file", str(ready), "--now", "2024-01-01"]) as program:
        deadline = time.monotonic() + 20
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert json.loads(ready.read_text())["base_urls"]["bybit"].startswith("http://127.0.0.1:")
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=10) == 0
