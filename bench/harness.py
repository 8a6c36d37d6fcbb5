"""What a figure is, and how two things are timed beside each other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


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
