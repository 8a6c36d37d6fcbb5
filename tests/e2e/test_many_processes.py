"""A server, a command line and three Python processes on one store, reading, fetching and being killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import truth
from road import PYTHON, TDM, environment, free_port, run, simulator, write_config

SECONDS = float(os.environ.get("TDM_STRESS_SECONDS", "120"))
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
DAY = 86_400_000
START, DAYS = 1_672_531_200_000, 360  # from 2023-01-01

# Reads random stretches until it is killed; ends with an error as soon as one is wrong.
READER = """
import random, sys, time
import numpy as np
from trading_data_market.client import MarketDataClient
chance = random.Random(int(sys.argv[1]))
client = MarketDataClient(mode="backtest")
deadline = time.monotonic() + float(sys.argv[2])
while time.monotonic() < deadline:
    first = 1672531200000 + chance.randrange(350) * 86400000
    days = chance.randrange(1, 10)
    frame = client.get_historical_data(symbol=chance.choice(["BTCUSDT", "ETHUSDT", "SOLUSDT"]), exchange="bybit",
                                       timeframe="1m", start_date=first, end_date=first + days * 86400000)
    assert len(frame) == days * 1440, (first, days, len(frame))
    assert (np.diff(frame.index.asi8) == 60_000_000_000).all()
"""


@dataclass
class Actor:
    """A process that is started again whenever it ends."""

    name: str
    command: list[str]
    settings: dict[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None
    killed: bool = False
    starts: int = 0

    def tend(self) -> None:
        """Starts it when it has ended; an end that nobody asked for must be a success."""
        if self.running is not None:
            code = self.running.poll()
            if code is None:
                return
            if not self.killed:
                assert code == 0, f"{self.name} ended with {code}:\n{self.log.read_text()[-3000:]}"
        self.killed = False
        self.starts += 1
        with self.log.open("ab") as sink:
            self.running = subprocess.Popen(self.command, env=self.settings, stdout=subprocess.DEVNULL, stderr=sink)

    def kill(self) -> None:
        if self.running is not None and self.running.poll() is None:
            self.killed = True
            self.running.send_signal(signal.SIGKILL)
            self.running.wait(timeout=30)


def read_over_http(port: int, chance: random.Random) -> bool:
    """One read; False while no server listens. A wrong answer is a failure."""
    first = START + chance.randrange(DAYS - 5) * DAY
    query = urllib.parse.urlencode(
        {"exchange": "bybit", "symbol": chance.choice(SYMBOLS), "timeframe": "1m", "start": first, "end": first + DAY,
         "format": "columns"}
    )  # fmt: skip
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/ohlcv?{query}", timeout=60) as answer:
            times = json.load(answer)["data"]["open_time"]
    except urllib.error.HTTPError as error:
        pytest.fail(f"{error.code}: {error.read()[:500]!r}")
    except (OSError, ValueError):
        return False  # it was killed meanwhile
    assert times == list(range(first, first + DAY, 60_000))
    return True


@pytest.mark.timeout(SECONDS + 400)
def test_five_processes_share_one_store(tmp_path: Path) -> None:
    chance = random.Random(5)
    with simulator(tmp_path, first="2022-12-01", truth=True) as exchange:
        port = free_port()
        config = write_config(tmp_path, exchange.base_url, port=port)
        settings = environment(config)
        fill = ["backfill", "bybit.linear.BTCUSDT@1m", "bybit.linear.ETHUSDT@1m", "--start", "2023-11-01"]
        fill += ["--end", "2023-12-20"]
        actors = [
            Actor("server", [str(TDM), "serve", "--config", str(config)], settings, tmp_path / "server.err"),
            Actor("command line", [str(TDM), *fill, "--config", str(config)], settings, tmp_path / "cli.err"),
            *(
                Actor(
                    f"python {n}", [str(PYTHON), "-c", READER, str(n), str(SECONDS)], settings, tmp_path / f"py{n}.err"
                )
                for n in range(3)
            ),
        ]
        reads = kills = 0
        deadline = time.monotonic() + SECONDS
        next_kill = time.monotonic() + 2
        try:
            while time.monotonic() < deadline:
                for actor in actors:
                    actor.tend()
                reads += read_over_http(port, chance)
                if time.monotonic() > next_kill:
                    chance.choice(actors).kill()
                    kills += 1
                    next_kill = time.monotonic() + chance.uniform(0.5, 3)
                time.sleep(0.05)
        finally:
            for actor in actors:
                actor.kill()
        assert reads > SECONDS / 4, "the server hardly ever answered"
        assert kills > SECONDS / 6

        run([TDM, "verify", "--config", config])
        assert exchange.truth is not None
        for symbol in SYMBOLS:
            output = tmp_path / f"{symbol}.parquet"
            query = ["query", f"bybit.linear.{symbol}@1m", "--start", "2023-01-01", "--end", "2023-12-26"]
            query += ["--fetch", "never", "--on-gap", "ignore", "--format", "parquet", "--output", str(output)]
            run([TDM, *query, "--config", config])
            stored = truth.stored(output)
            everything = truth.minutes(exchange.truth, "linear", symbol)
            assert len(stored.open_time) > 1000, f"hardly anything of {symbol} was stored"
            assert (np.diff(stored.open_time) > 0).all()
            at = np.searchsorted(everything.open_time, stored.open_time)
            np.testing.assert_array_equal(everything.open_time[at], stored.open_time)
            for name in truth.FIELDS:
                np.testing.assert_array_equal(stored.columns[name], everything.columns[name][at], err_msg=name)
