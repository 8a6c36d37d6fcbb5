"""kill -9 at random moments of a backfill, then resume: nothing is lost, nothing is double, little is asked again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import truth
from road import TDM, Simulator, run, simulator, write_config

ROUNDS = int(os.environ.get("TDM_KILL_ROUNDS", "200"))
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
FIRST, LAST = "2023-01-01", "2023-12-31"
START, END = 1_672_531_200_000, 1_704_067_200_000
NEEDED = len(SYMBOLS) * (END - START) // 60_000
PAGES_IN_FLIGHT = 128


def present(config: Path) -> dict[str, int]:
    answer = json.loads(run([TDM, "coverage", "--json", "--config", config]).stdout)
    return {entry["series"]: entry["present"] for entry in answer["coverage"]}


def fetched_rows(exchange: Simulator) -> int:
    return sum(
        int(entry.get("rows", 0))
        for entry in exchange.requests()
        if "/market/kline" in entry["target"] and "interval=1&" in entry["target"] + "&"
    )


@pytest.mark.timeout(900)
def test_two_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    chance = random.Random(20230101)
    with simulator(tmp_path, first="2022-12-01", truth=True) as exchange:
        config = write_config(tmp_path, exchange.base_url)
        backfill = [str(TDM), "backfill", *(f"bybit.linear.{symbol}@1m" for symbol in SYMBOLS)]
        backfill += ["--start", FIRST, "--end", LAST, "--config", str(config)]
        kills = 0
        held: dict[str, int] = {}
        for _ in range(ROUNDS):
            running = subprocess.Popen(backfill, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.02, 0.35))
            if running.poll() is None:
                running.send_signal(signal.SIGKILL)
                kills += 1
            code = running.wait(timeout=60)
            assert code in (0, -signal.SIGKILL)
            now = present(config)
            assert all(now.get(series, 0) >= bars for series, bars in held.items()), "what was acknowledged is gone"
            held = now
        assert kills >= ROUNDS // 2, "too few rounds met a running backfill"
        run(backfill)
        run([TDM, "verify", "--config", config])

        assert exchange.truth is not None
        for symbol in SYMBOLS:
            series = f"bybit.linear.{symbol}@1m"
            output = tmp_path / f"{symbol}.arrow"
            query = ["query", series, "--start", FIRST, "--end", LAST, "--fetch", "never", "--on-gap", "raise"]
            run([TDM, *query, "--format", "parquet", "--output", output, "--config", config])
            stored = truth.stored(output)
            expected = truth.minutes(exchange.truth, "linear", symbol).between(START, END)
            np.testing.assert_array_equal(stored.open_time, expected.open_time)
            for name in truth.FIELDS:
                np.testing.assert_array_equal(stored.columns[name], expected.columns[name], err_msg=f"{symbol} {name}")
        assert fetched_rows(exchange) <= NEEDED + kills * PAGES_IN_FLIGHT * 1000
