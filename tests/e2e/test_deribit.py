"""Deribit's three markets walk the same road: the living and the dead, its silent cut, its credits and its day."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import truth
from road import SHARED, TDM, Simulator, free_port, run, server, simulator, write_config
from spoiled import Spoiled, Subject

HOUR = 3_600_000
DAY = 24 * HOUR
START, END = "2024-01-01", "2024-01-31"
START_MS, END_MS = (int(pd.Timestamp(day, tz="UTC").timestamp() * 1000) for day in ("2024-01-01", "2024-02-01"))
# Inverse and linear in one market, an option priced in coin that trades once in ten minutes, and a pair of coins.
INSTRUMENTS = [
    "deribit.future.BTC-PERPETUAL",
    "deribit.future.SOL_USDC-PERPETUAL",
    "deribit.option.BTC-29MAR24-60000-C",
    "deribit.spot.ETH_BTC",
]
LENGTHS = {"1m": 60_000, "1h": HOUR}
DEAD = "deribit.future.BTC-29DEC23"
EXPIRY_MS = int(pd.Timestamp("2023-12-29T08:00Z").timestamp() * 1000)
CHART = "/api/v2/public/get_tradingview_chart_data"
RECORDINGS = SHARED / "recordings/deribit"


def configure(folder: Path, base_url: str, more: str = "") -> Path:
    """At the pace that the credits permit, with the host of the dead."""
    history = f"    history_url: {base_url}/history\n"
    return write_config(folder, base_url, 20, exchange="deribit", more=history + more)


@pytest.fixture(scope="module")
def deribit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    symbols = ",".join([*INSTRUMENTS, DEAD])
    options = ("--truth-symbols", symbols, "--truth-timeframes", "1m,1h,4h")
    folder = tmp_path_factory.mktemp("deribit")
    with simulator(
        folder, *options, first="2023-12-01", now="2024-02-02T00:00:00Z", truth=True, exchange="deribit"
    ) as exchange:
        yield exchange


@dataclass(frozen=True)
class Store:
    folder: Path
    config: Path


@pytest.fixture(scope="module")
def store(deribit: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a month of hours and minutes of each."""
    folder = tmp_path_factory.mktemp("store")
    config = configure(folder, deribit.base_url)
    for timeframe in ("1h", "1m"):
        for instrument in INSTRUMENTS:
            series = f"{instrument}@{timeframe}"
            run([TDM, "backfill", series, "--start", START, "--end", END, "--config", config], timeout=200)
    return Store(folder, config)


def expected(deribit: Simulator, series: str) -> truth.Bars:
    assert deribit.truth is not None
    instrument, timeframe = series.split("@")
    _, market, symbol = instrument.split(".")
    return truth.closed(deribit.truth, market, symbol, timeframe, "deribit", truth.VALUES)


def check(bars: truth.Bars, wanted: truth.Bars) -> None:
    np.testing.assert_array_equal(bars.open_time, wanted.open_time)
    for name in bars.columns:
        np.testing.assert_array_equal(bars.columns[name], wanted.columns[name], err_msg=name)


def query(config: Path, output: Path, series: str, *options: str) -> truth.Bars:
    words = ["query", series, "--start", START, "--end", END, "--fetch", "never", "--on-gap", "raise", *options]
    run([TDM, *words, "--format", "parquet", "--output", output, "--config", config])
    return truth.stored(output)


def chart(base_url: str, symbol: str, resolution: str, start_ms: int, end_ms: int) -> dict[str, list[float]]:
    """What the exchange itself answers."""
    words = {"instrument_name": symbol, "resolution": resolution, "start_timestamp": start_ms, "end_timestamp": end_ms}
    with urllib.request.urlopen(f"{base_url}{CHART}?{urllib.parse.urlencode(words)}", timeout=20) as answer:
        result: dict[str, list[float]] = json.load(answer)["result"]
    return result


