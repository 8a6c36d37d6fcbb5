"""A client that others wrote for the real Binance judges the simulated one: it reads it and gets the truth."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
import pandas as pd
import pytest
from road import Simulator, simulator

NOW = "2024-02-01T00:00:30Z"
MONTH = (pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-02-01", tz="UTC"))
HOURS = 31 * 24
NAMES = {
    "binance.spot.BTCUSDT": "BTC/USDT",
    "binance.spot.ETHBTC": "ETH/BTC",
    "binance.usdm.BTCUSDT": "BTC/USDT:USDT",
    "binance.usdm.1000PEPEUSDT": "1000PEPE/USDT:USDT",
    "binance.usdm.BTCUSDT_240329": "BTC/USDT:USDT-240329",
    "binance.coinm.BTCUSD_PERP": "BTC/USD:BTC",
    "binance.coinm.ETHUSD_PERP": "ETH/USD:ETH",
}
PATHS = {"spot": "/api/v3", "usdm": "/fapi/v1", "coinm": "/dapi/v1"}
PRICES = ["open", "high", "low", "close"]
BARS = ["open_time", *PRICES, "volume"]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder: Path = tmp_path_factory.mktemp("binance")
    options = ("--truth-timeframes", "1m,1h", "--truth-symbols", ",".join(NAMES))
    with simulator(folder, *options, now=NOW, first="2023-12-31", truth=True, exchange="binance") as running:
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


def client_of(base_url: str) -> Any:
    """A ccxt client whose public addresses are the simulated ones."""
    client = ccxt.binance({"enableRateLimit": False})
    hosts = {"public": "/api/v3", "fapiPublic": "/fapi/v1", "dapiPublic": "/dapi/v1"}
    client.urls["api"] = {name: base_url + hosts.get(name, "/nothing") for name in client.urls["api"]}
    return client


@pytest.fixture(scope="module")
def client(exchange: Simulator) -> Any:
    return client_of(exchange.base_url)


def test_ccxt_reads_the_instruments(client: Any) -> None:
    markets = client.load_markets()
    assert set(NAMES.values()) <= set(markets)
    spot, linear, inverse = markets["BTC/USDT"], markets["BTC/USDT:USDT"], markets["BTC/USD:BTC"]
    assert (spot["id"], spot["spot"], spot["active"]) == ("BTCUSDT", True, True)
    assert (spot["precision"]["price"], spot["precision"]["amount"]) == (0.01, 0.00001)
    assert (linear["id"], linear["linear"], linear["contractSize"]) == ("BTCUSDT", True, 1)
    assert (linear["precision"]["price"], linear["created"]) == (0.1, 1_569_398_400_000)
    assert (inverse["id"], inverse["inverse"], inverse["contractSize"]) == ("BTCUSD_PERP", True, 100)
    future = markets["BTC/USDT:USDT-240329"]
    assert pd.Timestamp(future["expiry"], unit="ms", tz="UTC") == pd.Timestamp("2024-03-29T08:00Z")
    assert not markets["SRM/USDT"]["active"]
    assert not markets["FTT/USDT:USDT"]["active"]


def test_ccxt_reads_the_time(client: Any) -> None:
    for kind in ("spot", "linear", "inverse"):
        client.options["defaultType"] = {"spot": "spot", "linear": "swap", "inverse": "delivery"}[kind]
        assert client.fetch_time() >= pd.Timestamp(NOW).timestamp() * 1000
    client.options["defaultType"] = "spot"


def bars_of(client: Any, symbol: str, timeframe: str, first: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Pages forward, as its users do."""
    since, stop = int(first.timestamp() * 1000), int(end.timestamp() * 1000)
    rows: list[list[float]] = []
    while True:
        page = client.fetch_ohlcv(symbol, timeframe, since, 1000)
        rows += [row for row in page if row[0] < stop]
        if not page or page[-1][0] >= stop - 60_000 or len(page) < 1000:
            break
        since = page[-1][0] + 1
    frame = pd.DataFrame(rows, columns=BARS)
    frame["open_time"] = pd.to_datetime(frame["open_time"], unit="ms", utc=True)
    return frame


