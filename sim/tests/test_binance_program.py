"""The program as others start it, as far as it is Binance: what it serves, what a script spoils, and recordings."""

from __future__ import annotations

import http.client
import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from road import SHARED, Simulator, simulator

KLINES = "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=5"
RECORDINGS = SHARED / "recordings/binance"
MINUTE = 60_000


def fetch(exchange: Simulator, target: str, timeout: float = 10) -> tuple[int, Any, bytes]:
    """Status, headers and body, of errors too."""
    try:
        with urllib.request.urlopen(exchange.base_url + target, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read()


def ask(exchange: Simulator, target: str) -> Any:
    status, _, body = fetch(exchange, target)
    assert status == 200, body
    return json.loads(body)


def script(folder: Path, text: str) -> tuple[str, Path]:
    path = folder / "script.yaml"
    path.write_text(text)
    return "--script", path


def test_the_ready_file_names_every_exchange(tmp_path: Path) -> None:
    with simulator(tmp_path, now="2024-01-01", exchange="bybit,binance") as exchange:
        assert list(exchange.base_urls) == ["bybit", "binance"]
        assert exchange.base_urls["binance"] == exchange.base_url.replace("/bybit", "/binance")
        binance = Simulator(exchange.base_urls["binance"], exchange.log, None)
        assert len(ask(binance, KLINES)) == 5
        assert ask(binance, "/fapi/v1/ping") == {}
    with simulator(tmp_path, now="2024-01-01", exchange="binance") as exchange:
        assert list(exchange.base_urls) == ["binance"]


def test_the_truth_speaks_of_both(tmp_path: Path) -> None:
    options = ("--truth-symbols", "BTCUSDT")
    with simulator(
        tmp_path, *options, now="2023-01-02", first="2023-01-01", truth=True, exchange="bybit,binance"
    ) as exchange:
        assert exchange.truth is not None
        frame = pd.read_parquet(exchange.truth)
    counts = frame.groupby(["exchange", "market"], observed=True).size().to_dict()
    assert counts == {
        ("binance", "spot"): 1440,
        ("binance", "usdm"): 1440,
        ("bybit", "linear"): 1440,
        ("bybit", "spot"): 1440,
    }


def test_weights_are_counted_and_logged(tmp_path: Path) -> None:
    with simulator(tmp_path, now="2024-01-01T00:00:05Z", exchange="binance") as exchange:
        targets = {
            KLINES: (2, "2"),
            "/api/v3/exchangeInfo": (20, "22"),
            "/api/v3/klines?symbol=NOPE&interval=1m": (2, "24"),
            "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=499": (2, "2"),
            "/dapi/v1/klines?symbol=BTCUSD_PERP&interval=1m&limit=1500": (10, "12"),
        }
        for target, (_, used) in targets.items():
            assert fetch(exchange, target)[1]["X-MBX-USED-WEIGHT-1M"] == used, target
        entries = exchange.requests()
    assert [entry["weight"] for entry in entries] == [weight for weight, _ in targets.values()]
    assert [entry["exchange"] for entry in entries] == ["binance"] * len(targets)
    assert (entries[2]["status"], entries[2]["retCode"]) == (400, -1121)
    assert entries[0]["last"] - entries[0]["first"] == 4 * MINUTE


def test_the_budget_begins_anew_with_the_minute(tmp_path: Path) -> None:
    options = script(tmp_path, "binance: {futures_weight: 1}")
    with simulator(tmp_path, *options, now="2024-01-01T00:00:57.5Z", exchange="binance") as exchange:
        assert fetch(exchange, "/fapi/v1/ping")[0] == 200
        status, headers, body = fetch(exchange, "/dapi/v1/ping")
        assert (status, json.loads(body)["code"]) == (429, -1003)
        wait = int(headers["Retry-After"])
        assert 1 <= wait <= 3
        time.sleep(wait)
        assert fetch(exchange, "/dapi/v1/ping")[0] == 200


def test_who_does_not_stop_is_banned(tmp_path: Path) -> None:
    options = script(tmp_path, "binance: {spot_weight: 1, ban_after: 1, ban_s: 1}")
    with simulator(tmp_path, *options, now="2024-01-01T00:00:05Z", exchange="binance") as exchange:
        answers = [fetch(exchange, "/api/v3/ping") for _ in range(4)]
        assert [status for status, _, _ in answers] == [200, 429, 418, 418]
        assert answers[2][1]["Retry-After"] == "1"
        end = int(json.loads(answers[2][2])["msg"].split("until ")[1].split(".")[0])
        assert abs(end - pd.Timestamp("2024-01-01T00:00:06Z").timestamp() * 1000) < 3_000
        time.sleep(1.1)
        status, headers, _ = fetch(exchange, "/api/v3/ping")  # the minute is not over
        assert (status, headers["Retry-After"]) == (418, "2")  # and the next ban is longer


def test_a_script_spoils_the_wire(tmp_path: Path) -> None:
    options = script(
        tmp_path,
        """
faults:
  - {exchange: binance, path: /api/v3/klines, nth: 1, do: {status: 429, body: json}}
  - {exchange: binance, path: /api/v3/klines, nth: 1, do: {status: 418, retry_after: 30, body: json}}
  - {exchange: binance, path: /api/v3/klines, nth: 1, do: {status: 451, body: json}}
  - {exchange: binance, path: /api/v3/klines, nth: 1, do: {status: 403, body: html}}
  - {exchange: binance, path: /api/v3/klines, nth: 1, do: {ret_code: -1001}}
  - {exchange: binance, path: /api/v3/klines, nth: 1, do: {cut: 0.5}}
  - {exchange: binance, path: /api/v3/klines, nth: 1, do: {endless: true}}
  - {exchange: binance, path: /api/v3/time, nth: 1, do: {skew_s: -5}}
""",
    )
    with simulator(tmp_path, *options, "--speed", "0", now="2024-01-01", exchange="binance") as exchange:
        status, headers, body = fetch(exchange, KLINES)
        assert (status, headers["Retry-After"], json.loads(body)["code"]) == (429, None, -1003)
        status, headers, body = fetch(exchange, KLINES)
        assert (status, headers["Retry-After"]) == (418, "30")
        assert "IP banned until 1704067230000." in json.loads(body)["msg"]
        status, _, body = fetch(exchange, KLINES)
        assert (status, json.loads(body)["code"]) == (451, 0)
        status, _, body = fetch(exchange, KLINES)
        assert (status, body[:6]) == (403, b"<html>")
        status, _, body = fetch(exchange, KLINES)
        assert (status, json.loads(body)["code"]) == (500, -1001)
        with pytest.raises(http.client.IncompleteRead):
            fetch(exchange, KLINES)
        with urllib.request.urlopen(exchange.base_url + KLINES, timeout=5) as answer:
            assert len(answer.read(4 << 20)) == 4 << 20
        assert ask(exchange, "/api/v3/time") == {"serverTime": 1_704_067_195_000}
        assert len(ask(exchange, KLINES)) == 5


def test_a_script_spoils_rows(tmp_path: Path) -> None:
    verbs = ["{row: drop}", "{row: duplicate, index: 1}", "{row: swap}", "{row: shorten, index: -1}"]
    verbs += ["{row: set, column: close, value: NaN, raw: true}", "{short_page: 2}", "{same_page: true}"]
    lines = [f"  - {{path: /fapi/v1/klines, nth: 1, do: {verb}}}" for verb in verbs]
    options = script(tmp_path, "faults:\n" + "\n".join(lines))
    target = "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=4"
    with simulator(tmp_path, *options, "--speed", "0", now="2024-01-01", exchange="binance") as exchange:
        spoiled = [fetch(exchange, target)[2] for _ in verbs]
        right = ask(exchange, target)
    drop, duplicate, swap, shorten = (json.loads(body) for body in spoiled[:4])
    assert drop == right[:-1]
    assert duplicate == [*right[:3], right[2], right[3]]
    assert swap == [*right[:2], right[3], right[2]]
    assert shorten == [right[0][:-1], *right[1:]]
    assert b",NaN," in spoiled[4]
    assert json.loads(spoiled[5]) == right[-2:]
    assert json.loads(spoiled[6]) == right


def recorded_pages() -> Iterator[tuple[str, str, int, list[list[Any]]]]:
    """Symbol, interval, begin of the window and rows of every recorded page of an interval that is simulated."""
    for path in sorted((RECORDINGS / "static-klines").glob("*/*/*.json")):
        if path.parent.name != "3d":
            begin = int(pd.Timestamp(path.stem, tz="UTC").timestamp() * 1000)
            yield path.parent.parent.name, path.parent.name, begin, json.loads(path.read_text())


def request_of(symbol: str, interval: str, begin: int, rows: list[list[Any]]) -> str:
    """The request that fetched a recorded page; an empty one was of a year."""
    end = rows[-1][0] if rows else begin + 365 * 1440 * MINUTE
    return f"/api/v3/klines?symbol={symbol}&interval={interval}&startTime={begin}&endTime={end}&limit=1000"


def stopped(rows: list[list[Any]], interval_ms: int) -> list[tuple[int, int]]:
    """The stops that a page shows: from a cut close, or the last one, to the next open."""
    return [
        (row[6] // MINUTE * MINUTE + MINUTE, later[0])
        for row, later in itertools.pairwise(rows)
        if later[0] > row[0] + interval_ms
    ]


@pytest.mark.skipif(not RECORDINGS.exists(), reason="needs ../shared")
def test_simulated_pages_are_as_the_recorded_ones(tmp_path: Path) -> None:
    pages = list(recorded_pages())
    assert len(pages) == 31
    lengths = {"15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "12h": 720}
    gaps = sorted(
        gap
        for symbol, interval, _, rows in pages
        if symbol == "BTCUSDT" and interval in lengths
        for gap in stopped(rows, lengths[interval] * MINUTE)
    )
    grid = {"exchange": "binance", "quote": "USDT", "tick": "0.01", "lot": "0.00001", "start_price": 100}
    instruments = [
        {**grid, "symbol": "BTCUSDT", "base": "BTC", "first_bar": "2017-08-17T04:00:00Z",
         "gaps": [{"from": from_ms, "to": to_ms} for from_ms, to_ms in gaps]},
        {**grid, "symbol": "AVAXUSDT", "base": "AVAX", "first_bar": "2020-09-22T06:30:00Z"},
    ]  # fmt: skip
    listing = tmp_path / "instruments.json"
    listing.write_text(json.dumps(instruments))
    options = ("--instruments", listing)
    with simulator(tmp_path, *options, now="2026-11-22", first="2017-01-01", exchange="binance") as exchange:
        for symbol, interval, begin, rows in pages:
            page = ask(exchange, request_of(symbol, interval, begin, rows))
            assert [row[0] for row in page] == [row[0] for row in rows], (symbol, interval, begin)
            for ours, real in zip(page, rows, strict=True):
                assert [type(value) for value in ours] == [type(value) for value in real]
                assert [len(str(value).partition(".")[2]) for value in ours] == [
                    len(str(value).partition(".")[2]) for value in real
                ]


@pytest.mark.skipif(not RECORDINGS.exists(), reason="needs ../shared")
def test_recordings_are_served_again(tmp_path: Path) -> None:
    for folder in (RECORDINGS, RECORDINGS.parent):  # that of the exchange, or the one above
        with simulator(tmp_path, "--replay", folder, now="2026-11-22", exchange="binance") as exchange:
            for page in recorded_pages():
                assert ask(exchange, request_of(*page)) == page[3]
            assert len(ask(exchange, "/api/v3/exchangeInfo")["symbols"]) == 1695
            assert len(ask(exchange, "/fapi/v1/exchangeInfo")["symbols"]) == 122
