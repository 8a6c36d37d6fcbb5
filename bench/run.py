"""Measures what the README and the documents claim. Usage: bench/run.py [NAME...] [--rounds N] [--json FILE]

Each figure stands beside a floor or a peer measured in the same run; published is the median of neighbours' ratios.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/support"))

import archive
import backfill
import decode
import derived
import exchanges
import pipeline
import sacred
import windows
import year
from harness import Figure
from road import ROOT

OUTPUT = ROOT / "bench-output"

CASES: dict[str, Callable[[Path, int], list[Figure]]] = {
    "sacred": sacred.measure,
    "year": year.measure,
    "pipeline": pipeline.measure,
    "backfill": backfill.measure,
    "exchanges": exchanges.measure,
    "archive": archive.measure,
    "decode": decode.measure,
    "derived": derived.measure,
    "windows": windows.measure,
}


def cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def show(figure: Figure) -> None:
    goal = "" if figure.goal is None else f"  (goal {'<=' if figure.lower_is_better else '>='} {figure.goal:g})"
    print(f"{figure.verdict:9} {figure.value:12.3f} {figure.unit:13} {figure.name}{goal}", flush=True)
    print(f"          {json.dumps(figure.detail)}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench", description="measure, each figure beside its floor or peer")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(CASES)} (all)")
    parser.add_argument("--rounds", type=int, default=9, help="pairs per comparison (9)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in CASES]
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]}; there are {', '.join(CASES)}")
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")

    print(f"{cpu()}, kernel {platform.release()}, Python {platform.python_version()}")
    figures = []
    for name in arguments.names or CASES:
        folder = OUTPUT / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        begun = time.monotonic()
        for figure in CASES[name](folder, arguments.rounds):
            show(figure)
            figures.append(figure)
        print(f"          {name} took {time.monotonic() - begun:.0f} s", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
    if arguments.json:
        arguments.json.write_text(
            json.dumps([asdict(figure) | {"verdict": figure.verdict} for figure in figures], indent=1)
        )
    return int(any(figure.verdict == "MISSED" for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
