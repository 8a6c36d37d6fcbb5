"""What people type wrong, and what they point us at: each ends in an error that names it, and nothing is lost."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from road import PYTHON, ROOT, TDM, Simulator, environment, free_port, run, server, write_config

GOOD = {"exchange": "bybit", "symbol": "BTCUSDT", "timeframe": "1h", "start": "2023-01-01", "end": "2023-01-02"}


@dataclass(frozen=True)
class Wrong:
    """One parameter of a good read replaced by a bad value, and what must be said."""

    name: str
    change: dict[str, str]
    code: str
    status: int
    exception: str
    says: tuple[str, ...] = field(default=())


CASES = [
    Wrong("exchange", {"exchange": "bybti"}, "unknown_exchange", 404, "UnknownExchangeError", ("bybti", "bybit")),
    Wrong("symbol", {"symbol": "BTCUSTD"}, "unknown_symbol", 404, "UnknownSymbolError", ("BTCUSTD", "BTCUSDT")),
    Wrong("market", {"market": "liner"}, "invalid_argument", 400, "InvalidRequestError", ("liner", "linear")),
    Wrong("timeframe", {"timeframe": "90m"}, "invalid_argument", 400, "UnsupportedTimeframeError", ("90m", "1h")),
    Wrong("backwards", {"start": "2023-02-01"}, "invalid_argument", 400, "InvalidRequestError", ("start",)),
    Wrong("no_date", {"start": "2023-02-30"}, "invalid_argument", 400, "InvalidRequestError", ("2023-02-30", "start")),
    Wrong("words", {"end": "tomorrow"}, "invalid_argument", 400, "InvalidRequestError", ("tomorrow", "end")),
]
# The client's own names for two of them.
PYTHON_NAMES = {"start": "start_date", "end": "end_date"}
SCRIPT = """
import json, sys
from trading_data_market.client import MarketDataClient
client = MarketDataClient(mode="backtest", url=sys.argv[2] or None)
try:
    frame = client.get_historical_data(**json.loads(sys.argv[1]))
except Exception as error:
    told = {name: getattr(error, name) for name in ("code", "status", "url", "request_id", "details")}
    print(json.dumps({"class": type(error).__name__, "text": str(error)} | told))
