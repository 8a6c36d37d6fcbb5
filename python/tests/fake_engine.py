"""An engine of lists and dictionaries, so that the package is tested without the compiled one.

It answers every read with the bars that ``Engine.bars`` makes and remembers what it was asked.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

HOUR_NS = 3_600_000_000_000
START_NS = 1_672_531_200_000_000_000  # 2023-01-01
GAP = {
    "id": 7,
    "series": "bybit.linear.BTCUSDT@1h",
    "start": 1_672_534_800_000,
    "end": 1_672_542_000_000,
    "bars": 2,
    "cause": "upstream_missing",
    "evidence": "looked twice",
    "state": "accounted",
    "first_look": 1_672_600_000_000,
    "last_look": 1_672_610_000_000,
    "looks": 2,
}
INSTRUMENT = {
    "name": "bybit.linear.BTCUSDT",
    "exchange": "bybit",
    "market": "linear",
    "symbol": "BTCUSDT",
    "base": "BTC",
    "quote": "USDT",
    "settle": "USDT",
    "contract_type": "LinearPerpetual",
    "status": "Trading",
    "active": True,
    "tick_size": "0.10",
    "lot_size": "0.001",
    "contract_size": "1",
    "launch_time": 1_584_230_400_000,
    "delivery_time": None,
    "valid_from": 1_585_094_400_000,
    "valid_to": None,
}


class StopSource:
    def __init__(self) -> None:
        self.stopped = threading.Event()

    def request_stop(self) -> None:
        self.stopped.set()


Column = tuple[str, Any, npt.NDArray[np.uint8] | None]


class Answer:
    """Columns as the compiled answer hands them out: (kind, values, valid)."""

    def __init__(self, columns: dict[str, Column], provenance: dict[str, Any], warn_gaps: list[dict[str, Any]]) -> None:
        self._columns = columns
        self.series = "bybit.linear.BTCUSDT@1h"
        self.provenance = json.dumps(provenance)
        self.warn_gaps = [json.dumps(gap) for gap in warn_gaps]
        self.rows = len(columns["open_time"][1])
        self.columns = [(name, column[0]) for name, column in columns.items()]

    def time_ns(self, name: str) -> npt.NDArray[np.int64]:
        times: npt.NDArray[np.int64] = self._columns[name][1].copy()
        return times

    def block(self, names: list[str]) -> npt.NDArray[np.float64]:
        return np.array([self._columns[name][1] for name in names], dtype="f8").reshape(len(names), self.rows)

    def column(self, name: str) -> Column:
        kind, values, valid = self._columns[name]
        return kind, values.copy(), valid

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        arrays = {}
        for name, (kind, values, valid) in self._columns.items():
            mask = None if valid is None else valid == 0
            if kind == "time":
                arrays[name] = pa.array(values // 1000, pa.timestamp("us", "UTC"), mask=mask)
            else:
                arrays[name] = pa.array(values, mask=mask)
        table = pa.table(arrays).replace_schema_metadata({"tdm.provenance": self.provenance})
        return table.__arrow_c_stream__(requested_schema)


def bars(count: int, *extra: str) -> dict[str, Column]:
    """``count`` hourly bars, with the extra columns that are named."""
    steps = np.arange(count, dtype="i8")
    prices = {
        name: ("f8", 100.0 * place + steps, None) for place, name in enumerate(("open", "high", "low", "close"), 1)
    }
    columns: dict[str, Column] = {"open_time": ("time", START_NS + steps * HOUR_NS, None), **prices}
    columns["volume"] = ("f8", steps / 3, None)
    makers: dict[str, Callable[[], Column]] = {
        "quote_volume": lambda: ("f8", np.where(steps % 2, np.nan, steps * 1.5), None),
        "trade_count": lambda: ("i8", steps, (steps % 2 == 0).astype("u1")),
        "finality": lambda: ("text", ["confirmed"] * count, None),
        "quality_flags": lambda: ("u4", steps.astype("u4"), None),
        "revision": lambda: ("i4", steps.astype("i4"), None),
        "available_at": lambda: ("time", START_NS + (steps + 1) * HOUR_NS, None),
    }
    return columns | {name: makers[name]() for name in extra}


class Door:
    def __init__(self, engine: Engine, options: dict[str, Any]) -> None:
        self.engine = engine
        self.options = options
        self.abandoned = False

    def read(self, request: dict[str, Any], progress: Any = None, stop: StopSource | None = None) -> Answer:
        return self.engine.read(request, progress, stop)

    def instrument(self, exchange: str, symbol: str, market: str | None = None, stop: Any = None) -> dict[str, Any]:
        self.engine.calls.append(("instrument", exchange, symbol, market))
        return dict(INSTRUMENT)

    def instruments(
        self,
        exchange: str,
        market: str | None = None,
        pattern: str | None = None,
        as_of: str | None = None,
        active_only: bool = False,
        stop: Any = None,
    ) -> list[dict[str, Any]]:
        self.engine.calls.append(("instruments", exchange, market, pattern, as_of, active_only))
        return [INSTRUMENT | {"symbol": symbol} for symbol in ("ETHUSDT", "BTCUSDT", "ETHUSDT")]

    def series(self, exchange: str, symbol: str, market: str | None, timeframe: str, stop: Any = None) -> str:
        return f"{exchange}.{market or 'linear'}.{symbol}@{timeframe}"

    def coverage(self, series: str, start: str | None = None, end: str | None = None) -> list[dict[str, Any]]:
        self.engine.calls.append(("coverage", series, start, end))
        if not self.engine.stored:
            return []
        times = {"first": 1_672_531_200_000, "last": 1_704_063_600_000, "watermark": 1_704_067_200_000}
        return [{"series": series, **times, "expected": 8760, "present": 8758, "confirmed": 8758, "gap_count": 1}]

    def gaps(self, series: str, start: str | None = None, end: str | None = None) -> list[str]:
        self.engine.calls.append(("gaps", series, start, end))
        return [json.dumps(GAP | {"something_new": 1})]

    def estimate(
        self, series: str, start: str | None = None, end: str | None = None, stop: Any = None
    ) -> dict[str, Any]:
        self.engine.calls.append(("estimate", series, start, end))
        span = {"start": 1_672_531_200_000, "end": 1_704_067_200_000}
        return {
            "series": series,
            **span,
            "bars": 8760,
            "missing_bars": 760,
            "requests": 1,
            "bytes": 35_000,
            "seconds": 0.5,
        }

    def info(self) -> dict[str, Any]:
        lists = {"exchanges": ["bybit"], "backends": ["duckdb"]}
        return {"version": "0.1.0", "environment": "local", "door": "embedded", **lists}

    def abandon(self) -> None:
        self.abandoned = True


class Engine(ModuleType):
    """Stands in for the compiled module."""

    def __init__(self) -> None:
        super().__init__("trading_data_market._engine")
        setattr(self, "StopSource", StopSource)  # noqa: B010 (a class body would shadow the type's name)
        self.calls: list[tuple[Any, ...]] = []
        self.requests: list[dict[str, Any]] = []
        self.doors: list[Door] = []
        self.rows = 24
        self.extra: tuple[str, ...] = ()
        self.warn_gaps: list[dict[str, Any]] = []
        self.error: BaseException | None = None
        self.stored = True
        self.steps: list[tuple[int, int, float, float]] = []
        self.seconds = 0.0  # how long a read takes

    def open(self, url: Any = None, config: Any = None, api_key: Any = None, timeout: float = 30.0) -> Door:
        if self.error is not None:
            raise self.error
        door = Door(self, {"url": url, "config": config, "api_key": api_key, "timeout": timeout})
        self.doors.append(door)
        return door

    def version(self) -> str:
        return "0.1.0"

    def read(self, request: dict[str, Any], progress: Any, stop: StopSource | None) -> Answer:
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        for step in self.steps:
            if progress is not None:
                progress(*step)
        with self._running(stop):
            pass
        provenance = {"instrument": "bybit.linear.BTCUSDT", "rows": self.rows, "gap_count": len(self.warn_gaps)}
        return Answer(bars(self.rows, *self.extra), provenance, self.warn_gaps)

    @contextmanager
    def _running(self, stop: StopSource | None) -> Iterator[None]:
        deadline = time.monotonic() + self.seconds
        while time.monotonic() < deadline:
            if stop is not None and stop.stopped.wait(0.01):
                self.calls.append(("stopped",))
                raise KeyboardInterrupt
            time.sleep(0.001)
        yield
