"""The compiled engine inside Python processes: signals, forks, threads, terminals, and other people's libraries."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from stores import Stores

HEAD = """
import json, sys, time
from trading_data_market.client import MarketDataClient
ask = dict(symbol="BTCUSDT", exchange="bybit", timeframe="1m", start_date="2023-01-01", end_date="2023-01-24")
"""


def command(code: str) -> list[str]:
    return [sys.executable, "-c", HEAD + code]


def settings(config: Path) -> dict[str, str]:
    return {**os.environ, "CONFIG_PATH": str(config)}


def output(code: str, config: Path, timeout: float = 120) -> Any:
    done = subprocess.run(command(code), env=settings(config), capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


INTERRUPTED = """
client = MarketDataClient()
print("begun", flush=True)
try:
    client.get_historical_data(**{**ask, "end_date": "2023-12-31"})
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
"""
KEPT = """
client = MarketDataClient()
frame = client.get_historical_data(**{**ask, "end_date": "2023-12-31"}, fetch="never", on_gap="ignore")
print(json.dumps([len(frame), client.get_coverage("BTCUSDT", "bybit", "1m").present]))
"""


def test_ctrl_c_returns_at_once_and_keeps_what_was_fetched(stores: Stores) -> None:
    config = stores.config("interrupted", rate_limit=10)
    waits = []
    for _ in range(3):  # the machine may be busy with something else once
        with subprocess.Popen(command(INTERRUPTED), env=settings(config), stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            assert running.stdout.readline() == "begun\n"
            time.sleep(3)
            sent = time.monotonic()
            running.send_signal(signal.SIGINT)
            waits.append(float(running.stdout.readline()) - sent)
            assert running.wait(timeout=30) == 0
        if waits[-1] <= 0.2:
            break
    assert min(waits) <= 0.2
    rows, present = output(KEPT, config)
    assert rows == present > 0


FORKED = """
import multiprocessing, os, pickle
import numpy as np

def read(client):
    return client.get_historical_data(**ask)["close"].to_numpy()

if __name__ == "__main__":
    client = MarketDataClient()
    expected = read(client)
    def same(arrays):
        return all(np.array_equal(expected, one) for one in arrays)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        forked = same(pool.map(read, [client] * 3))
    child = os.fork()
    if child == 0:  # uses the very object that it inherited, then ends as a program does
        sys.exit(0 if same([read(client)]) else 1)
    inherited = os.waitpid(child, 0)[1] == 0
    child = os.fork()
    if child == 0:  # never uses it
        sys.exit(0)
    unused = os.waitpid(child, 0)[1] == 0
    pickled = same([read(pickle.loads(pickle.dumps(client)))])
    print(json.dumps([forked, inherited, unused, pickled, same([read(client)])]))
"""


def test_it_works_on_after_a_fork_and_when_pickled(stores: Stores) -> None:
    assert output(FORKED, stores.config("forked")) == [True] * 5


SPAWNED = """
import concurrent.futures, multiprocessing
from spawned import rows

if __name__ == "__main__":
    client = MarketDataClient()
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        print(json.dumps(list(pool.map(rows, [client] * 2, [ask] * 2))))
"""


def test_a_pickled_client_reopens_in_a_new_process(stores: Stores, tmp_path: Path) -> None:
    (tmp_path / "spawned.py").write_text("def rows(client, ask):\n    return len(client.get_historical_data(**ask))\n")
    script = tmp_path / "script.py"
    script.write_text(HEAD + SPAWNED)
    env = {**settings(stores.config("spawned")), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [24 * 1440] * 2


THREADS = """
import threading
client = MarketDataClient()
longest, running, last = 0.0, True, time.monotonic()

def tick():
    global longest, last
    while running:
        time.sleep(0.005)
        now = time.monotonic()
        longest, last = max(longest, now - last), now

ticker = threading.Thread(target=tick)
ticker.start()
lengths = []
readers = [threading.Thread(target=lambda: lengths.append(len(client.get_historical_data(**ask)))) for _ in range(8)]
begun = time.monotonic()
client.get_historical_data(**ask, output="arrow")
fetching = longest
for reader in readers:
    reader.start()
