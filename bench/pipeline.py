"""The pipeline alone: pages of exchange answers in memory, parsed, recorded, judged, published, durable."""

from __future__ import annotations

import json
from pathlib import Path

from harness import Figure
from road import ROOT, run


def measure(folder: Path, rounds: int) -> list[Figure]:
    program = ROOT / "build/bench/bin/bench_pipeline"
    results = [json.loads(run([program, folder / f"store{number}"]).stdout) for number in range(max(3, rounds // 3))]
    results.sort(key=lambda result: float(result["bars_per_second"]))
    middle = results[len(results) // 2]
    return [Figure("pages in memory to durable", middle["bars_per_second"], "bars/s", 300_000, False, middle)]