@pytest.mark.parametrize("timeframe", LENGTHS)
@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_what_is_stored_is_what_was_traded(instrument: str, timeframe: str, deribit: Simulator, store: Store) -> None:
    series = f"{instrument}@{timeframe}"
    wanted = expected(deribit, series).between(START_MS, END_MS)
    assert len(wanted.open_time) == (END_MS - START_MS) // LENGTHS[timeframe]
    bars, finality = truth.lake(store.folder, series, truth.VALUES)
    check(bars, wanted)  # in both directions: the same times
    assert finality == {"confirmed"}


def test_nothing_is_missing(store: Store) -> None:
    assert json.loads(run([TDM, "gaps", "deribit.*", "--json", "--config", store.config]).stdout)["gaps"] == []
    run([TDM, "verify", "--config", store.config])


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_longer_bars_are_derived(instrument: str, deribit: Simulator, store: Store, tmp_path: Path) -> None:
    bars = query(store.config, tmp_path / "bars.parquet", f"{instrument}@4h")
    check(bars, expected(deribit, f"{instrument}@4h").between(START_MS, END_MS))


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_the_exchanges_own_day_is_asked_for_by_name(
    instrument: str, deribit: Simulator, store: Store, tmp_path: Path
) -> None:
    bars = query(store.config, tmp_path / "bars.parquet", f"{instrument}@1d", "--day-start", "08:00")
    assert len(bars.open_time) == 30
    assert bars.open_time[0] == START_MS + 8 * HOUR
    minutes = expected(deribit, f"{instrument}@1m").between(START_MS + 8 * HOUR, END_MS - 16 * HOUR)
    shifted = truth.aggregate(truth.Bars(minutes.open_time - 8 * HOUR, minutes.columns), DAY)
    check(bars, truth.Bars(shifted.open_time + 8 * HOUR, shifted.columns))
    own = chart(deribit.base_url, instrument.split(".")[2], "1D", int(bars.open_time[0]), int(bars.open_time[-1]))
    assert own["ticks"] == list(bars.open_time)
    for name in truth.FIELDS:
        np.testing.assert_array_equal(bars.columns[name], own[name], err_msg=name)
    midnight = query(store.config, tmp_path / "midnight.parquet", f"{instrument}@1d")
    assert midnight.open_time[0] == START_MS
    assert len(midnight.open_time) == 31


def test_a_window_that_is_too_large_loses_its_oldest_in_silence_and_is_never_asked_for(
    deribit: Simulator, store: Store
) -> None:
    own = chart(deribit.base_url, "BTC-PERPETUAL", "1", START_MS, START_MS + 5_999 * 60_000)
    assert len(own["ticks"]) == 5_001
    assert own["ticks"][0] == START_MS + 999 * 60_000
    del store  # what it asked for is in the log
    pages = 0
    for entry in deribit.requests():
        if not entry["target"].endswith(("resolution=1", "resolution=60")):  # as the connector writes it
            continue
        words = dict(urllib.parse.parse_qsl(entry["target"].partition("?")[2]))
        length = int(words["resolution"]) * 60_000
        pages += 1
        assert (int(words["end_timestamp"]) - int(words["start_timestamp"])) // length < 5_000
        assert int(words["start_timestamp"]) % length == 0
    assert pages >= len(INSTRUMENTS) * 10


def test_no_credit_was_overdrawn(deribit: Simulator, store: Store) -> None:
    del store
    pools = {True: (500_000.0, 10_000), False: (50_000.0, 500)}
    left = {key: size for key, (size, _) in pools.items()}
    last = dict.fromkeys(pools, 0)
    asked = [entry for entry in deribit.requests() if "/history/" not in entry["target"]]
    assert len(asked) > len(INSTRUMENTS) * 10
    for entry in sorted(asked, key=lambda entry: entry["time_us"]):
        lists = "/get_instruments?" in entry["target"]
        size, cost = pools[lists]
        assert entry["weight"] == cost
        if last[lists]:
            left[lists] = min(size, left[lists] + (entry["time_us"] - last[lists]) / 1e6 * 10_000)
        last[lists] = entry["time_us"]
        left[lists] -= cost
        assert left[lists] >= 0
        assert entry.get("retCode") != 10028


