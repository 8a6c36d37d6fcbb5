"""Any Parquet reader can use the lake without us."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
import truth
from road import TDM, Simulator, run, write_config

START, END = 1_672_531_200_000, 1_677_628_800_000  # January and February 2023
ROWS = (END - START) // 60_000


@pytest.fixture(scope="module")
def lake(exchange: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    config = write_config(folder, exchange.base_url)
    series = "bybit.linear.BTCUSDT@1m"
    run([TDM, "backfill", series, "--start", "2023-01-01", "--end", "2023-02-28", "--config", config])
    run([TDM, "verify", series, "--config", config])
    return folder / "store/parquet"


def test_duckdb_reads_each_bar_once(lake: Path, exchange: Simulator) -> None:
    glob = f"{lake}/dataset=validated_ohlcv/**/*.parquet"
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select epoch_ms(open_time), open, high, low, close, volume from read_parquet(?) order by open_time", [glob]
        ).fetchnumpy()
    times = next(iter(rows.values()))
    assert exchange.truth is not None
    expected = truth.minutes(exchange.truth, "linear", "BTCUSDT").between(START, END)
    np.testing.assert_array_equal(times, expected.open_time)
    for name in truth.FIELDS:
        np.testing.assert_array_equal(rows[name], expected.columns[name], err_msg=name)


def test_polars_reads_both_layers(lake: Path) -> None:
    validated = pl.read_parquet(f"{lake}/dataset=validated_ohlcv/**/*.parquet", hive_partitioning=False)
    raw = pl.read_parquet(f"{lake}/dataset=raw_ohlcv/**/*.parquet", hive_partitioning=False)
    assert validated.height == raw.height == ROWS
    assert validated["open_time"].is_sorted() or validated["open_time"].n_unique() == ROWS
    assert validated.schema["open_time"] == pl.Datetime("us", "UTC")
    assert set(validated["finality"].cast(pl.String)) == {"confirmed"}
    assert raw.schema["close"] == pl.String
    joined = validated.select("open_time", "close").join(raw.select("open_time", text="close"), on="open_time")
    assert (joined["close"] == joined["text"].cast(pl.Float64)).all()
