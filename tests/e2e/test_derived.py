"""Minutes that are stored answer every longer timeframe, asking nobody, with the exchange's own values."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import truth
from road import PYTHON, TDM, Simulator, environment, free_port, run, server, write_config

HOUR = 3_600_000
DAY = 24 * HOUR
MONDAY = 4 * DAY  # the first one after the epoch
START, END = "2023-01-02", "2023-02-28"
START_MS, END_MS = (int(pd.Timestamp(day, tz="UTC").timestamp() * 1000) for day in ("2023-01-02", "2023-03-01"))
INSTRUMENT = "bybit.linear.BTCUSDT"
LENGTHS = {"1h": (HOUR, 0), "4h": (4 * HOUR, 0), "8h": (8 * HOUR, 0), "1d": (DAY, 0), "1w": (7 * DAY, MONDAY)}
VALUES = ["open", "high", "low", "close", "volume", "quote_volume"]
SCRIPT = """
import sys
from trading_data_market.client import MarketDataClient
client = MarketDataClient(mode="backtest")
frame = client.get_historical_data("BTCUSDT", "bybit", sys.argv[2], "2023-01-02", "2023-02-28", fetch="never",
                                   day_start=sys.argv[3] or None)
frame.to_pickle(sys.argv[1])
"""


@pytest.fixture(scope="module")
def minutes(exchange: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose store holds the minutes of eight weeks and a day, and nothing else."""
    config = write_config(tmp_path_factory.mktemp("minutes"), exchange.base_url)
    run([TDM, "backfill", f"{INSTRUMENT}@1m", "--start", START, "--end", END, "--config", config])
    return config