def test_the_dead_keep_their_history(deribit: Simulator, tmp_path: Path) -> None:
    before = len(deribit.requests())
    config = configure(tmp_path, deribit.base_url)
    run([TDM, "backfill", f"{DEAD}@1h", "--start", "2023-12-15", "--end", "2024-01-10", "--config", config])
    bars, finality = truth.lake(tmp_path, f"{DEAD}@1h", truth.VALUES)
    first = int(pd.Timestamp("2023-12-15", tz="UTC").timestamp() * 1000)
    check(bars, expected(deribit, f"{DEAD}@1h").between(first, EXPIRY_MS))
    assert finality == {"confirmed"}
    assert bars.open_time[-1] == EXPIRY_MS - HOUR
    ledger = json.loads(run([TDM, "gaps", f"{DEAD}@1h", "--json", "--config", config]).stdout)["gaps"]
    assert {gap["cause"] for gap in ledger} <= {"not_listed"}
    asked = [entry for entry in deribit.requests()[before:] if CHART in entry["target"]]
    by_main = [entry for entry in asked if "/history/" not in entry["target"]]
    assert len(by_main) <= 1, "what the main host does not know is not asked of it again: that counts towards a ban"
    assert len(asked) > len(by_main)
    run([TDM, "verify", "--config", config])


def test_the_symbol_decides_its_market(deribit: Simulator, store: Store) -> None:
    port = free_port()
    names = {
        "BTC-PERPETUAL": "deribit.future.BTC-PERPETUAL",
        "btc-perpetual": "deribit.future.BTC-PERPETUAL",
        "BTC/USD:BTC": "deribit.future.BTC-PERPETUAL",
        "SOL/USDC:USDC": "deribit.future.SOL_USDC-PERPETUAL",
        "ETH_BTC": "deribit.spot.ETH_BTC",
        "BTC-29MAR24-60000-C": "deribit.option.BTC-29MAR24-60000-C",
        "XRP_USDC-28JUN24-0d625-C": "deribit.option.XRP_USDC-28JUN24-0d625-C",
    }
    with server(store.folder, store.config, port):
        base = f"http://127.0.0.1:{port}/api/v1"
        for symbol, instrument in names.items():
            words = {"exchange": "deribit", "symbol": symbol, "timeframe": "1h", "start": START, "end": "2024-01-02"}
            with urllib.request.urlopen(f"{base}/ohlcv?{urllib.parse.urlencode(words)}", timeout=60) as answer:
                document: dict[str, Any] = json.load(answer)
            assert document["provenance"]["instrument"] == instrument
            assert len(document["data"]) == 48
        with urllib.request.urlopen(f"{base}/instruments?exchange=deribit&market=future", timeout=60) as answer:
            listed = {entry["symbol"]: entry for entry in json.load(answer)["instruments"]}
    assert listed["BTC-PERPETUAL"]["active"]
    assert not listed["BTC-29DEC23"]["active"]


# ---- what the exchange does to its answers