for reader in readers:
    reader.join()
running = False
ticker.join()
print(json.dumps([lengths, fetching]))
"""


def test_threads_share_a_client_and_other_threads_run_meanwhile(stores: Stores) -> None:
    lengths, longest = output("import pyarrow\n" + THREADS, stores.config("threads", rate_limit=30))
    assert lengths == [24 * 1440] * 8
    assert longest < 0.5  # a read that held the interpreter would have stopped the clock for a second


READ = "MarketDataClient().get_historical_data(**ask)"


def words_on_a_terminal(code: str, config: Path) -> tuple[str, str]:
    """What a script writes to stdout, and to the terminal that is its stderr."""
    parent, child = pty.openpty()
    with subprocess.Popen(command(code), env=settings(config), stdout=subprocess.PIPE, stderr=child) as running:
        os.close(child)
        words = b""
        while True:
            try:
                part = os.read(parent, 4096)
            except OSError:
                break  # the other end is closed
            if not part:
                break
            words += part
        assert running.stdout is not None
        printed = running.stdout.read().decode()
        assert running.wait(timeout=60) == 0, words.decode()
    os.close(parent)
    return printed, words.decode()


def test_progress_shows_by_itself_on_a_terminal_and_nowhere_else(stores: Stores) -> None:
    config = stores.config("slow", rate_limit=8)  # 35 pages: more than four seconds
    printed, words = words_on_a_terminal(READ, config)
    assert printed == ""
    assert "bybit BTCUSDT 1m" in words
    assert "bars/s" in words
    assert words.endswith(" \r")
    assert words_on_a_terminal(READ, config) == ("", "")  # stored: over before anybody wonders
    elsewhere = subprocess.run(
        command(READ),
        env=settings(stores.config("elsewhere", rate_limit=8)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (elsewhere.returncode, elsewhere.stdout, elsewhere.stderr) == (0, "", "")


OUTPUTS = """
import numpy as np
from trading_data_market import provenance
client = MarketDataClient()
frame = client.get_historical_data(**ask, columns="all")
stamps, version = frame.index.asi8, frame.attrs["provenance"]["dataset_version"]
same = []
for output in ("numpy", "arrow", "polars"):
    result = client.get_historical_data(**ask, columns="all", output=output)
    for name in ("open", "high", "low", "close", "volume", "quote_volume"):
        same.append(np.array_equal(frame[name].to_numpy(), np.asarray(result[name]), equal_nan=True))
    same.append(np.array_equal(stamps, np.asarray(result["open_time"]).astype("datetime64[ns]").astype("int64")))
    same.append(provenance(result)["dataset_version"] == version)
print(json.dumps([same, list(frame.columns), str(frame.index.dtype), len(json.dumps(frame.attrs))]))
"""


def test_all_outputs_give_the_same_bits(stores: Stores) -> None:
    same, names, kind, size = output(OUTPUTS, stores.config("outputs"))
    assert all(same)
    assert names[:5] == ["open", "high", "low", "close", "volume"]
    assert {"finality", "quality_flags", "revision", "available_at", "recorded_at"} <= set(names)
    assert kind == "datetime64[ns, UTC]"
    assert size <= 4200


CAPSULES = """
import resource
import pyarrow
from trading_data_market import _engine
answer = _engine.open().read({"symbol": "BTCUSDT", "exchange": "bybit", "timeframe": "1m", "columns": [],
                              "start": "2023-01-01", "end": "2023-01-24"})
sizes = []
for _ in range(3):
    for _ in range(3_000):
        answer.__arrow_c_stream__()  # nobody takes it
        pyarrow.table(answer)
    sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
capsule = answer.__arrow_c_stream__()
del answer  # the memory lives as long as its last reader
table = pyarrow.RecordBatchReader._import_from_c_capsule(capsule).read_all()
print(json.dumps([sizes[2] - sizes[0], table.num_rows]))
"""


def test_capsules_leak_nothing(stores: Stores) -> None:
    growth_kb, rows = output(CAPSULES, stores.config("outputs"))
    assert growth_kb < 4096
    assert rows == 24 * 1440
