"""The real programs, started and ended by Python: what end-to-end tests and benchmarks have in common."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
TDM = ROOT / "build/release/bin/tdm"
SIM = ROOT / "build/release/bin/tdm-sim"
PYTHON = ROOT / ".venv/bin/python"
SHARED = ROOT.parent / "shared"


def run(
    command: Sequence[str | Path], timeout: float = 600, code: int | None = 0, **options: Any
) -> subprocess.CompletedProcess[str]:
    """A command that must end with that code (None: with any)."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=timeout, check=False, **options
    )
    if code is not None and done.returncode != code:
        raise RuntimeError(
            f"{' '.join(map(str, command))} ended with {done.returncode} and not {code}:\n"
            f"{done.stdout[-1000:]}\n{done.stderr[-2000:]}"
        )
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
    """A program that runs while the block does and is asked to end after it. Its words go to the log."""
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


@dataclass(frozen=True)
class Simulator:
    """A running simulated exchange: its URL, and those of all that the program simulates."""

    base_url: str
    log: Path
    truth: Path | None
    base_urls: dict[str, str] = field(default_factory=dict)

    @property
    def archive_url(self) -> str:
        """Where Binance's bulk files lie."""
        return f"{self.base_urls['binance']}/archive"

    def requests(self) -> list[dict[str, Any]]:
        """What it was asked and what it answered, so far. It writes its lines every 50 ms, so they are waited for."""
        time.sleep(0.2)
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        entries = []
        for line in lines:
            with contextlib.suppress(json.JSONDecodeError):
                entries.append(json.loads(line))
        return entries


@contextlib.contextmanager
def simulator(folder: Path, *options: str | Path, now: str = "2024-02-01T00:00:00Z", truth: bool = False,
              first: str = "2020-01-01", seed: int = 7, exchange: str = "bybit") -> Iterator[Simulator]:  # fmt: skip
    """`tdm-sim` with its files in the folder. ``options`` are appended to its command line.

    ``exchange`` is what it simulates: one name, or several with commas between, of which the first gives the base_url.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "sim.ready.json"
    ready.unlink(missing_ok=True)
    running = Simulator("", folder / "sim.log", folder / "truth.parquet" if truth else None)
    command: list[str | Path] = [SIM, "--port", "0", "--ready-file", ready, "--seed", str(seed), "--log", running.log]
    command += ["--from", first, "--now", now, "--exchanges", exchange, *options]
    if running.truth is not None:
        command += ["--truth", running.truth]
    with process(command, folder / "sim.err") as program:

        def listens() -> bool:
            if program.poll() is not None:
                raise RuntimeError(f"the simulator ended: {(folder / 'sim.err').read_text()[-2000:]}")
            return ready.exists()

        wait_for(listens, 120, "the simulator")
        base_urls = {str(name): str(url) for name, url in json.loads(ready.read_text())["base_urls"].items()}
        yield Simulator(base_urls[exchange.partition(",")[0]], running.log, running.truth, base_urls)


def write_config(folder: Path, base_url: str, rate_limit: float = 110, *, port: int = 8000, more: str = "",
                 exchange: str = "bybit", archive_url: str | None = None) -> Path:  # fmt: skip
    """A configuration of a store of its own in the folder, with that exchange. ``more`` is appended to it."""
    archives = "" if archive_url is None else f"    archive_url: {archive_url}\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(
        f"""environment: test
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
  {exchange}:
    base_url: {base_url}
    rate_limit: {rate_limit}
{archives}{more}"""
    )
    return path


@contextlib.contextmanager
def server(folder: Path, config: Path, port: int, program: Path = TDM) -> Iterator[subprocess.Popen[bytes]]:
    """`tdm serve` with that configuration, ready."""
    log = folder / "serve.err"
    with process([program, "serve", "--config", config, "--port", str(port)], log) as running:

        def ready() -> bool:
            if running.poll() is not None:
                raise RuntimeError(f"the server ended: {log.read_text()[-2000:]}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        wait_for(ready, 30, "the server")
        yield running


def free_port() -> int:
    """A port nobody listens on at the moment."""
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
    """The environment of a script that uses that configuration."""
    return {**os.environ, "CONFIG_PATH": str(config)}
