"""Clients that others wrote for the real exchange judge the simulated one: they read it and get the truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
import pandas as pd
import pytest
from pybit.unified_trading import HTTP
from road import Simulator, simulator

NOW = "2024-02-01T00:00:30Z"
MONTH = (pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-02-01", tz="UTC"))
HOURS = 31 * 24
SYMBOLS = ("bybit.linear.BTCUSDT", "bybit.linear.1000PEPEUSDT", "bybit.spot.ETHUSDT", "bybit.inverse.BTCUSD")
PRICES = ["open", "high", "low", "close"]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder: Path = tmp_path_factory.mktemp("clients")
    options = ("--truth-timeframes", "1m,1h", "--truth-symbols", ",".join(SYMBOLS))
    with simulator(folder, *options, now=NOW, first="2023-12-31", truth=True) as running:
        yield running


@pytest.fixture(scope="module")
def truth(exchange: Simulator) -> pd.DataFrame:
    assert exchange.truth is not None
    return pd.read_parquet(exchange.truth)


def rows_of(truth: pd.DataFrame, name: str, timeframe: str, first: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """The truth of one series, oldest first."""
    _, market, symbol = name.split(".")
    chosen = truth[(truth["market"] == market) & (truth["symbol"] == symbol) & (truth["timeframe"] == timeframe)]
    chosen = chosen[(chosen["open_time"] >= first) & (chosen["open_time"] < end)]
    return chosen.reset_index(drop=True)


def expect_equal(got: pd.DataFrame, expected: pd.DataFrame, columns: list[str]) -> None:
    """Every value, bit for bit."""
    pd.testing.assert_frame_equal(got[columns], expected[columns], check_dtype=False, check_exact=True)


@pytest.fixture(scope="module")
def ccxt_client(exchange: Simulator) -> Any:
    client = ccxt.bybit(
        {"enableRateLimit": False, "options": {"fetchMarkets": {"types": ["spot", "linear", "inverse"]}}}
    )
    client.urls["api"] = dict.fromkeys(client.urls["api"], exchange.base_url)
    return client


@pytest.fixture(scope="module")
def pybit_client(exchange: Simulator) -> Any:
    client = HTTP(testnet=False)
    client.endpoint = exchange.base_url
    return client


def ccxt_bars(client: Any, symbol: str, timeframe: str, first: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Pages forward, as its users do."""
    since = int(first.timestamp() * 1000)
    rows: list[list[float]] = []
    while True:
        page = client.fetch_ohlcv(symbol, timeframe, since, 1000)
        rows += [row for row in page if row[0] < end.timestamp() * 1000]
        if not page or page[-1][0] >= (end.timestamp() - 60) * 1000 or len(page) < 1000:
            break
        since = page[-1][0] + 1
    frame = pd.DataFrame(rows, columns=["open_time", *PRICES, "volume"])
    frame["open_time"] = pd.to_datetime(frame["open_time"], unit="ms", utc=True)
    return frame


CCXT_NAMES = {
    "bybit.linear.BTCUSDT": "BTC/USDT:USDT",
    "bybit.spot.ETHUSDT": "ETH/USDT",
    "bybit.inverse.BTCUSD": "BTC/USD:BTC",
    "bybit.linear.1000PEPEUSDT": "1000PEPE/USDT:USDT",
}


def test_ccxt_reads_the_instruments(ccxt_client: Any) -> None:
    markets = ccxt_client.load_markets()
    assert {name for name in CCXT_NAMES.values() if name in markets} == set(CCXT_NAMES.values())
    bitcoin = markets["BTC/USDT:USDT"]
    assert (bitcoin["id"], bitcoin["linear"], bitcoin["active"]) == ("BTCUSDT", True, True)
    assert bitcoin["precision"] == {**bitcoin["precision"], "price": 0.1, "amount": 0.001}
    assert markets["BTC/USD:BTC"]["inverse"]
    assert markets["BTC/USDC:USDC"]["id"] == "BTCPERP"


