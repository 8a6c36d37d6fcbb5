"""What the simulated exchange really traded, read from its truth file, for comparison with what we stored."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

FIELDS = ("open", "high", "low", "close", "volume")
VALUES = (*FIELDS, "quote_volume")


@dataclass(frozen=True)
class Bars:
    """Bars of one series: open times in milliseconds, and columns as doubles."""

    open_time: np.ndarray
    columns: dict[str, np.ndarray]

    def between(self, start_ms: int, end_ms: int) -> Bars:
        """Those with ``start <= open_time < end``."""
        inside = (self.open_time >= start_ms) & (self.open_time < end_ms)
        return Bars(self.open_time[inside], {name: values[inside] for name, values in self.columns.items()})


def closed(
    truth: Path,
    market: str,
    symbol: str,
    timeframe: str,
    exchange: str = "bybit",
    fields: Sequence[str] = FIELDS,
    price_kind: str = "last",
) -> Bars:
    """The closed bars of an instrument, of a timeframe that the truth file has."""
    instrument = (pc.field("market") == market) & (pc.field("symbol") == symbol) & (pc.field("exchange") == exchange)
    table = pq.read_table(
        truth,
        columns=["open_time", *fields],
        filters=instrument & (pc.field("timeframe") == timeframe) & (pc.field("price_kind") == price_kind),
    ).sort_by("open_time")
    return _bars(table, fields)


def minutes(
    truth: Path,
    market: str,
    symbol: str,
    exchange: str = "bybit",
    price_kind: str = "last",
    fields: Sequence[str] = FIELDS,
) -> Bars:
    """The closed minutes of an instrument."""
    return closed(truth, market, symbol, "1m", exchange, fields, price_kind)


def _bars(table: pa.Table, fields: Sequence[str]) -> Bars:
    times = table["open_time"].cast("int64").to_numpy() // 1000
    return Bars(times, {name: table[name].to_numpy() for name in fields})


@functools.cache
def _exact(value: float) -> Decimal:
    return Decimal(repr(value))


def _sum(values: Iterable[float]) -> float:
    # The exchange adds decimals; doubles added one after another would round a thousand times.
    return float(sum((_exact(float(value)) for value in values), Decimal(0)))


def aggregate(bars: Bars, length_ms: int) -> Bars:
    """Bars of a longer timeframe on the epoch's grid: first, max, min, last, exact sums. Only whole ones.

    A minute without a trade says nothing of open, high and low, unless no minute of the bar has one.
    """
    parts = length_ms // 60_000
    first = int(np.flatnonzero(bars.open_time % length_ms == 0)[0]) if len(bars.open_time) else 0
    whole = (len(bars.open_time) - first) // parts
    cut = slice(first, first + whole * parts)
    times = bars.open_time[cut].reshape(whole, parts)
    if not (np.diff(times, axis=1) == 60_000).all():
        raise ValueError("the truth has holes: aggregate what lies between them")
    values = {name: column[cut].reshape(whole, parts) for name, column in bars.columns.items()}
    traded = values["volume"] > 0
    counts = traded | ~traded.any(axis=1, keepdims=True)
    columns = {
        "open": values["open"][np.arange(whole), counts.argmax(axis=1)],
        "high": np.where(counts, values["high"], -np.inf).max(axis=1),
        "low": np.where(counts, values["low"], np.inf).min(axis=1),
        "close": values["close"][:, -1],
    }
    sums = {name: np.array([_sum(row) for row in values[name]]) for name in values if name not in columns}
    return Bars(times[:, 0], {**columns, **sums})


def stored(path: Path) -> Bars:
    """What `tdm query --format parquet` wrote."""
    return _bars(pq.read_table(path), FIELDS)


def lake(folder: Path, series: str, fields: Sequence[str] = FIELDS) -> tuple[Bars, set[str]]:
    """Every validated bar of a series that the lake of the store in the folder has, and their finalities."""
    instrument, timeframe = series.split("@")
    exchange, market, symbol = instrument.split(".")
    keys = f"ex={exchange}/mk={market}/sym={symbol}/pk=last/tf={timeframe}"
    files = sorted((folder / "store/parquet/dataset=validated_ohlcv" / keys).rglob("*.parquet"))
    if not files:
        return Bars(np.array([], np.int64), {name: np.array([]) for name in fields}), set()
    columns = ["open_time", *fields, "finality"]
    table = pa.concat_tables([pq.read_table(file, columns=columns, partitioning=None) for file in files])
    table = table.sort_by("open_time")
    return _bars(table, fields), set(table["finality"].to_pylist())
