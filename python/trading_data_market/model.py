"""What the client answers with, besides bars. Times are aware and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["Coverage", "Estimate", "Gap", "Instrument", "ServerInfo"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _with_times(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    """``fields`` with the integer milliseconds under ``names`` as times."""
    times = {name: _EPOCH + timedelta(milliseconds=fields[name]) for name in names if fields[name] is not None}
    return fields | times


@dataclass(frozen=True, slots=True)
class Instrument:
    """What the catalogue knows of one instrument. Sizes are the exchange's exact decimal texts."""

    name: str
    exchange: str
    market: str
    symbol: str
    base: str
    quote: str
    settle: str
    contract_type: str
    status: str
    active: bool
    tick_size: str
    lot_size: str
    contract_size: str
    launch_time: datetime | None
    delivery_time: datetime | None
    valid_from: datetime | None
    valid_to: datetime | None

    @classmethod
    def _from_engine(cls, fields: dict[str, Any]) -> Instrument:
        return cls(**_with_times(fields, "launch_time", "delivery_time", "valid_from", "valid_to"))


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a series is stored. All before ``watermark`` is complete or accounted for by gaps."""

    series: str
    first: datetime | None
    last: datetime | None
    watermark: datetime | None
    expected: int
    present: int
    confirmed: int
    gap_count: int

    @classmethod
    def _from_engine(cls, fields: dict[str, Any]) -> Coverage:
        return cls(**_with_times(fields, "first", "last", "watermark"))


@dataclass(frozen=True, slots=True)
class Gap:
    """Expected bars that are absent: [start, end), with the cause and the evidence for it."""

    id: int
    series: str
    start: datetime
    end: datetime
    bars: int
    cause: str
    evidence: str
    state: str
    first_look: datetime | None
    last_look: datetime | None
    looks: int

    @classmethod
    def _from_engine(cls, fields: dict[str, Any]) -> Gap:
        known = {name: fields[name] for name in cls.__slots__}  # a newer server may say more
        return cls(**_with_times(known, "start", "end", "first_look", "last_look"))


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a read of [start, end) would cost: bars to fetch, requests, bytes on disk and time.

    ``archive_files`` of the exchange are expected to bring ``archive_bars`` of them; their requests cost no quota.
    """

    series: str
    start: datetime
    end: datetime
    bars: int
    missing_bars: int
    requests: int
    bytes: int
    seconds: float
    archive_files: int = 0
    archive_bars: int = 0

    @classmethod
    def _from_engine(cls, fields: dict[str, Any]) -> Estimate:
        return cls(**_with_times(fields, "start", "end"))


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Who answers: ``door`` is "embedded" or "http"."""

    version: str
    environment: str
    door: str
    exchanges: list[str]
    backends: list[str]