else:
    print(json.dumps({"rows": len(frame), "provenance": frame.attrs["provenance"]}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad")


@pytest.fixture(scope="module")
def served(exchange: Simulator, folder: Path) -> Iterator[tuple[Path, str]]:
    """A configuration, and the address of a server that uses it."""
    port = free_port()
    config = write_config(folder, exchange.base_url, port=port)
    with server(folder, config, port):
        yield config, f"http://127.0.0.1:{port}"


def over_http(base: str, parameters: dict[str, str]) -> tuple[int, dict[str, object]]:
    answer = requests.get(f"{base}/api/v1/ohlcv", params=parameters, timeout=60)
    kind = "application/json" if answer.ok else "application/problem+json"
    assert answer.headers["Content-Type"] == kind
    document: dict[str, object] = answer.json()
    return answer.status_code, document


def in_python(config: Path, url: str, parameters: dict[str, str]) -> dict[str, object]:
    named = {PYTHON_NAMES.get(name, name): value for name, value in parameters.items()}
    done = run([PYTHON, "-c", SCRIPT, json.dumps(named), url], env=environment(config))
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_door_names_what_is_wrong(case: Wrong, served: tuple[Path, str]) -> None:
    config, base = served
    parameters = GOOD | case.change
    status, problem = over_http(base, parameters)
    assert (status, problem["code"]) == (case.status, case.code)
    said = json.dumps(problem, ensure_ascii=False)
    assert all(word in said for word in case.says), said
    for url in ("", base):
        raised = in_python(config, url, parameters)
        assert (raised["class"], raised["code"]) == (case.exception, case.code), raised


def test_an_error_over_http_names_its_request(served: tuple[Path, str]) -> None:
    config, base = served
    raised = in_python(config, base, GOOD | {"symbol": "BTCUSTD"})
    assert raised["status"] == 404
    assert str(raised["url"]).startswith(f"{base}/api/v1/ohlcv?")
    details = raised["details"]
    assert isinstance(details, dict)
    assert details["code"] == "unknown_symbol"
    assert raised["request_id"] == details["request_id"] != ""
    raised = in_python(config, "", GOOD | {"symbol": "BTCUSTD"})
    assert (raised["status"], raised["url"], raised["request_id"], raised["details"]) == (None, "", "", {})


@pytest.mark.parametrize(("status", "name"), [(401, "AuthenticationError"), (403, "PermissionDeniedError")])
def test_a_proxy_that_lets_nobody_in_is_named(status: int, name: str, served: tuple[Path, str]) -> None:
    class Gate(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gate) as gate:
        threading.Thread(target=gate.serve_forever, daemon=True).start()
        raised = in_python(served[0], f"http://127.0.0.1:{gate.server_port}", GOOD)
        gate.shutdown()
    assert (raised["class"], raised["status"], raised["details"]) == (name, status, {})


def test_a_range_before_the_listing_is_empty_and_says_why(served: tuple[Path, str]) -> None:
    config, base = served
    parameters = GOOD | {"symbol": "1000PEPEUSDT", "start": "2023-01-10", "end": "2023-01-11"}
    status, answer = over_http(base, parameters)
    assert status == 200
    assert answer["data"] == []
    provenance = answer["provenance"]
    assert isinstance(provenance, dict)
    assert [gap["cause"] for gap in provenance["gaps"]] == ["not_listed"]
    assert in_python(config, "", parameters)["rows"] == 0


@pytest.mark.parametrize("limit", ["0", "-1", "1000000000", "ten"])
def test_limits_have_limits(limit: str, served: tuple[Path, str]) -> None:
    status, problem = over_http(served[1], GOOD | {"limit": limit})
    assert (status, problem["parameter"]) == (400, "limit")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("storage:\n\ttype: duckdb\n", ":2:"),
        ("environment: a\nenvironment: b\n", ":2:1:"),
        ("storage:\n  tpye: duckdb\n", "type"),
        ("storage:\n  type: duckdb\n  db_path: 1\n  parquet_path: [a]\n", ":3:12:"),
        ("", ""),
        ("storage: {type: postgres, db_path: a, parquet_path: b}\n", "duckdb"),
    ],
)
def test_a_configuration_that_is_wrong_names_its_place(text: str, says: str, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(text)
    for command in (["config", "check", config], ["list", "--config", config]):
        done = run([TDM, *map(str, command)], code=2)
        assert done.stderr.startswith(f"configuration error: {config}:"), done.stderr
        assert says in done.stderr
        assert done.stdout == ""


def test_a_backend_that_is_not_built_in_is_refused_by_name(tmp_path: Path) -> None:
    done = run([TDM, "list", "--config", ROOT / "config/dev.yaml"], code=2, cwd=tmp_path)
    assert "bigquery" in done.stderr


def test_a_store_that_cannot_be_written_says_so(exchange: Simulator, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    config = write_config(tmp_path, exchange.base_url)
    config.write_text(config.read_text().replace(f"{tmp_path}/store", f"{blocked}/store"))
    done = run([TDM, "backfill", "bybit.linear.BTCUSDT@1h", "--start", "2023-01-01", "--config", config], code=2)
    assert str(blocked) in done.stderr


def test_a_database_that_is_none_is_left_alone(exchange: Simulator, tmp_path: Path) -> None:
    config = write_config(tmp_path, exchange.base_url)
    database = tmp_path / "store/market_data.db"
    database.parent.mkdir()
    database.write_text("somebody's letters")
    fill = ["backfill", "bybit.linear.BTCUSDT@1h", "--start", "2023-01-01", "--end", "2023-01-02"]
    done = run([TDM, *fill, "--config", str(config)], code=1)
    assert str(database) in done.stderr
    assert database.read_text() == "somebody's letters"


def test_a_store_of_another_origin_is_refused_by_name(exchange: Simulator, tmp_path: Path) -> None:
    config = write_config(tmp_path, exchange.base_url)
    fill = ["backfill", "bybit.linear.BTCUSDT@1h", "--start", "2023-01-01", "--config", str(config)]
    run([TDM, *fill, "--end", "2023-01-02"])
    config.write_text(config.read_text().replace("127.0.0.1:", "localhost:"))
    done = run([TDM, *fill, "--end", "2023-01-10"], code=None)
    assert done.returncode in (1, 2)
    assert "127.0.0.1" in done.stderr
    assert "localhost" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_a_full_disk_loses_nothing_that_was_acknowledged(exchange: Simulator, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], check=False).returncode != 0:
        pytest.skip("this machine cannot mount a tmpfs")
    try:
        config = write_config(tmp_path, exchange.base_url)
        config.write_text(config.read_text().replace(f"{tmp_path}/store", f"{disk}/store"))
        fill = ["backfill", "bybit.linear.BTCUSDT@1m", "--start", "2023-01-01", "--end", "2023-12-31"]
        done = run([TDM, *fill, "--config", str(config)], code=1)
        assert "storage_full" in done.stdout + done.stderr or "space" in done.stderr
        run([TDM, "verify", "--config", config])
        before = json.loads(run([TDM, "coverage", "--json", "--config", config]).stdout)["coverage"]
        subprocess.run(["mount", "-o", "remount,size=256m", disk], check=True)
        run([TDM, *fill, "--config", str(config)])
        run([TDM, "verify", "--config", config])
        after = json.loads(run([TDM, "coverage", "--json", "--config", config]).stdout)["coverage"]
        assert after[0]["present"] == 525_600
        assert not before or before[0]["present"] <= after[0]["present"]
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
