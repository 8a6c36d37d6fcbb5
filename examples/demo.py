"""A year of Bybit bars through the whole road: exchange, fetch, record, judge, publish, store, serve, DataFrame.

Runs what `./dev build` made, without a network: a simulated exchange and a server of its own on loopback, with a store
of its own in ./demo-output. `backtest_example.py` is run as it stands against the embedded engine, then the same call
goes over HTTP.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")  # a file, not a window

import matplotlib.pyplot as plt
import pandas as pd
from trading_data_market.client import MarketDataClient

ROOT = Path(__file__).resolve().parent.parent
BINARIES = ROOT / "build/release/bin"
EXAMPLE = Path(__file__).resolve().with_name("backtest_example.py")
CALL: dict[str, Any] = {
    "symbol": "BTCUSDT", "exchange": "bybit", "timeframe": "1h", "start_date": "2023-01-01", "end_date": "2023-12-31",
}  # fmt: skip
START_SECONDS = 30.0
STOP_SECONDS = 15.0
REAL_BYBIT = "https://api.bybit.com"
MANY_ROWS = 3


class DemoError(Exception):
    """What a person should read instead of a traceback."""


@dataclass(frozen=True)
class Started:
    """A program that was started here, and what it is called."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(name: str, command: Sequence[str | Path], folder: Path) -> Started:
    """In a session of its own, so that it can outlive this one and no key pressed here reaches it."""
    log = folder / f"{name}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
        )
    return Started(name, process, log)


def wait_for(started: Started, ready: Callable[[], bool]) -> None:
    """Until it is ready; says what it wrote when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        words = started.log.read_text(errors="replace")[-2000:]
        if started.process.poll() is not None:
            raise DemoError(f"{started.name} ended with {started.process.returncode}:\n{words}")
        if time.monotonic() > deadline:
            raise DemoError(f"{started.name} was not ready within {START_SECONDS:.0f} s:\n{words}")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def start_simulator(folder: Path) -> tuple[Started, str]:
    ready = folder / "simulator.ready.json"
    ready.unlink(missing_ok=True)
    program = start(
        "simulator",
        [BINARIES / "tdm-sim", "--port", "0", "--ready-file", ready, "--seed", "7", "--log", folder / "requests.jsonl"],
        folder,
    )
    wait_for(program, ready.exists)
    return program, str(json.loads(ready.read_text())["base_urls"]["bybit"])


def start_server(folder: Path, config: Path, port: int) -> tuple[Started, str]:
    url = f"http://127.0.0.1:{port}"
    program = start("server", [BINARIES / "tdm", "serve", "--config", config, "--port", str(port)], folder)
    wait_for(program, lambda: answers(f"{url}/readyz"))
    return program, url


def write_config(folder: Path, base_url: str, rate_limit: int) -> Path:
    path = folder / "config.yaml"
    path.write_text(
        f"""environment: demo
storage:
  type: duckdb
  db_path: {json.dumps(str(folder / "store/market_data.db"))}
  parquet_path: {json.dumps(str(folder / "store/parquet"))}
cache:
  type: memory
api:
  host: 127.0.0.1
  log_level: info
exchange_clients:
  bybit:
    base_url: {base_url}
    rate_limit: {rate_limit}
"""
    )
    return path


def timed(call: Callable[[], pd.DataFrame]) -> tuple[pd.DataFrame, float]:
    begun = time.perf_counter()
    frame = call()
    return frame, time.perf_counter() - begun


def run_example() -> pd.DataFrame:
    """The file that users start from, run as a script; its result is the variable that it sets."""
    frame = runpy.run_path(str(EXAMPLE))["historical_data"]
    assert isinstance(frame, pd.DataFrame)
    return frame


def over_http(url: str) -> pd.DataFrame:
    frame = MarketDataClient(mode="backtest", url=url).get_historical_data(**CALL)
    assert isinstance(frame, pd.DataFrame)
    return frame


def draw(frame: pd.DataFrame, provenance: dict[str, Any], path: Path) -> None:
    """Closes as a line between lows and highs; whoever sees it sees where the data came from."""
    source = "simulated" if provenance.get("simulated") else str(provenance["origin"])
    figure, axes = plt.subplots(figsize=(12, 5), layout="constrained")
    axes.fill_between(frame.index, frame["low"], frame["high"], alpha=0.3, linewidth=0, label="low to high")
    axes.plot(frame.index, frame["close"], linewidth=0.8, label="close")
    axes.set_title(f"{provenance['instrument']} {provenance['timeframe']} · {source}")
    axes.set_ylabel("price")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def headline(text: str) -> None:
    print(f"\n── {text} " + "─" * max(0, 96 - len(text)), flush=True)


def show(first: pd.DataFrame, second: pd.DataFrame, http: pd.DataFrame, seconds: Sequence[float], chart: Path) -> None:
    provenance = dict(first.attrs["provenance"])
    headline(f"{EXAMPLE.name}: historical_data")
    print(pd.concat([first.head(MANY_ROWS), first.tail(MANY_ROWS)]).to_string())
    print(f"{len(first)} rows, {first.index[0]} … {first.index[-1]}")
    headline("provenance")
    print(json.dumps(provenance, indent=2, ensure_ascii=False))
    draw(first, provenance, chart)
    headline("how long it took")
    print(f"first call, fetched from the exchange    {seconds[0]:8.3f} s")
    print(f"second call, read from the store         {seconds[1]:8.3f} s")
    print(f"the same call over HTTP                  {seconds[2]:8.3f} s")
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    pd.testing.assert_frame_equal(first, http, check_exact=True)
    print("all three frames are equal, bit for bit")
    headline("chart")
    print(chart)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev demo", description="A year of Bybit bars through the whole road.")
    parser.add_argument("--keep", action="store_true", help="leave the server running and print its addresses")
    parser.add_argument("--exchange", action="store_true", help="ask the real Bybit instead of the simulated one")
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder for store, logs and chart")
    return parser.parse_args()


def demonstrate(options: argparse.Namespace, folder: Path, programs: list[Started]) -> str:
    """Everything between the first program's start and the last line; returns the server's address."""
    if options.exchange:
        base_url, rate_limit = REAL_BYBIT, 10
    else:
        simulator, base_url = start_simulator(folder)
        programs.append(simulator)
        rate_limit = 100
    config = write_config(folder, base_url, rate_limit)
    server, url = start_server(folder, config, free_port())
    programs.append(server)
    os.environ["CONFIG_PATH"] = str(config)
    os.environ.pop("TDM_URL", None)  # the example uses the embedded engine

    first, first_s = timed(run_example)
    second, second_s = timed(run_example)
    http, http_s = timed(lambda: over_http(url))
    show(first, second, http, (first_s, second_s, http_s), folder / "chart.png")
    return url


def main() -> int:
    options = arguments()
    folder = options.output.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "store", ignore_errors=True)  # the first call shall fetch
    programs: list[Started] = []
    kept = False
    try:
        url = demonstrate(options, folder, programs)
        if options.keep:
            kept = True
            headline("left running")
            print(f"{url}/api/v1/ohlcv?exchange=bybit&symbol=BTCUSDT&timeframe=1h&start=2023-01-01&end=2023-01-01")
            print(f"{url}/metrics\n{url}/openapi.json")
            print(f"stop with: kill {' '.join(str(program.process.pid) for program in programs)}")
    except DemoError as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if not kept:
            for program in reversed(programs):
                with contextlib.suppress(ProcessLookupError):
                    program.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
