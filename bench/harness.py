"""What every benchmark needs: pairs of commands run alternately, a simulated exchange, a store of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TDM = ROOT / "build/release/bin/tdm"
SIM = ROOT / "build/release/bin/tdm-sim"
PYTHON = ROOT / ".venv/bin/python"
OUTPUT = ROOT / "bench-output"


@dataclass
class Figure:
    """One measured figure beside its floor or peer. ``goal`` is an upper bound when ``lower_is_better``."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    lower_is_better: bool = True
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return "reported"
        good = self.value <= self.goal if self.lower_is_better else self.value >= self.goal
        return "holds" if good else "MISSED"


@dataclass(frozen=True)
class Pairs:
    """Times of A and B run alternately, in seconds."""

    a: list[float]
    b: list[float]

    def ratio(self) -> float:
        """Median of the ratios of neighbours: what drifts slows both alike."""
        return statistics.median(x / y for x, y in zip(self.a, self.b, strict=True))

    def detail(self) -> dict[str, Any]:
        ratios = [x / y for x, y in zip(self.a, self.b, strict=True)]
        noise = [x / y for x, y in zip(self.b[1:], self.b, strict=False)]
        return {
            "ours_s": round(statistics.median(self.a), 4),
            "peer_s": round(statistics.median(self.b), 4),
            "ratio_min": round(min(ratios), 3),
            "ratio_max": round(max(ratios), 3),
            "peer_against_itself": [round(min(noise), 2), round(max(noise), 2)] if noise else [],
            "rounds": len(ratios),
        }


def alternate(a: Callable[[], object], b: Callable[[], object], rounds: int) -> Pairs:
    """Runs a, b, a, b, ... after one of each that does not count."""
    pairs = Pairs([], [])
    for number in range(rounds + 1):
        for run, times in ((a, pairs.a), (b, pairs.b)):
            begun = time.perf_counter()
            run()
            if number:
                times.append(time.perf_counter() - begun)
    return pairs


def run(command: Sequence[str | Path], timeout: float = 600, **options: Any) -> subprocess.CompletedProcess[str]:
    """A command that must succeed."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=timeout, check=False, **options
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done


def wait_for(what: Callable[[], bool], seconds: float, name: str) -> None:
    """Polls until it holds, or says what did not come."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not come within {seconds} s")
        time.sleep(0.02)


@contextlib.contextmanager
def process(command: Sequence[str | Path], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs while the block does and is asked to end after it."""
    with log.open("ab") as sink:
        running = subprocess.Popen([str(part) for part in command], stdout=sink, stderr=sink, **options)
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(timeout=15)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


@contextlib.contextmanager
def simulator(folder: Path, *, now: str, first: str = "2020-01-01", instruments: Path | None = None) -> Iterator[str]:
    """The base URL of a simulated Bybit."""
    ready = folder / "sim.ready.json"
    ready.unlink(missing_ok=True)
    command: list[str | Path] = [SIM, "--port", "0", "--ready-file", ready, "--seed", "7", "--log", folder / "sim.log"]
    command += ["--from", first, "--now", now]
    if instruments is not None:
        command += ["--instruments", instruments]
    with process(command, folder / "sim.err"):
        wait_for(ready.exists, 60, "the simulator")
        yield str(json.loads(ready.read_text())["base_urls"]["bybit"])


def write_config(folder: Path, base_url: str, rate_limit: float, port: int = 8000) -> Path:
    """A configuration of a store of its own in the folder."""
    path = folder / "config.yaml"
    path.write_text(
        f"""environment: benchmark
storage:
  type: duckdb
  db_path: {folder}/store/market_data.db
  parquet_path: {folder}/store/parquet
cache:
  type: memory
  ttl_seconds: 600
api:
  host: 127.0.0.1
  port: {port}
  log_level: warn
exchange_clients:
  bybit:
    base_url: {base_url}
    rate_limit: {rate_limit}
"""
    )
    return path


@contextlib.contextmanager
def server(folder: Path, config: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`tdm serve` with that configuration, ready."""
    url = f"http://127.0.0.1:{port}/readyz"

    def ready() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    with process([TDM, "serve", "--config", config, "--port", str(port)], folder / "serve.err") as running:
        wait_for(ready, 30, "the server")
        yield running


def free_port() -> int:
    """A port nobody listens on at the moment."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def resident_mb(pid: int) -> float:
    """Resident memory of a process now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no VmRSS")


def environment(config: Path) -> dict[str, str]:
    """The environment of a script that uses that configuration. Threads of OpenBLAS only add noise to a start."""
    return {**os.environ, "CONFIG_PATH": str(config), "PYTHONDONTWRITEBYTECODE": ""}
