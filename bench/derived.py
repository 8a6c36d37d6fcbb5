"""A year of hours made of stored minutes, beside reading the minutes."""

from __future__ import annotations

import json
from pathlib import Path

from harness import Figure, Pairs
from road import PYTHON, TDM, environment, run, simulator, write_config

TIMES = """
import json, sys, time
from trading_data_market.client import MarketDataClient

client = MarketDataClient(mode="backtest")
year = dict(symbol="BTCUSDT", exchange="bybit", start_date="2023-01-01", end_date="2023-12-31", fetch="never")
times = {"a": [], "b": []}
for number in range(int(sys.argv[1]) + 1):
    frames = {}
    for name, timeframe in (("a", "1h"), ("b", "1m")):
        begun = time.perf_counter()
        frames[name] = client.get_historical_data(timeframe=timeframe, **year)
        if number:
            times[name].append(time.perf_counter() - begun)
    hours, minutes = frames["a"], frames["b"]
    assert len(hours) * 60 == len(minutes) == 525_600, (len(hours), len(minutes))
    assert abs(hours["volume"].sum() / minutes["volume"].sum() - 1) < 1e-9
    assert hours["high"].max() == minutes["high"].max()
print(json.dumps(times))
"""


def measure(folder: Path, rounds: int) -> list[Figure]:
    with simulator(folder) as exchange:
        config = write_config(folder, exchange.base_url, 110)
        year: list[str | Path] = ["--start", "2023-01-01", "--end", "2023-12-31", "--config", config]
        run([TDM, "backfill", "bybit.linear.BTCUSDT@1m", *year])
    times = json.loads(run([PYTHON, "-c", TIMES, str(rounds)], env=environment(config)).stdout)
    pairs = Pairs(times["a"], times["b"])
    name = "a year of 1h made of stored 1m, to reading the minutes"
    return [Figure(name, pairs.ratio(), "x", 3.0, True, pairs.detail())]
