"""Backfill of each exchange from its simulator, beside ccxt's asynchronous client with its own limiter on."""

from __future__ import annotations

import json
import time
from pathlib import Path

from backfill import HALF_A_YEAR, TWO_YEARS, Case, command_line
from harness import Figure
from road import PYTHON, run, simulator

# Windows of one page, asked for at once: the client's limiter says when each may go.
CCXT = """
import asyncio, json, sys, time
import ccxt.async_support as ccxt

name, base, symbol, page, windows = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
options = {"enableRateLimit": True}
if name == "bybit":
    options["options"] = {"fetchMarkets": {"types": ["spot", "linear", "inverse"]}}
hosts = {
    "bybit": lambda keys: dict.fromkeys(keys, base),
    "binance": lambda keys: {key: base + {"public": "/api/v3", "fapiPublic": "/fapi/v1", "dapiPublic": "/dapi/v1"}
                             .get(key, "/nothing") for key in keys},
    "deribit": lambda keys: {"rest": base},
}

async def main():
    client = getattr(ccxt, name)(options)
    client.urls["api"] = hosts[name](client.urls["api"])
    try:
        await client.load_markets()
        begun = time.perf_counter()
        since = [1_640_995_200_000 + number * page * 60_000 for number in range(windows)]
        pages = await asyncio.gather(
            *(client.fetch_ohlcv(symbol, "1m", start, page, {"until": start + page * 60_000 - 1}) for start in since))
        seconds = time.perf_counter() - begun
    finally:
        await client.close()
    print(json.dumps({"bars": len({row[0] for rows in pages for row in rows}), "seconds": seconds}))

asyncio.run(main())
"""

# Case, ccxt's name of the instrument, how many of its pages are timed. Binance takes 2 of 6,000 a minute for 1,000 bars
# of spot, 2 of 2,400 for 499 of usdm; Deribit gives 5,000 bars for 500 of 10,000 credits a second.
CASES = [
    (Case("bybit", "bybit.linear.BTCUSDT", 100, 1000, TWO_YEARS), "BTC/USDT:USDT", 100),
    (Case("binance", "binance.spot.BTCUSDT", 50, 1000, TWO_YEARS), "BTC/USDT", 100),
    (Case("binance", "binance.usdm.BTCUSDT", 20, 499, HALF_A_YEAR), "BTC/USDT:USDT", 60),
    (Case("deribit", "deribit.future.BTC-PERPETUAL", 20, 5000, TWO_YEARS), "BTC/USD:BTC", 40),
]


def ccxt_rate(folder: Path, case: Case, symbol: str, windows: int) -> float:
    """Bars per second of the peer; nothing of it is judged or stored."""
    folder.mkdir(parents=True, exist_ok=True)
    with simulator(folder, exchange=case.exchange) as exchange:
        words: list[str | Path] = [
            PYTHON,
            "-c",
            CCXT,
            case.exchange,
            exchange.base_url,
            symbol,
            str(case.page),
            str(windows),
        ]
        got = json.loads(run(words).stdout)
        if got["bars"] < windows * case.page:
            raise RuntimeError(f"ccxt got {got['bars']} bars of {windows * case.page}")
    return float(got["bars"]) / float(got["seconds"])


def measure(folder: Path, rounds: int) -> list[Figure]:
    del rounds  # one run of half a minute each: the exchange's pace is the peer
    figures = []
    for case, symbol, windows in CASES:
        begun = time.monotonic()
        market = case.series.rpartition(".")[0]
        figure = command_line(folder / market, case, f"backfill of {market}, rate {case.rate:g}")
        peer = ccxt_rate(folder / market / "ccxt", case, symbol, windows)
        figure.detail |= {
            "ccxt_bars_per_second": round(peer),
            "to_ccxt": round(figure.detail["bars_per_second"] / peer, 2),
            "took_s": round(time.monotonic() - begun),
        }
        figures.append(figure)
    return figures
