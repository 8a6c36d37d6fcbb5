"""Binance's three markets walk the same road: what is stored is what was traded, and no quota was broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import truth
from road import TDM, Simulator, run, simulator, write_config

START, END = "2023-01-02", "2023-01-31"
START_MS, END_MS = (int(pd.Timestamp(day, tz="UTC").timestamp() * 1000) for day in ("2023-01-02", "2023-02-01"))
INSTRUMENTS = [("spot", "BTCUSDT"), ("usdm", "BTCUSDT"), ("coinm", "BTCUSD_PERP")]
LENGTHS = {"1m": 60_000, "4h": 4 * 3_600_000}


@pytest.fixture(scope="module")
def binance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    symbols = ("--truth-symbols", ",".join(sorted({symbol for _, symbol in INSTRUMENTS})))
    folder = tmp_path_factory.mktemp("binance")
    with simulator(folder, *symbols, first="2022-12-01", truth=True, exchange="binance") as exchange:
        yield exchange


@pytest.fixture(scope="module")
def config(binance: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds four hours of each market as it sent them, and the minutes."""
    config = write_config(tmp_path_factory.mktemp("store"), binance.base_url, 40, exchange="binance")
    for market, symbol in INSTRUMENTS:
        for timeframe in LENGTHS:
            series = f"binance.{market}.{symbol}@{timeframe}"
            run([TDM, "backfill", series, "--start", START, "--end", END, "--config", config], timeout=200)
    return config


@pytest.mark.parametrize(("market", "symbol"), INSTRUMENTS)
@pytest.mark.parametrize("timeframe", LENGTHS)
def test_what_is_stored_is_what_was_traded(
    market: str, symbol: str, timeframe: str, binance: Simulator, config: Path, tmp_path: Path
) -> None:
    assert binance.truth is not None
    minutes = truth.minutes(binance.truth, market, symbol, exchange="binance")
    expected = minutes if timeframe == "1m" else truth.aggregate(minutes, LENGTHS[timeframe])
    expected = expected.between(START_MS, END_MS)
    assert len(expected.open_time) == (END_MS - START_MS) // LENGTHS[timeframe]
    output = tmp_path / "bars.parquet"
    query = ["query", f"binance.{market}.{symbol}@{timeframe}", "--start", START, "--end", END, "--fetch", "never"]
    run([TDM, *query, "--format", "parquet", "--output", output, "--config", config])
    bars = truth.stored(output)
    np.testing.assert_array_equal(bars.open_time, expected.open_time)
    for name in truth.FIELDS:
        np.testing.assert_array_equal(bars.columns[name], expected.columns[name], err_msg=name)


def test_nothing_is_missing_and_nothing_was_refused(binance: Simulator, config: Path) -> None:
    asked = binance.requests()
    assert len(asked) > len(INSTRUMENTS) * 40
    assert {entry["status"] for entry in asked} == {200}
    assert json.loads(run([TDM, "gaps", "binance.*", "--json", "--config", config]).stdout)["gaps"] == []
    run([TDM, "verify", "--config", config])


def test_a_market_is_named_when_it_has_to_be(binance: Simulator, config: Path) -> None:
    del binance
    unknown = ["query", "binance.margin.BTCUSDT@1h", "--start", START, "--end", END, "--config", str(config)]
    said = run([TDM, *unknown], code=2).stderr
    for market, _ in INSTRUMENTS:
        assert market in said