def test_ccxt_reads_the_time(ccxt_client: Any) -> None:
    assert ccxt_client.fetch_time() >= pd.Timestamp(NOW).timestamp() * 1000


@pytest.mark.parametrize("name", SYMBOLS)
def test_ccxt_reads_a_month_of_hours(ccxt_client: Any, truth: pd.DataFrame, name: str) -> None:
    got = ccxt_bars(ccxt_client, CCXT_NAMES[name], "1h", *MONTH)
    expected = rows_of(truth, name, "1h", *MONTH)
    assert len(expected) == HOURS
    expect_equal(got, expected, ["open_time", *PRICES, "volume"])


def test_ccxt_reads_days_of_minutes(ccxt_client: Any, truth: pd.DataFrame) -> None:
    first, end = MONTH[1] - pd.Timedelta(days=3), MONTH[1]
    got = ccxt_bars(ccxt_client, "BTC/USDT:USDT", "1m", first, end)
    expected = rows_of(truth, "bybit.linear.BTCUSDT", "1m", first, end)
    assert len(expected) == 3 * 1440
    expect_equal(got, expected, ["open_time", *PRICES, "volume"])


def pybit_bars(
    client: Any, name: str, interval: str, step_ms: int, first: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    """Windows of a thousand bars, each from an open time to an open time."""
    _, category, symbol = name.split(".")
    rows: list[list[str]] = []
    begin, stop = int(first.timestamp() * 1000), int(end.timestamp() * 1000)
    for start in range(begin, stop, 1000 * step_ms):
        last = min(start + 999 * step_ms, stop - step_ms)
        answer = client.get_kline(
            category=category, symbol=symbol, interval=interval, start=start, end=last, limit=1000
        )
        rows += reversed(answer["result"]["list"])
    frame = pd.DataFrame(rows, columns=["open_time", *PRICES, "volume", "quote_volume"]).astype(float)
    if category == "inverse":
        frame = frame.rename(columns={"volume": "quote_volume", "quote_volume": "volume"})
    frame["open_time"] = pd.to_datetime(frame["open_time"], unit="ms", utc=True)
    return frame


@pytest.mark.parametrize("name", SYMBOLS)
def test_pybit_reads_a_month_of_hours(pybit_client: Any, truth: pd.DataFrame, name: str) -> None:
    got = pybit_bars(pybit_client, name, "60", 3_600_000, *MONTH)
    expect_equal(got, rows_of(truth, name, "1h", *MONTH), ["open_time", *PRICES, "volume", "quote_volume"])


def test_pybit_reads_days_of_minutes(pybit_client: Any, truth: pd.DataFrame) -> None:
    first, end = MONTH[0], MONTH[0] + pd.Timedelta(days=3)
    got = pybit_bars(pybit_client, "bybit.inverse.BTCUSD", "1", 60_000, first, end)
    expected = rows_of(truth, "bybit.inverse.BTCUSD", "1m", first, end)
    expect_equal(got, expected, ["open_time", *PRICES, "volume", "quote_volume"])


def test_pybit_reads_the_instruments_page_by_page(pybit_client: Any) -> None:
    symbols: list[str] = []
    cursor = ""
    for _ in range(10):
        result = pybit_client.get_instruments_info(category="linear", limit=3, cursor=cursor)["result"]
        symbols += [row["symbol"] for row in result["list"]]
        cursor = result["nextPageCursor"]
        if not cursor:
            break
    else:
        pytest.fail("the pages do not end")
    assert symbols == sorted(set(symbols))
    assert {"BTCUSDT", "BTCPERP", "1000PEPEUSDT"} <= set(symbols)
    assert "LUNAUSDT" not in symbols


def test_pybit_sees_the_errors(pybit_client: Any) -> None:
    with pytest.raises(Exception, match="10001"):
        pybit_client.get_kline(category="linear", symbol="NOPE", interval="60")
