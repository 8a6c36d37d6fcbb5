"""A client that others wrote for the real Deribit judges the simulated one: it reads it and gets the truth."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
import pandas as pd
import pytest
from road import SHARED, Simulator, simulator

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


def url_of(base_url: str) -> str:
    """The Deribit of a program that simulates several exchanges."""
    return base_url.rpartition("/")[0] + "/deribit"


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder: Path = tmp_path_factory.mktemp("deribit")
    options = ("--truth-timeframes", "1m,1h", "--truth-symbols", ",".join(NAMES))
    with simulator(folder, *options, now=NOW, first="2023-12-31", truth=True) as running:
        yield running


@pytest.fixture(scope="module")
def truth(exchange: Simulator) -> pd.DataFrame:
    assert exchange.truth is not None
    return pd.read_parquet(exchange.truth)


@pytest.fixture(scope="module")
def client(exchange: Simulator) -> Any:
    ours = ccxt.deribit({"enableRateLimit": False})
    ours.urls["api"] = {"rest": url_of(exchange.base_url)}
    return ours


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


def ask(base_url: str, method: str, **parameters: Any) -> Any:
    """The result of a call."""
    target = f"{url_of(base_url)}/api/v2/public/{method}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(target, timeout=10) as answer:
        return json.load(answer)["result"]


def test_recordings_are_served_again(tmp_path: Path) -> None:
    folder = SHARED / "recordings/deribit"
    if not folder.exists():
        pytest.skip("needs ../shared")
    chart = json.loads((folder / "nautilus_trader/http_get_tradingview_chart_data.json").read_text())["result"]
    with simulator(tmp_path, "--replay", folder, now="2026-10-06") as running:
        window = {"start_timestamp": chart["ticks"][0], "end_timestamp": chart["ticks"][-1], "resolution": "1"}
        served = ask(running.base_url, "get_tradingview_chart_data", instrument_name="BTC-PERPETUAL", **window)
        assert served == chart  # order, bounds, count and types
        recorded = json.loads((folder / "nautilus_trader/http_get_instrument.json").read_text())["result"]
        assert ask(running.base_url, "get_instrument", instrument_name="BTC-PERPETUAL") == recorded
        for line in (folder / "cryptofeed/DERIBIT.0").read_text().splitlines():
            if " -> " not in line:
                continue
            url, _, rest = line.partition(" -> ")
            group = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["currency"][0]
            rows = {row["instrument_name"]: row for row in json.loads(rest.partition(": ")[2])["result"]}
            kept = {row["instrument_name"]: row for row in ask(running.base_url, "get_instruments", currency=group)}
            changed = {"BTC-PERPETUAL"}  # was recorded twice, and the later one is served
            assert set(rows) <= set(kept)
            assert all(kept[name] == row for name, row in rows.items() if name not in changed)
