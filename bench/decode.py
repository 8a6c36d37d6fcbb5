"""Recorded pages of bars, read and normalized on one core, beside a plain simdjson loop and ccxt on the same bytes."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from harness import Figure, Pairs
from road import PYTHON, ROOT, SHARED, run

PROGRAM = ROOT / "build/bench/bin/bench_decode"
RECORDINGS = SHARED / "recordings"
CASES = [
    ("binance", "binance.spot.BTCUSDT@1h", RECORDINGS / "binance/static-klines/BTCUSDT/1h/2023-03-01.json"),
    ("bybit", "bybit.spot.BTCUSDT@1d", RECORDINGS / "bybit/rest_testnet_kline_spot_D_BTCUSDT_2023-2024.result.json"),
]
CCXT = """
import json, sys, time
import ccxt
client = getattr(ccxt, sys.argv[1])()
text = open(sys.argv[2]).read()
market = {"id": "BTCUSDT", "symbol": "BTC/USDT", "spot": True, "inverse": False, "linear": True, "type": "spot"}
times = []
for number in range(int(sys.argv[3]) + 1):
    begun = time.perf_counter()
    body = json.loads(text)
    rows = client.parse_ohlcvs(body if isinstance(body, list) else body["list"], market)
    times.append(time.perf_counter() - begun)
print(json.dumps({"rows": len(rows), "times": times[1:]}))
"""


def measure(folder: Path, rounds: int) -> list[Figure]:
    del folder
    if not RECORDINGS.exists():
        raise RuntimeError(f"{RECORDINGS} is missing: this benchmark reads recorded answers")
    figures = []
    for exchange, series, path in CASES:
        got = json.loads(run([PROGRAM, exchange, series, path, str(rounds)]).stdout)
        peer = json.loads(run([PYTHON, "-c", CCXT, exchange, path, str(max(rounds, 9))]).stdout)
        if peer["rows"] != got["rows"]:
            raise RuntimeError(f"ccxt reads {peer['rows']} rows of {path.name}, we {got['rows']}")
        pairs = Pairs(got["floor"], got["ours"])  # how much of the plain loop's speed is left
        ours = statistics.median(got["ours"]) / got["pages"] / got["rows"]
        to_ccxt = statistics.median(peer["times"]) / peer["rows"] / ours
        detail = {
            "bars_per_second": round(1 / ours),
            "floor_bars_per_second": round(1 / (statistics.median(got["floor"]) / got["pages"] / got["rows"])),
            "ratio_min": round(min(a / b for a, b in zip(pairs.a, pairs.b, strict=True)), 3),
            "ratio_max": round(max(a / b for a, b in zip(pairs.a, pairs.b, strict=True)), 3),
        }
        name = f"bars of {exchange}, to a plain simdjson loop"
        figures.append(Figure(name, pairs.ratio(), "x its speed", 0.8, False, detail))
        figures.append(Figure(f"bars of {exchange}, to ccxt on the same bytes", to_ccxt, "x its speed", 10, False))
    return figures
