"""A client that others wrote for the real Deribit judges the simulated one: it reads it and gets the truth."""

from __future__ import annotations

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
    "deribit.future.BTC-PERPETUAL": "BTC/USD:BTC",
    "deribit.future.BTC_USDC-PERPETUAL": "BTC/USDC:USDC",
    "deribit.future.BTC-29MAR24": "BTC/USD:BTC-240329",
    "deribit.option.BTC-29MAR24-60000-C": "BTC/USD:BTC-240329-60000-C",
    "deribit.spot.ETH_BTC": "ETH/BTC",
}
BARS = ["open_time", "open", "high", "low", "close", "volume"]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder: Path = tmp_path_factory.mktemp("deribit")
    options = ("--truth-timeframes", "1m,1h", "--truth-symbols", ",".join(NAMES))
    with simulator(folder, *options, now=NOW, first="2023-12-31", truth=True, exchange="deribit") as running:
        yield running


@pytest.fixture(scope="module")
def truth(exchange: Simulator) -> pd.DataFrame:
    assert exchange.truth is not None
    return pd.read_parquet(exchange.truth)


def client_of(base_url: str) -> Any:
    """A ccxt client whose address is the simulated one."""
    client = ccxt.deribit({"enableRateLimit": False})
    client.urls["api"] = {"rest": base_url}
    return client


@pytest.fixture(scope="module")
def client(exchange: Simulator) -> Any:
    return client_of(exchange.base_url)


def rows_of(truth: pd.DataFrame, name: str, timeframe: str, first: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """The truth of one series, oldest first."""
    _, market, symbol = name.split(".")
    chosen = truth[(truth["market"] == market) & (truth["symbol"] == symbol) & (truth["timeframe"] == timeframe)]
    chosen = chosen[(chosen["open_time"] >= first) & (chosen["open_time"] < end)]
    return chosen.reset_index(drop=True)


def bars_of(client: Any, symbol: str, timeframe: str, first: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """One page, as ccxt asks for it."""
    since, stop = int(first.timestamp() * 1000), int(end.timestamp() * 1000)
    page = client.fetch_ohlcv(symbol, timeframe, since, 4500, {"until": stop - 1})
    frame = pd.DataFrame([row for row in page if since <= row[0] < stop], columns=BARS)
    frame["open_time"] = pd.to_datetime(frame["open_time"], unit="ms", utc=True)
    return frame


def test_ccxt_reads_the_instruments(client: Any) -> None:
    markets = client.load_markets()
    assert set(NAMES.values()) <= set(markets)
    assert markets["BTC/USD:BTC"]["inverse"]
    assert markets["BTC/USD:BTC"]["contractSize"] == 10
    assert markets["BTC/USDC:USDC"]["linear"]
    assert markets["BTC/USD:BTC-240329-60000-C"]["strike"] == 60000
    assert not any("29DEC23" in market["id"] for market in markets.values())


@pytest.mark.parametrize("name", NAMES)
def test_ccxt_reads_a_month_of_hours(client: Any, truth: pd.DataFrame, name: str) -> None:
    expected = rows_of(truth, name, "1h", *MONTH)
    assert len(expected) == HOURS
    got = bars_of(client, NAMES[name], "1h", *MONTH)
    pd.testing.assert_frame_equal(got[BARS], expected[BARS], check_dtype=False, check_exact=True)


def test_ccxt_reads_days_of_minutes(client: Any, truth: pd.DataFrame) -> None:
    first, end = MONTH[1] - pd.Timedelta(days=3), MONTH[1]
    expected = rows_of(truth, "deribit.future.BTC-PERPETUAL", "1m", first, end)
    assert len(expected) == 3 * 1440
    got = bars_of(client, "BTC/USD:BTC", "1m", first, end)
    pd.testing.assert_frame_equal(got[BARS], expected[BARS], check_dtype=False, check_exact=True)


def test_ccxt_reads_the_time(client: Any) -> None:
    assert client.fetch_time() >= pd.Timestamp(NOW).timestamp() * 1000


def test_ccxt_sees_the_errors(client: Any) -> None:
    window = {"start_timestamp": 0, "end_timestamp": 1, "resolution": "60"}
    with pytest.raises(ccxt.ExchangeError, match="instrument not found"):
        client.publicGetGetTradingviewChartData({"instrument_name": "NOPE", **window})
    with pytest.raises(ccxt.BadRequest, match="resolution"):
        client.publicGetGetTradingviewChartData({"instrument_name": "BTC-PERPETUAL", **window, "resolution": "240"})


def test_ccxt_sees_the_empty_pool(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("deribit: {pool: 1000, refill: 1}\n")
    with simulator(tmp_path, "--script", script, now=NOW, exchange="deribit") as running:
        client = client_of(running.base_url)
        for _ in range(2):
            client.fetch_time()
        with pytest.raises(ccxt.DDoSProtection, match="10028"):
            client.fetch_time()
