"""Binance's bulk files are a second way to the same bars: what is stored is what was traded, whatever is wrong."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import truth
from road import TDM, Simulator, free_port, run, simulator, write_config

START, END, NOW = "2023-11-01", "2023-12-31", "2024-01-03T00:00:00Z"
START_MS, END_MS = (int(pd.Timestamp(day, tz="UTC").timestamp() * 1000) for day in ("2023-11-01", "2024-01-01"))
MONTHS = ("2023-11", "2023-12")
MINUTES = (END_MS - START_MS) // 60_000
RATE = 25  # requests a second: two months of minutes would take four seconds
GIVEN_UP_S = 5.0

SCRIPT = """
binance:
  archive:
    - {file: ETHUSDT-1m-2023-11, is: missing}
    - {file: ETHUSDT-1m-2023-12, is: wrong_checksum}
    - {file: SOLUSDT-1m-2023-11, is: html}
    - {file: SOLUSDT-1m-2023-12, is: bomb}
    - {file: XRPUSDT-1m-2023-11, is: two_members}
    - {file: XRPUSDT-1m-2023-12, is: reissued}
    - {file: 1000PEPEUSDT-1m-2023-11, is: wrong_header}
    - {file: ETHBTC-1m-2023-11, is: lacks_rows, from: "2023-11-10T01:00:00Z", to: "2023-11-10T02:30:00Z"}
faults:
  - {path: /archive/data/futures/um/monthly/klines/1000PEPEUSDT/1m/1000PEPEUSDT-1m-2023-12.zip, do: {cut: 0.5}}
"""
SYMBOLS = "BTCUSDT,BTCUSD_PERP,ETHUSDT,SOLUSDT,XRPUSDT,1000PEPEUSDT,ETHBTC"
FOLDERS = {"spot": "spot", "usdm": "futures/um", "coinm": "futures/cm"}


def target(market: str, name: str) -> str:
    """Where a monthly file lies."""
    symbol, timeframe = name.split("-")[:2]
    return f"/data/{FOLDERS[market]}/monthly/klines/{symbol}/{timeframe}/{name}.zip"


@pytest.fixture(scope="module")
def binance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder = tmp_path_factory.mktemp("archive")
    script = folder / "script.yaml"
    script.write_text(SCRIPT)
    options = ("--script", script, "--truth-symbols", SYMBOLS)
    with simulator(folder, *options, now=NOW, first="2023-11-01", truth=True, exchange="binance") as exchange:
        yield exchange


def warm(exchange: Simulator, market: str, symbol: str) -> None:
    """Lets the simulator make its files before anybody waits for them."""
    for month in MONTHS:
        with contextlib.suppress(OSError, http.client.HTTPException):  # missing, or cut
            urllib.request.urlopen(exchange.archive_url + target(market, f"{symbol}-1m-{month}"), timeout=60).read()


def backfill(series: str, config: Path) -> dict[str, Any]:
    command = ["backfill", series, "--start", START, "--end", END, "--json", "--config", str(config)]
    document: dict[str, Any] = json.loads(run([TDM, *command], timeout=200).stdout)
    return document


def check_truth(exchange: Simulator, config: Path, market: str, symbol: str, output: Path) -> None:
    """The store holds every bar that was traded and no other one."""
    assert exchange.truth is not None
    expected = truth.minutes(exchange.truth, market, symbol, exchange="binance").between(START_MS, END_MS)
    query = ["query", f"binance.{market}.{symbol}@1m", "--start", START, "--end", END, "--fetch", "never"]
    run([TDM, *query, "--format", "parquet", "--output", output, "--config", config])
    bars = truth.stored(output)
    np.testing.assert_array_equal(bars.open_time, expected.open_time)
    for name in truth.FIELDS:
        np.testing.assert_array_equal(bars.columns[name], expected.columns[name], err_msg=name)


def sources_of(config: Path, series: str) -> dict[str, int]:
    """How many bars of a day came by which channel."""
    query = ["query", series, "--start", "2023-11-10", "--end", "2023-11-10", "--fetch", "never", "--format", "json"]
    document = json.loads(run([TDM, *query, "--config", config]).stdout)
    return {str(name): int(count) for name, count in document["provenance"]["sources"].items()}


def pages(exchange: Simulator, market: str, symbol: str) -> list[dict[str, Any]]:
    """The requests for pages of the series that the simulator has seen."""
    prefix = {"spot": "/binance/api/v3/klines", "usdm": "/binance/fapi/", "coinm": "/binance/dapi/"}[market]
    wanted = f"symbol={symbol}&interval=1m"
    return [entry for entry in exchange.requests() if entry["target"].startswith(prefix) and wanted in entry["target"]]


@pytest.mark.parametrize(("market", "symbol"), [("spot", "BTCUSDT"), ("usdm", "BTCUSDT"), ("coinm", "BTCUSD_PERP")])
def test_files_bring_what_was_traded(market: str, symbol: str, binance: Simulator, tmp_path: Path) -> None:
    warm(binance, market, symbol)
    config = write_config(tmp_path, binance.base_url, RATE, exchange="binance", archive_url=binance.archive_url)
    series = f"binance.{market}.{symbol}@1m"

    dry = ["backfill", series, "--start", START, "--end", END, "--dry-run", "--config", str(config)]
    assert "2 archive files" in run([TDM, *dry]).stdout
    price = json.loads(run([TDM, *dry, "--json"]).stdout)["total"]
    assert (price["archive_files"], price["archive_bars"], price["requests"]) == (2, MINUTES, 4)
    assert 0 < price["seconds"] < MINUTES / 1_000 / RATE

    before = len(pages(binance, market, symbol))
    report = backfill(series, config)["series"][0]
    assert (report["stored"], report["rejected"]) == (MINUTES, 0)
    check_truth(binance, config, market, symbol, tmp_path / "bars.parquet")
    assert sources_of(config, series) == {"archive": 1_440}
    assert len(pages(binance, market, symbol)) - before < 5, "REST was asked for no more than the first bar"
    assert json.loads(run([TDM, "gaps", series, "--json", "--config", config]).stdout)["gaps"] == []
    again = backfill(series, config)["series"][0]
    assert (again["stored"], again["fetched"]) == (0, 0)
    run([TDM, "verify", "--config", config])


@pytest.mark.parametrize(("market", "symbol"), [("spot", "ETHUSDT"), ("spot", "SOLUSDT"), ("usdm", "XRPUSDT"),
                                                ("usdm", "1000PEPEUSDT")])  # fmt: skip
def test_what_is_wrong_with_a_file_is_cured_over_rest(
    market: str, symbol: str, binance: Simulator, tmp_path: Path
) -> None:
    warm(binance, market, symbol)
    config = write_config(tmp_path, binance.base_url, RATE, exchange="binance", archive_url=binance.archive_url)
    series = f"binance.{market}.{symbol}@1m"
    report = backfill(series, config)["series"][0]
    assert (report["stored"], report["rejected"]) == (MINUTES, 0)
    check_truth(binance, config, market, symbol, tmp_path / "bars.parquet")
    assert sources_of(config, series) == {"rest": 1_440}


def test_rows_that_a_file_lacks_get_a_look_over_rest(binance: Simulator, tmp_path: Path) -> None:
    symbol = "ETHBTC"
    warm(binance, "spot", symbol)
    config = write_config(tmp_path, binance.base_url, RATE, exchange="binance", archive_url=binance.archive_url)
    report = backfill(f"binance.spot.{symbol}@1m", config)["series"][0]
    assert report["stored"] == MINUTES
    check_truth(binance, config, "spot", symbol, tmp_path / "bars.parquet")
    assert sources_of(config, f"binance.spot.{symbol}@1m") == {"archive": 1_350, "rest": 90}


class SilentHost:
    """Takes connections and says nothing."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        self.first: float | None = None
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self._held.append(self._socket.accept()[0])
            except OSError:
                return
            self.first = self.first or time.time()

    def close(self) -> None:
        self._socket.close()
        for connection in self._held:
            connection.close()


