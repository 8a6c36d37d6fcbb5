"""What the simulated exchange really traded, read from its truth file, for comparison with what we stored."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Bars:
    """Bars of one series: open times in milliseconds, and the five columns as doubles."""

    open_time: np.ndarray
    columns: dict[str, np.ndarray]

    def between(self, start_ms: int, end_ms: int) -> Bars:
        """Those with ``start <= open_time < end``."""
        inside = (self.open_time >= start_ms) & (self.open_time < end_ms)
        return Bars(self.open_time[inside], {name: values[inside] for name, values in self.columns.items()})


def minutes(truth: Path, market: str, symbol: str, exchange: str = "bybit") -> Bars:
    """The closed minutes of an instrument."""
    instrument = (pc.field("market") == market) & (pc.field("symbol") == symbol) & (pc.field("exchange") == exchange)
    table = pq.read_table(
        truth,
        columns=["open_time", *FIELDS],
        filters=instrument & (pc.field("timeframe") == "1m"),
    ).sort_by("open_time")
    times = table["open_time"].cast("int64").to_numpy() // 1000
    return Bars(times, {name: table[name].to_numpy() for name in FIELDS})


@functools.cache
def _exact(value: float) -> Decimal:
    return Decimal(repr(value))


def _sum(values: Iterable[float]) -> float:
    # The exchange adds decimals; doubles added one after another would round a thousand times.
    return float(sum((_exact(float(value)) for value in values), Decimal(0)))


def aggregate(bars: Bars, length_ms: int) -> Bars:
    """Bars of a longer timeframe on the epoch's grid: first, max, min, last, exact sum. Only whole ones."""
    parts = length_ms // 60_000
    first = int(np.flatnonzero(bars.open_time % length_ms == 0)[0]) if len(bars.open_time) else 0
    whole = (len(bars.open_time) - first) // parts
    cut = slice(first, first + whole * parts)
    times = bars.open_time[cut].reshape(whole, parts)
    if not (np.diff(times, axis=1) == 60_000).all():
        raise ValueError("the truth has holes: aggregate what lies between them")
    open_, high, low, close, volume = (bars.columns[name][cut].reshape(whole, parts) for name in FIELDS)
    columns = {
        "open": open_[:, 0],
        "high": high.max(axis=1),
        "low": low.min(axis=1),
        "close": close[:, -1],
        "volume": np.array([_sum(row) for row in volume]),
    }
    return Bars(times[:, 0], columns)


def stored(path: Path) -> Bars:
    """What `tdm query --format parquet` wrote."""
    table = pq.read_table(path)
    times = table["open_time"].cast("int64").to_numpy() // 1000
    return Bars(times, {name: table[name].to_numpy() for name in FIELDS})
