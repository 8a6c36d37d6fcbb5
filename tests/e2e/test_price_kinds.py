"""Mark, index and premium bars walk the road of the traded ones, and say nothing of them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import truth
from road import TDM, Simulator, free_port, run, server, simulator, write_config

START, END = "2023-01-02", "2023-01-03"
START_MS, END_MS = (int(pd.Timestamp(day, tz="UTC").timestamp() * 1000) for day in ("2023-01-02", "2023-01-04"))
PRICES = ("open", "high", "low", "close")
SERIES = [
    ("bybit", "linear", "BTCUSDT", "mark"),
    ("bybit", "linear", "BTCUSDT", "index"),
    ("bybit", "linear", "BTCUSDT", "premium"),
    ("bybit", "inverse", "BTCUSD", "mark"),
    ("bybit", "inverse", "BTCUSD", "index"),
    ("binance", "usdm", "BTCUSDT", "mark"),
    ("binance", "usdm", "BTCUSDT", "premium"),
    ("binance", "coinm", "BTCUSD_PERP", "mark"),
    ("binance", "coinm", "BTCUSD_PERP", "index"),
]
LENGTHS = {"1m": 60_000, "1h": 3_600_000, "4h": 4 * 3_600_000}


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    symbols = sorted({symbol for _, _, symbol, _ in SERIES})
    options = ("--truth-symbols", ",".join(symbols), "--truth-price-kinds", "mark,index,premium")
    folder = tmp_path_factory.mktemp("exchanges")
    with simulator(
        folder, *options, first="2022-12-25", now="2023-01-10T00:00:00Z", truth=True, exchange="bybit,binance"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def config(exchanges: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds the minutes of every series, and its hours as the exchange sent them."""
    urls = exchanges.base_urls
    more = f"  binance:\n    base_url: {urls['binance']}\n    rate_limit: 40\n"
    config = write_config(tmp_path_factory.mktemp("store"), urls["bybit"], more=more)
    for exchange, market, symbol, kind in SERIES:
        for timeframe in ("1h", "1m"):
            series = f"{exchange}.{market}.{symbol}:{kind}@{timeframe}"
            run([TDM, "backfill", series, "--start", START, "--end", END, "--config", config], timeout=200)
    return config


@pytest.mark.parametrize(("exchange", "market", "symbol", "kind"), SERIES)
@pytest.mark.parametrize("timeframe", LENGTHS)
def test_what_is_stored_is_the_truth_and_what_is_derived_agrees(
    exchange: str,
    market: str,
    symbol: str,
    kind: str,
    timeframe: str,
    exchanges: Simulator,
    config: Path,
    tmp_path: Path,
) -> None:
    assert exchanges.truth is not None
    minutes = truth.minutes(exchanges.truth, market, symbol, exchange, kind)
    expected = minutes if timeframe == "1m" else truth.aggregate(minutes, LENGTHS[timeframe])
    expected = expected.between(START_MS, END_MS)
    assert len(expected.open_time) == (END_MS - START_MS) // LENGTHS[timeframe]
    output = tmp_path / "bars.parquet"
    query = ["query", f"{exchange}.{market}.{symbol}:{kind}@{timeframe}", "--start", START, "--end", END]
    run([TDM, *query, "--fetch", "never", "--format", "parquet", "--output", output, "--config", config])
    bars = truth.stored(output)
    np.testing.assert_array_equal(bars.open_time, expected.open_time)
    for name in PRICES:
        np.testing.assert_array_equal(bars.columns[name], expected.columns[name], err_msg=name)
    assert np.isnan(bars.columns["volume"]).all()
    if kind == "premium":
        assert bars.columns["low"].min() < 0


def test_nothing_is_missing_and_nothing_was_refused(exchanges: Simulator, config: Path) -> None:
    assert {entry["status"] for entry in exchanges.requests()} == {200}
    gaps = run([TDM, "gaps", "bybit.*:*", "binance.*:*", "--json", "--config", config])
    assert json.loads(gaps.stdout)["gaps"] == []
    run([TDM, "verify", "--config", config])


def test_a_symbol_says_which_price_over_http(config: Path, tmp_path: Path) -> None:
    port = free_port()

    def fetch(words: str) -> dict[str, object]:
        range_ = f"timeframe=1h&start={START}&end={END}&fetch=never"
        url = f"http://127.0.0.1:{port}/api/v1/ohlcv?exchange=bybit&{words}&{range_}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            document: dict[str, object] = json.loads(answer.read())
            return document

    with server(tmp_path, config, port):
        named = fetch("symbol=BTCUSDT:mark")
        asked = fetch("symbol=BTCUSDT&price_kind=mark")
    assert named["series"] == {
        "exchange": "bybit",
        "market": "linear",
        "symbol": "BTCUSDT",
        "price_kind": "mark",
        "timeframe": "1h",
    }
    assert named["data"] == asked["data"]