@pytest.mark.parametrize("name", NAMES)
def test_ccxt_reads_a_month_of_hours(client: Any, truth: pd.DataFrame, name: str) -> None:
    expected = rows_of(truth, name, "1h", *MONTH)
    assert len(expected) == HOURS
    expect_equal(bars_of(client, NAMES[name], "1h", *MONTH), expected, BARS)


@pytest.mark.parametrize("name", ["binance.spot.BTCUSDT", "binance.usdm.1000PEPEUSDT", "binance.coinm.ETHUSD_PERP"])
def test_ccxt_reads_a_month_of_minutes(client: Any, truth: pd.DataFrame, name: str) -> None:
    expected = rows_of(truth, name, "1m", *MONTH)
    assert len(expected) == HOURS * 60
    expect_equal(bars_of(client, NAMES[name], "1m", *MONTH), expected, BARS)


def ask(exchange: Simulator, target: str) -> Any:
    with urllib.request.urlopen(exchange.base_url + target, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.parametrize("name", NAMES)
def test_both_volumes_are_the_truths(exchange: Simulator, truth: pd.DataFrame, name: str) -> None:
    _, market, symbol = name.split(".")
    first, end = (int(bound.timestamp() * 1000) for bound in (MONTH[0], MONTH[0] + pd.Timedelta(days=30)))
    query = f"symbol={symbol}&interval=1h&startTime={first}&endTime={end - 1}&limit=1000"
    page = ask(exchange, f"{PATHS[market]}/klines?{query}")
    expected = rows_of(truth, name, "1h", MONTH[0], MONTH[0] + pd.Timedelta(days=30))
    size = {"BTCUSD_PERP": 100, "ETHUSD_PERP": 10}.get(symbol)
    volumes = [float(row[7 if size else 5]) for row in page]
    quotes = [float(row[5]) * size if size else float(row[7]) for row in page]
    assert volumes == expected["volume"].to_list()
    assert quotes == expected["quote_volume"].to_list()
    assert all(0 <= float(row[9]) <= float(row[5]) and 0 <= float(row[10]) <= float(row[7]) for row in page)


def test_ccxt_reads_other_prices(client: Any) -> None:
    since = int(MONTH[0].timestamp() * 1000)
    for symbol in ("BTC/USDT:USDT", "BTC/USD:BTC"):
        last = client.fetch_ohlcv(symbol, "1h", since, 24)
        for price in ("mark", "index"):
            page = client.fetch_ohlcv(symbol, "1h", since, 24, {"price": price})
            assert [row[0] for row in page] == [row[0] for row in last]
            assert all(abs(row[4] / other[4] - 1) < 0.01 for row, other in zip(page, last, strict=True))
    premium = client.fetch_ohlcv("BTC/USDT:USDT", "1h", since, 100, {"price": "premiumIndex"})
    assert any(row[4] < 0 for row in premium)


def test_ccxt_sees_the_errors(client: Any) -> None:
    with pytest.raises(ccxt.BadSymbol):
        client.publicGetKlines({"symbol": "NOPE", "interval": "1h"})
    with pytest.raises(ccxt.BadRequest):
        client.fapiPublicGetKlines({"symbol": "BTCUSDT", "interval": "7h"})
    with pytest.raises(ccxt.BadRequest):
        client.dapiPublicGetKlines({"symbol": "BTCUSD_PERP", "interval": "1h", "limit": 1501})


def test_ccxt_sees_the_budget_and_the_ban(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("binance: {spot_weight: 10, ban_after: 1}\n")
    with simulator(tmp_path, "--script", script, now=NOW, exchange="binance") as running:
        client = client_of(running.base_url)
        request = {"symbol": "BTCUSDT", "interval": "1h"}
        for _ in range(5):
            client.publicGetKlines(request)
        with pytest.raises(ccxt.DDoSProtection, match=r"429 .* current limit is 10 request weight"):
            client.publicGetKlines(request)
        with pytest.raises(ccxt.DDoSProtection, match=r"418 .* IP banned until"):
            client.publicGetKlines(request)
        assert client.last_response_headers["X-MBX-USED-WEIGHT-1M"] == "14"
        client.fapiPublicGetKlines(request)  # another budget