@pytest.mark.parametrize("silent", [True, False])
def test_a_host_that_is_down_is_given_up_in_time(silent: bool, binance: Simulator, tmp_path: Path) -> None:
    host = SilentHost()
    if not silent:
        host.close()
    url = host.url if silent else f"http://127.0.0.1:{free_port()}"
    config = write_config(tmp_path, binance.base_url, RATE, exchange="binance", archive_url=url)
    asked_before = len(pages(binance, "spot", "BTCUSDT"))
    begun = time.time()
    try:
        report = backfill("binance.spot.BTCUSDT@1m", config)["series"][0]
    finally:
        host.close()
    assert report["stored"] == MINUTES
    # From the first word to the archive until REST does the work.
    asked = [entry["time_us"] / 1e6 for entry in pages(binance, "spot", "BTCUSDT")[asked_before:]]
    work = [at for at in asked if at >= (host.first or begun)]
    assert len(work) > 80
    assert work[0] - (host.first or begun) < GIVEN_UP_S
    check_truth(binance, config, "spot", "BTCUSDT", tmp_path / "bars.parquet")
    assert sources_of(config, "binance.spot.BTCUSDT@1m") == {"rest": 1_440}


def test_a_file_is_decoded(binance: Simulator, tmp_path: Path) -> None:
    path = target("spot", "BTCUSDT-1m-2023-11")
    file = tmp_path / path.rpartition("/")[2]
    file.write_bytes(urllib.request.urlopen(binance.archive_url + path, timeout=60).read())
    decode = ["decode", "binance", "--market", "spot", "--channel", "archive", str(file)]
    lines = [json.loads(line) for line in run([TDM, *decode]).stdout.splitlines()]
    assert len(lines) == 30 * 1_440
    assert {line["kind"] for line in lines} == {"bar"}
    assert lines[0]["open_time"] == START_MS
    assert lines[-1]["line"] == len(lines)