# 10,080 minutes, three pages.
MINUTES = Subject(
    "deribit.future.BTC-PERPETUAL@1m",
    "2023-01-02",
    "2023-01-08",
    f"path: {CHART}, query: {{instrument_name: BTC-PERPETUAL, resolution: '1'}}",
    rate_limit=20,
)
ALWAYS = "nth: 1.."
ROW = "row: set, index: 5, raw: true"
CURED = [
    Spoiled("too_many_requests", "ret_code: 10028"),
    Spoiled("too_many_requests_twice", "ret_code: 10028", "count: 2"),
    Spoiled("too_many_requests_with_retry_after", "ret_code: 10028, reset: soon"),
    Spoiled("too_many_requests_with_retry_after_past", "ret_code: 10028, reset: past"),
    Spoiled("too_many_at_once", "ret_code: 10066"),
    Spoiled("retry", "ret_code: 10040"),
    Spoiled("settlement", "ret_code: 10041"),
    Spoiled("internal_error", "ret_code: 11094"),
    Spoiled("timed_out", "ret_code: 13888"),
    Spoiled("429_with_retry_after", "status: 429, retry_after: '1'"),
    Spoiled("429_without_retry_after", "status: 429, body: json"),
    Spoiled("500_with_html", "status: 500, body: html"),
    Spoiled("502_with_html", "status: 502, body: html"),
    Spoiled("cut_short", "cut: 0.5"),
    Spoiled("reset", "reset_connection: true"),
    Spoiled("late", "delay_s: 1"),
    Spoiled("row_twice", "row: duplicate, index: 5"),
    Spoiled("rows_out_of_order", "row: swap, index: 5"),
    Spoiled("no_time", "remove: usIn"),
    Spoiled("clock_behind", "skew_s: -5"),
    Spoiled("newest_rows_only", "short_page: 1000", "nth: 1"),
]
LOST = [
    Spoiled("row_missing", "row: drop, index: 5", missing=1),
    Spoiled("page_short", "short_page: 100", "nth: 1", missing=-1),
    Spoiled("price_null", f"{ROW}, column: close, value: 'null'", missing=1, rejected="S9"),
    Spoiled("price_is_a_word", "row: set, index: 5, column: open, value: NaN", missing=1, rejected="S1"),
    Spoiled("price_beyond_doubles", f"{ROW}, column: high, value: 1e400", missing=1, rejected="S"),
    Spoiled("high_below_low", f"{ROW}, column: high, value: '0.1'", missing=1, rejected="S2"),
    Spoiled("volume_negative", f"{ROW}, column: volume, value: '-3'", missing=1, rejected="S1"),
    Spoiled("cost_null", f"{ROW}, column: turnover, value: 'null'", missing=1, rejected="S9"),
]
REFUSED = [
    Spoiled("ticks_renamed", "rename: {from: ticks, to: times}", ALWAYS, says="deribit"),
    Spoiled("columns_of_unequal_length", "row: shorten, index: 5", ALWAYS, says="ticks has"),
    Spoiled("column_missing", "remove: cost", ALWAYS, says="cost"),
    Spoiled("result_missing", "remove: result", ALWAYS, says="deribit"),
    Spoiled("not_json", "status: 403, body: html", ALWAYS, says="403"),
    Spoiled("always_cut", "cut: 0.7", ALWAYS, says="deribit"),
    Spoiled("endless", "endless: true", ALWAYS, says="deribit"),
    Spoiled("switched_off", "ret_code: 13025", ALWAYS, says="13025"),
    Spoiled("strange_code", "ret_code: 77777", ALWAYS, says="77777"),
    Spoiled("page_does_not_move", "same_page: true", ALWAYS, says="deribit"),
]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with MINUTES.clean(tmp_path_factory.mktemp("clean")) as exchange:
        yield exchange


@pytest.mark.parametrize("case", CURED, ids=lambda case: case.name)
def test_what_asking_again_cures_is_complete(case: Spoiled, clean: Simulator, tmp_path: Path) -> None:
    MINUTES.check_cured(case, clean, tmp_path)


@pytest.mark.parametrize("case", LOST, ids=lambda case: case.name)
def test_what_the_exchange_does_not_give_is_a_gap(case: Spoiled, clean: Simulator, tmp_path: Path) -> None:
    MINUTES.check_lost(case, clean, tmp_path)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_cannot_be_understood_ends_in_a_named_error(case: Spoiled, clean: Simulator, tmp_path: Path) -> None:
    MINUTES.check_refused(case, clean, tmp_path, heals=case.name != "page_does_not_move")


# ---- recordings

needs_recordings = pytest.mark.skipif(not RECORDINGS.exists(), reason="needs ../shared")


def decoded(file: Path, channel: str, *options: str) -> list[dict[str, Any]]:
    done = run([TDM, "decode", "deribit", "--market", "future", "--channel", channel, *options, file])
    return [json.loads(line) for line in done.stdout.splitlines()]