@pytest.fixture(scope="module")
def base_url(minutes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    with server(tmp_path_factory.mktemp("server"), minutes, port):
        yield f"http://127.0.0.1:{port}"


def expected(exchange: Simulator, timeframe: str, day_start_ms: int = 0) -> truth.Bars:
    """The whole bars of the range, made of what was traded."""
    assert exchange.truth is not None
    length, shift = LENGTHS[timeframe]
    shift += day_start_ms
    bars = truth.minutes(exchange.truth, "linear", "BTCUSDT")
    longer = truth.aggregate(truth.Bars(bars.open_time - shift, bars.columns), length)
    longer = truth.Bars(longer.open_time + shift, longer.columns)
    return longer.between(START_MS, END_MS - length + 1)


def check(times: np.ndarray, columns: dict[str, np.ndarray], wanted: truth.Bars) -> None:
    np.testing.assert_array_equal(times, wanted.open_time)
    for name in truth.FIELDS:
        np.testing.assert_array_equal(columns[name], wanted.columns[name], err_msg=name)


def fetch(url: str, form: str = "json") -> Any:
    with urllib.request.urlopen(f"{url}&format={form}", timeout=60) as answer:
        body = answer.read()
    return json.loads(body) if form == "json" else pa.ipc.open_stream(body).read_all()


@pytest.mark.parametrize("timeframe", LENGTHS)
def test_stored_minutes_answer_without_the_exchange(
    minutes: Path, exchange: Simulator, tmp_path: Path, timeframe: str
) -> None:
    before = len(exchange.requests())
    query: list[str | Path] = [
        "query",
        f"{INSTRUMENT}@{timeframe}",
        "--start",
        START,
        "--end",
        END,
        "--config",
        minutes,
    ]
    options: list[str | Path] = [
        "--fetch",
        "never",
        "--on-gap",
        "raise",
        "--format",
        "parquet",
        "--output",
        tmp_path / "bars.parquet",
    ]
    said = run([TDM, *query, *options]).stderr
    assert f"derived from {INSTRUMENT}@1m" in said
    bars = truth.stored(tmp_path / "bars.parquet")
    wanted = expected(exchange, timeframe)
    assert len(wanted.open_time) == (END_MS - START_MS) // LENGTHS[timeframe][0]
    check(bars.open_time, bars.columns, wanted)
    assert len(exchange.requests()) == before


def test_a_base_that_holds_the_range_is_not_fetched_again(minutes: Path, exchange: Simulator) -> None:
    before = len(exchange.requests())
    query: list[str | Path] = [
        TDM,
        "query",
        f"{INSTRUMENT}@1h",
        "--start",
        START,
        "--end",
        END,
        "--config",
        minutes,
        "--json",
    ]
    answer = json.loads(run(query).stdout)
    assert answer["provenance"]["derived"] == f"{INSTRUMENT}@1m"
    assert answer["provenance"]["fetched"] == 0
    assert answer["provenance"]["rows"] == answer["provenance"]["expected"] == 58 * 24
    assert len(exchange.requests()) == before


def test_derived_bars_are_the_exchanges_own(
    exchange: Simulator, base_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("native")
    port = free_port()
    with server(folder, write_config(folder, exchange.base_url), port):
        # The longest first: what is stored of a shorter one would answer for it.
        for timeframe in ("1M", "1w", "1d", "12h", "6h", "2h", "1h", "30m", "3m"):
            words = f"exchange=bybit&symbol=BTCUSDT&timeframe={timeframe}&start={START}&end={END}&columns=all"
            native = fetch(f"http://127.0.0.1:{port}/api/v1/ohlcv?{words}", "arrow")
            derived = fetch(f"{base_url}/api/v1/ohlcv?{words}&fetch=never", "arrow")
            assert json.loads(native.schema.metadata[b"tdm.provenance"])["derived"] is None
            assert json.loads(derived.schema.metadata[b"tdm.provenance"])["derived"] == f"{INSTRUMENT}@1m"
            assert derived["open_time"].equals(native["open_time"]), timeframe
            assert native.num_rows > 0
            for name in VALUES:
                np.testing.assert_array_equal(derived[name].to_numpy(), native[name].to_numpy(), f"{timeframe} {name}")
            assert set(derived["finality"].to_pylist()) == {"confirmed"}


def test_a_timeframe_the_exchange_lacks_is_fetched_as_what_makes_it(exchange: Simulator, tmp_path: Path) -> None:
    config = write_config(tmp_path, exchange.base_url)
    priced = run([TDM, "backfill", f"{INSTRUMENT}@8h", "--start", START, "--end", END, "--dry-run", "--config", config])
    assert f"{INSTRUMENT}@4h" in priced.stdout
    query: list[str | Path] = ["query", f"{INSTRUMENT}@8h", "--start", START, "--end", END, "--config", config]
    done = run([TDM, *query, "--format", "parquet", "--output", tmp_path / "bars.parquet"])
    assert f"derived from {INSTRUMENT}@4h" in done.stderr
    bars = truth.stored(tmp_path / "bars.parquet")
    check(bars.open_time, bars.columns, expected(exchange, "8h"))
    listed = json.loads(run([TDM, "list", "--json", "--config", config]).stdout)["series"]
    assert [entry["series"] for entry in listed] == [f"{INSTRUMENT}@4h"]
    coverage = json.loads(run([TDM, "coverage", f"{INSTRUMENT}@8h", "--json", "--config", config]).stdout)["coverage"]
    assert [(entry["series"], entry["present"], entry["gap_count"]) for entry in coverage] == [
        (f"{INSTRUMENT}@8h", 58 * 3, 0)
    ]


def test_what_is_absent_is_named(minutes: Path, exchange: Simulator) -> None:
    before = len(exchange.requests())
    query: list[str | Path] = [
        "query",
        f"{INSTRUMENT}@4h",
        "--start",
        "2023-01-01",
        "--end",
        "2023-01-02",
        "--fetch",
        "never",
    ]
    answer = json.loads(run([TDM, *query, "--config", minutes, "--format", "json"]).stdout)
    assert len(answer["data"]) == 6
    gap = answer["provenance"]["gaps"][0]
    assert (gap["bars"], gap["cause"], gap["series"]) == (6, "unknown", f"{INSTRUMENT}@4h")
    assert gap["evidence"] == f"1440 absent bars of {INSTRUMENT}@1m: not fetched"
    refused = run([TDM, *query, "--config", minutes, "--on-gap", "raise"], code=1)
    assert f"tdm backfill '{INSTRUMENT}@4h'" in refused.stderr
    assert len(exchange.requests()) == before


def test_all_doors_give_the_same_bars(minutes: Path, exchange: Simulator, base_url: str, tmp_path: Path) -> None:
    wanted = expected(exchange, "1d")
    url = f"{base_url}/api/v1/ohlcv?exchange=bybit&symbol=BTCUSDT&timeframe=1d&start={START}&end={END}&fetch=never"
    rows = fetch(url)
    assert rows["provenance"]["derived"] == f"{INSTRUMENT}@1m"
    table = fetch(url, "arrow")
    check(np.array([row[0] for row in rows["data"]]), {n: table[n].to_numpy() for n in truth.FIELDS}, wanted)
    over_url = ["query", f"{INSTRUMENT}@1d", "--start", START, "--end", END, "--fetch", "never", "--url", base_url]
    assert json.loads(run([TDM, *over_url, "--json"]).stdout)["data"] == rows["data"]
    run([PYTHON, "-c", SCRIPT, tmp_path / "frame.pickle", "1d", ""], env=environment(minutes))
    frame: pd.DataFrame = pd.read_pickle(tmp_path / "frame.pickle")
    check(frame.index.as_unit("ms").asi8, {n: frame[n].to_numpy() for n in truth.FIELDS}, wanted)
    assert frame.attrs["provenance"]["derived"] == f"{INSTRUMENT}@1m"


def test_a_day_may_begin_at_eight(minutes: Path, exchange: Simulator, base_url: str, tmp_path: Path) -> None:
    wanted = expected(exchange, "1d", 8 * HOUR)
    assert len(wanted.open_time) == 57
    words = f"exchange=bybit&symbol=BTCUSDT&timeframe=1d&start={START}&end={END}&fetch=never&day_start=08:00"
    answer = fetch(f"{base_url}/api/v1/ohlcv?{words}")
    assert answer["provenance"]["day_start"] == "08:00"
    assert [row[0] for row in answer["data"]] == list(wanted.open_time)
    query: list[str | Path] = [
        "query",
        f"{INSTRUMENT}@1d",
        "--start",
        START,
        "--end",
        END,
        "--fetch",
        "never",
        "--day-start",
        "08:00",
    ]
    options: list[str | Path] = ["--format", "parquet", "--output", tmp_path / "bars.parquet", "--config", minutes]
    run([TDM, *query, *options])
    bars = truth.stored(tmp_path / "bars.parquet")
    check(bars.open_time, bars.columns, wanted)
    run([PYTHON, "-c", SCRIPT, tmp_path / "frame.pickle", "1d", "08:00"], env=environment(minutes))
    frame: pd.DataFrame = pd.read_pickle(tmp_path / "frame.pickle")
    check(frame.index.as_unit("ms").asi8, {n: frame[n].to_numpy() for n in truth.FIELDS}, wanted)
    refused = run(
        [TDM, "query", f"{INSTRUMENT}@4h", "--day-start", "08:00", "--start", START, "--end", END, "--config", minutes],
        code=2,
    )
    assert "day_start" in refused.stderr
