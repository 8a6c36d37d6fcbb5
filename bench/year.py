"""A year of minute bars, stored, embedded, warm, beside DuckDB's own client reading the same Parquet files."""

from __future__ import annotations

import json
from pathlib import Path

from harness import Figure, Pairs
from road import PYTHON, TDM, environment, run, simulator, write_config

# One process, rounds a b a b: what is compared is the read, not the start of an interpreter.
TIMES = """
import json, sys, time
import duckdb
from trading_data_market.client import MarketDataClient

glob, rounds = sys.argv[1], int(sys.argv[2])
client = MarketDataClient(mode="backtest")

def ours():
    return client.get_historical_data(symbol="BTCUSDT", exchange="bybit", timeframe="1m", start_date="2023-01-01",
                                      end_date="2023-12-31")

connection = duckdb.connect()
def peer():
    return connection.execute("select open_time, open, high, low, close, volume "
                              "from read_parquet(?, hive_partitioning=false) order by open_time", [glob]).df()

times = {"a": [], "b": []}
for number in range(rounds + 1):
    sums = []
    for name, read in (("a", ours), ("b", peer)):
        begun = time.perf_counter()
        frame = read()
        elapsed = time.perf_counter() - begun
        sums.append((len(frame), float(frame["close"].sum())))
        del frame
        if number:
            times[name].append(elapsed)
    assert sums[0] == sums[1], sums
print(json.dumps(times))
"""
PEAK = """
import json, resource
from trading_data_market.client import MarketDataClient
import pandas
client = MarketDataClient(mode="backtest")
day = dict(symbol="BTCUSDT", exchange="bybit", timeframe="1m", start_date="2023-01-01", end_date="2023-01-01")
client.get_historical_data(**day)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
frame = client.get_historical_data(**{**day, "end_date": "2023-12-31"})
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"extra": (after - before) * 1024, "frame": int(frame.memory_usage().sum())}))
"""


def measure(folder: Path, rounds: int) -> list[Figure]:
    with simulator(folder) as exchange:
        config = write_config(folder, exchange.base_url, 110)
        settings = environment(config)
        run(
            [
                TDM,
                "backfill",
                "bybit.linear.BTCUSDT@1m",
                "--start",
                "2023-01-01",
                "--end",
                "2023-12-31",
                "--config",
                config,
            ]
        )
    glob = str(folder / "store/parquet/dataset=validated_ohlcv/**/*.parquet")
    times = json.loads(run([PYTHON, "-c", TIMES, glob, str(rounds)], env=settings).stdout)
    pairs = Pairs(times["a"], times["b"])
    peak = json.loads(run([PYTHON, "-c", PEAK], env=settings).stdout)
    return [
        Figure(
            "year of 1m bars, embedded, to DuckDB's client on the same files",
            pairs.ratio(),
            "x",
            1.2,
            True,
            pairs.detail(),
        ),
        Figure("peak extra memory of that read, to the frame", peak["extra"] / peak["frame"], "x", 3.0, True, peak),
    ]
