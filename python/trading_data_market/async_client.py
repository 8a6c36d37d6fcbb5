"""The same client for programs with an event loop: every call runs on a thread and is awaited."""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, overload

from .client import _PANDAS, MarketDataClient, Mode, OnGap, _stop

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, Unpack

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from .client import ReadOptions
    from .frames import Arrays, Output
    from .model import Coverage, Estimate, Gap, Instrument, ServerInfo
    from .progress import OnProgress
    from .times import DateLike

__all__ = ["AsyncMarketDataClient"]

P = ParamSpec("P")
T = TypeVar("T")


async def _offload(call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs ``call`` on a thread. Cancelling the caller stops it within 200 ms; what it fetched is kept."""
    from . import _engine

    stop = _engine.StopSource()
    context = contextvars.copy_context()
    context.run(_stop.set, stop)
    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(None, lambda: context.run(_outcome, call, *args, **kwargs))
    try:
        value, error = await asyncio.shield(future)
    except asyncio.CancelledError:
        stop.request_stop()
        raise
    if error is not None:
        raise error
    return value  # type: ignore[no-any-return]


def _outcome(call: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, BaseException | None]:
    """What a call gave. An error is a value, too: of a call that nobody waits for any more it is no news."""
    try:
        return call(*args, **kwargs), None
    except BaseException as error:
        return None, error


class AsyncMarketDataClient:
    """:class:`MarketDataClient` with coroutines for methods. See there."""

    def __init__(
        self,
        mode: Mode = "backtest",
        url: str | None = None,
        *,
        config: str | os.PathLike[str] | None = None,
        api_key: str | None = None,
        timeout: float = 30.0,
        output: Output = "pandas",
        progress: bool | OnProgress | None = None,
    ) -> None:
        self._client = MarketDataClient(
            mode, url, config=config, api_key=api_key, timeout=timeout, output=output, progress=progress
        )

    async def close(self) -> None:
        await _offload(self._client.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Async{self._client!r}"

    @overload
    async def get_historical_data(
        self,
        symbol: str,
        exchange: str,
        timeframe: str,
        start_date: DateLike | None = ...,
        end_date: DateLike | None = ...,
        *,
        output: Literal["pandas"] = ...,
        **options: Unpack[ReadOptions],
    ) -> pd.DataFrame: ...

    @overload
    async def get_historical_data(
        self,
        symbol: str,
        exchange: str,
        timeframe: str,
        start_date: DateLike | None = ...,
        end_date: DateLike | None = ...,
        *,
        output: Literal["polars"],
        **options: Unpack[ReadOptions],
    ) -> pl.DataFrame: ...

    @overload
    async def get_historical_data(
        self,
        symbol: str,
        exchange: str,
        timeframe: str,
        start_date: DateLike | None = ...,
        end_date: DateLike | None = ...,
        *,
        output: Literal["arrow"],
        **options: Unpack[ReadOptions],
    ) -> pa.Table: ...

    @overload
    async def get_historical_data(
        self,
        symbol: str,
        exchange: str,
        timeframe: str,
        start_date: DateLike | None = ...,
        end_date: DateLike | None = ...,
        *,
        output: Literal["numpy"],
        **options: Unpack[ReadOptions],
    ) -> Arrays: ...

    async def get_historical_data(
        self,
        symbol: str,
        exchange: str,
        timeframe: str,
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        *,
        market: str | None = None,
        columns: str | Sequence[str] | None = None,
        output: Output = _PANDAS,
        on_gap: OnGap | None = None,
        min_quality: float | None = None,
        finality: str | None = None,
        as_of: DateLike | None = None,
        fill: str | None = None,
        fetch: Literal["auto", "never"] = "auto",
        include_open: bool = False,
        straddle: str | None = None,
        day_start: str | None = None,
        writable: bool = True,
        copy: bool = False,
        progress: bool | OnProgress | None = None,
    ) -> pd.DataFrame | pl.DataFrame | pa.Table | Arrays:
        read: Callable[..., Any] = self._client.get_historical_data
        return await _offload(
            read,
            symbol,
            exchange,
            timeframe,
            start_date,
            end_date,
            market=market,
            columns=columns,
            output=output,
            on_gap=on_gap,
            min_quality=min_quality,
            finality=finality,
            as_of=as_of,
            fill=fill,
            fetch=fetch,
            include_open=include_open,
            straddle=straddle,
            day_start=day_start,
            writable=writable,
            copy=copy,
            progress=progress,
        )

    async def list_symbols(
        self, exchange: str, market: str | None = None, pattern: str | None = None, as_of: DateLike | None = None
    ) -> list[str]:
        return await _offload(self._client.list_symbols, exchange, market, pattern, as_of)

    async def list_instruments(
        self,
        exchange: str,
        market: str | None = None,
        pattern: str | None = None,
        as_of: DateLike | None = None,
        *,
        active_only: bool = False,
    ) -> list[Instrument]:
        return await _offload(self._client.list_instruments, exchange, market, pattern, as_of, active_only=active_only)

    async def get_instrument(self, symbol: str, exchange: str, *, market: str | None = None) -> Instrument:
        return await _offload(self._client.get_instrument, symbol, exchange, market=market)

    async def get_coverage(
        self,
        symbol: str,
        exchange: str,
        timeframe: str,
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        *,
        market: str | None = None,
    ) -> Coverage:
        return await _offload(
            self._client.get_coverage, symbol, exchange, timeframe, start_date, end_date, market=market
        )

    async def get_gaps(
        self,
        symbol: str,
        exchange: str,
        timeframe: str,
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        *,
        market: str | None = None,
    ) -> list[Gap]:
        return await _offload(self._client.get_gaps, symbol, exchange, timeframe, start_date, end_date, market=market)

    async def estimate(
        self,
        symbol: str,
        exchange: str,
        timeframe: str,
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        *,
        market: str | None = None,
    ) -> Estimate:
        return await _offload(self._client.estimate, symbol, exchange, timeframe, start_date, end_date, market=market)

    async def server_info(self) -> ServerInfo:
        return await _offload(self._client.server_info)