def recorded() -> dict[str, tuple[str, set[str]]]:
    """Files of answers and messages as the exchange sends them, their channel, and what they are."""
    folder = "nautilus_trader"
    return {
        "cryptofeed/DERIBIT.0": ("rest", {"control", "instrument"}),
        "cryptofeed/DERIBIT.ws.1.0": ("ws", {"book", "control", "ticker"}),
        "cryptofeed/DERIBIT.ws.30.0": ("ws", {"book", "control", "ticker"}),
        "crypto_msg_parser/rest_responses.jsonl": ("rest", {"book", "ticker"}),
        "crypto_msg_parser/ws_messages.jsonl": ("ws", {"bar", "book", "ticker", "trade"}),
        "tardis_node/ws_messages.jsonl": ("ws", {"book", "ticker", "trade"}),
        f"{folder}/http_get_tradingview_chart_data.json": ("rest", {"bar"}),
        f"{folder}/http_get_instrument.json": ("rest", {"instrument"}),
        f"{folder}/http_get_instruments_future_combo.json": ("rest", {"instrument"}),
        f"{folder}/http_get_last_trades.json": ("rest", {"trade"}),
        f"{folder}/http_get_last_trades_future_combo.json": ("rest", {"trade"}),
        f"{folder}/http_get_last_trades_option_combo.json": ("rest", {"trade"}),
        f"{folder}/http_get_order_book.json": ("rest", {"book"}),
        f"{folder}/ws_book_grouped_snapshot.json": ("ws", {"book"}),
        f"{folder}/ws_chart.json": ("ws", {"bar"}),
        f"{folder}/ws_quote.json": ("ws", {"ticker"}),
        f"{folder}/ws_ticker.json": ("ws", {"ticker"}),
        f"{folder}/ws_trades.json": ("ws", {"trade"}),
        f"{folder}/ws_trades_option_combo.json": ("ws", {"trade"}),
    }


@needs_recordings
@pytest.mark.parametrize("file", recorded())
def test_every_recorded_line_is_decoded(file: str) -> None:
    channel, kinds = recorded()[file]
    request = f"{CHART}?instrument_name=BTC-PERPETUAL&resolution=1" if "chart_data" in file else ""
    lines = decoded(RECORDINGS / file, channel, *(["--request", request] if request else []))
    assert {line["kind"] for line in lines} == kinds


@needs_recordings
def test_what_is_no_market_data_says_so(tmp_path: Path) -> None:
    documents = [json.loads(line) for line in (RECORDINGS / "observed_errors/errors.jsonl").read_text().splitlines()]
    (tmp_path / "errors.jsonl").write_text("\n".join(json.dumps(document["response"]) for document in documents))
    lines = decoded(tmp_path / "errors.jsonl", "rest")
    assert [line["kind"] for line in lines] == ["error"] * 3
    for line, document in zip(lines, documents, strict=True):
        assert str(document["response"]["error"]["code"]) in line["message"]
    expirations = decoded(RECORDINGS / "nautilus_trader/http_get_expirations_any.json", "rest")
    assert [line["kind"] for line in expirations] == ["error"]


@needs_recordings
def test_recorded_decimals_pass_the_road_untouched(tmp_path: Path) -> None:
    result = json.loads(
        (RECORDINGS / "nautilus_trader/http_get_tradingview_chart_data.json").read_text(), parse_float=str
    )["result"]
    bounds = ["--start", str(result["ticks"][0]), "--end", str(result["ticks"][-1] + 60_000)]
    series = "deribit.future.BTC-PERPETUAL@1m"
    with simulator(tmp_path, "--replay", RECORDINGS, now="2025-12-24T00:00:00Z", exchange="deribit") as exchange:
        config = configure(tmp_path, exchange.base_url)
        run([TDM, "backfill", series, *bounds, "--config", config])
    lake = pl.read_parquet(f"{tmp_path}/store/parquet/dataset=raw_ohlcv/**/*.parquet", hive_partitioning=False)
    lake = lake.sort("open_time")
    names = {"open": "open", "high": "high", "low": "low", "close": "close", "volume": "volume", "quote_volume": "cost"}
    for ours, theirs in names.items():
        assert [float(text) for text in lake[ours]] == [float(text) for text in result[theirs]], ours
    bars, finality = truth.lake(tmp_path, series)
    assert list(bars.open_time) == result["ticks"]
    assert finality == {"confirmed"}
