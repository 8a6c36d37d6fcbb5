"""Backfill from the simulated exchange, beside the rate that is permitted."""

from __future__ import annotations

import json
import statistics
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness import Figure
from road import PYTHON, TDM, environment, free_port, resident_mb, run, server, simulator, write_config

NOTEBOOK = """
import sys
from trading_data_market.client import MarketDataClient
client = MarketDataClient(mode="backtest")
client.get_historical_data(symbol=sys.argv[1], exchange="bybit", timeframe="1m", start_date=sys.argv[2],
                           end_date=sys.argv[3])
"""


class Span(NamedTuple):
    """Days, the last one included, and the minutes in them."""

    start: str
    end: str
    bars: int


@dataclass(frozen=True)
class Case:
    """What a command line fills, and the pace it is given."""

    exchange: str
    series: str  # without its timeframe; minutes are filled
    rate: float  # requests per second
    page: int  # bars that one request brings
    span: Span


TWO_YEARS = Span("2022-01-01", "2023-12-31", 1_051_200)
HALF_A_YEAR = Span("2023-01-01", "2023-07-01", 262_080)


def command_line(folder: Path, case: Case, name: str) -> Figure:
    """`tdm backfill` until the last bar is durable."""
    folder.mkdir(parents=True, exist_ok=True)
    series = f"{case.series}@1m"
    # The simulator's clock runs from the real now, so that its quota and our pace mean the same seconds.
    with simulator(folder, exchange=case.exchange) as exchange:
        config = write_config(folder, exchange.base_url, case.rate, exchange=case.exchange)
        # An hour, so that what is learned once about an instrument is known.
        for asked, last in ((f"{case.series}@1h", case.span.start), (series, case.span.end)):
            begun = time.monotonic()
            run([TDM, "backfill", asked, "--start", case.span.start, "--end", last, "--config", config])
            seconds = time.monotonic() - begun
        counted = json.loads(run([TDM, "coverage", series, "--json", "--config", config]).stdout)
    present = counted["coverage"][0]["present"] if isinstance(counted, dict) else counted[0]["present"]
    if present != case.span.bars:
        raise RuntimeError(f"{present} bars are stored, {case.span.bars} were expected")
    refused = sum(json.loads(line).get("status", 200) != 200 for line in (folder / "sim.log").read_text().splitlines())
    return Figure(
        name, case.span.bars / seconds / (case.rate * case.page), "of permitted", 0.95, False,
        {"bars": case.span.bars, "seconds": round(seconds, 2), "bars_per_second": round(case.span.bars / seconds),
         "refused": refused},
    )  # fmt: skip


def durable_bars(port: int) -> int:
    # The list of series comes from manifests; coverage would read every bar again while the server is measured.
    with urllib.request.urlopen(
        f"http://127.0.0.1:{port}/api/v1/series?series=bybit.linear.*@1m", timeout=30
    ) as answer:
        return sum(int(entry["rows"]) for entry in json.load(answer)["series"])


def everybody_at_once(folder: Path, rate: float) -> list[Figure]:
    """A server, a command line and two notebooks fill different series of one store at the same time."""
    folder.mkdir(parents=True, exist_ok=True)
    memory: list[float] = []
    bars = 4 * 262_080  # 182 days of minutes each
    first, last = "2023-01-01", "2023-07-01"
    with simulator(folder) as exchange:
        port = free_port()
        config = write_config(folder, exchange.base_url, rate, port=port)
        settings = environment(config)
        for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"):
            run([TDM, "backfill", f"bybit.linear.{symbol}@1d", "--start", first, "--end", first, "--config", config])
        with server(folder, config, port) as running:
            stop = threading.Event()

            def sample() -> None:
                while not stop.wait(0.1):
                    memory.append(resident_mb(running.pid))

            sampler = threading.Thread(target=sample)
            sampler.start()
            begun = time.monotonic()
            others = [
                subprocess.Popen(
                    [TDM, "backfill", "bybit.linear.ETHUSDT@1m", "--start", first, "--end", last, "--config", config],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                ),
                *(
                    subprocess.Popen([PYTHON, "-c", NOTEBOOK, symbol, first, last], env=settings)
                    for symbol in ("SOLUSDT", "XRPUSDT")
                ),
            ]  # fmt: skip
            body = json.dumps({"series": "bybit.linear.BTCUSDT@1m", "start": first, "end": last}).encode()
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/api/v1/backfills", body, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                job = json.load(answer)["id"]
            # Until the last bar is durable: what a notebook makes of its bars afterwards is no matter of the rate.
            while durable_bars(port) < bars and time.monotonic() - begun < 300:
                time.sleep(0.05)
            seconds = time.monotonic() - begun
            codes = [other.wait(timeout=300) for other in others]
            state = "queued"
            while state in ("queued", "running"):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/backfills/{job}", timeout=30) as answer:
                    state = json.load(answer)["state"]
                time.sleep(0.05)
            stop.set()
            sampler.join()
    if state != "done" or any(codes):
        raise RuntimeError(f"the server's job is {state}, the others ended with {codes}")
    got = bars / seconds / (rate * 1000)
    detail = {"bars": bars, "seconds": round(seconds, 2)}
    return [
        Figure("backfill by four at once, rate 110", got, "of permitted", 0.95, False, detail),
        Figure(
            "resident memory of the server meanwhile", max(memory), "MB", 150, True,
            {"median": round(statistics.median(memory), 1)},
        ),
    ]  # fmt: skip


def measure(folder: Path, rounds: int) -> list[Figure]:
    del rounds  # one run of minutes each: the exchange's pace is the peer
    return [
        command_line(folder / "110", Case("bybit", "bybit.linear.BTCUSDT", 110, 1000, TWO_YEARS), "backfill, rate 110"),
        command_line(folder / "10", Case("bybit", "bybit.linear.BTCUSDT", 10, 1000, HALF_A_YEAR), "backfill, rate 10"),
        *everybody_at_once(folder / "four", 110),
    ]
