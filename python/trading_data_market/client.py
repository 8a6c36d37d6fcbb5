"""The client: one call from a symbol and two dates to a data frame.

Without a URL the engine runs inside this process and no server is needed; with ``url=`` or ``TDM_URL`` a server
answers. Both give the same bits.
"""

from __future__ import annotations

import json
import os
import threading
import warnings
import weakref
from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, overload

from .errors import DataGapWarning, IncompleteDataError, InvalidRequestError, ModeError
from .frames import Output, check_output, to_output
from .times import to_text

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, TypedDict, Unpack

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from ._engine import Answer, Door, StopSource
    from .frames import Arrays
    from .model import Coverage, Estimate, Gap, Instrument, ServerInfo
    from .progress import OnProgress
    from .times import DateLike

    class ReadOptions(TypedDict, total=False):
        """The keyword-only parameters of a read, but ``output``."""

        market: str | None
        columns: str | Sequence[str] | None
        on_gap: OnGap | None
        min_quality: float | None
        finality: str | None
        as_of: DateLike | None
        fill: str | None
        fetch: Literal["auto", "never"]
        include_open: bool
        straddle: str | None
        day_start: str | None
        writable: bool
        copy: bool
        progress: bool | OnProgress | None


__all__ = ["MarketDataClient"]

Mode: TypeAlias = Literal["backtest", "live"]
OnGap: TypeAlias = Literal["raise", "warn", "ignore"]

# What an asynchronous caller stops a running call with. It travels with the context into the thread that calls.
_stop: ContextVar[StopSource | None] = ContextVar("trading_data_market_stop", default=None)

_MODES = ("backtest", "live")
_FINALITIES = ("confirmed", "provisional")


class _Default(str):
    """A default that can be told from the same word given by the caller."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(str(self))


_PANDAS = cast("Literal['pandas']", _Default("pandas"))


def _one_of(words: Sequence[str], value: str, parameter: str) -> str:
    if value in words:
        return value
    raise InvalidRequestError(
        f"{parameter} {value!r} is not known; it is one of: {', '.join(words)}",
        code="invalid_argument",
        parameter=parameter,
        suggestions=words,
    )


class MarketDataClient:
    """Reads market data. Safe to share between threads; pickles, and works on after a fork.

    ``mode="backtest"`` gives closed, confirmed bars and raises :class:`IncompleteDataError` where waiting or fetching
    would give more of them; ``mode="live"`` also gives bars that have ended but are not yet proven, and only warns.

    ``url`` (or the environment variable ``TDM_URL``) names a server; otherwise the engine in this process opens the
    store of the configuration file ``config`` (or ``CONFIG_PATH``, else ``./config/local.yaml``, else built-in
    defaults). ``timeout`` is in seconds and bounds every wait for a server. ``output`` is what frames are when a call
    does not say. ``progress`` is True, False, a callable ``(done_bars, total_bars, bars_per_second, eta_seconds)``, or
    None: a bar after two seconds where somebody looks.
    """

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
        self._mode = cast(Mode, _one_of(_MODES, mode, "mode"))
        self._url = url
        self._config = None if config is None else os.fspath(config)
        self._api_key = api_key
        if not 0 < timeout < float("inf"):
            raise InvalidRequestError(
                f"timeout {timeout!r} cannot be right: it is a positive number of seconds",
                code="invalid_argument",
                parameter="timeout",
            )
        self._timeout = float(timeout)
        self._output = check_output(output)
        self._progress = progress
        self._closed = False
        self._lock = threading.Lock()
        self._door: Door | None = None
        _clients.add(self)
        self._open()  # a wrong configuration is told at once

    # ---- life

    def _open(self) -> Door:
        with self._lock:
            if self._closed:
                raise InvalidRequestError("the client is closed", code="invalid_argument", parameter="self")
            if self._door is None:
                from . import _engine

                key = self._api_key or os.environ.get("TDM_API_KEY") or None
                self._door = _engine.open(url=self._url, config=self._config, api_key=key, timeout=self._timeout)
            return self._door

    def close(self) -> None:
        """Lets go of the store or the server. Calls that run elsewhere end first; calling twice does no harm."""
        with self._lock:
            self._closed = True
            self._door = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        url = f", url={self._url!r}" if self._url else ""
        return f"{type(self).__name__}(mode={self._mode!r}{url})"

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_lock"], state["_door"]
        if not isinstance(self._progress, bool | None):
            state["_progress"] = None  # a callable belongs to the process that gave it
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
        self._door = None
        _clients.add(self)

    def _after_fork(self) -> None:
        # The lock may be held by a thread that is not here any more, and the door's own threads are not here either.
        self._lock = threading.Lock()
        door, self._door = self._door, None
        if door is not None:
            door.abandon()

    # ---- bars

    @overload
    def get_historical_data(
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
    def get_historical_data(
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
    def get_historical_data(
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
    def get_historical_data(
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

    def get_historical_data(
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
        """The bars of one instrument, oldest first, labelled by ``open_time``.

        A *date* as ``end_date`` means the whole day, an *instant* is excluded; naive times are UTC; None means the
        first or the last closed bar there is. What the store does not hold is fetched, unless ``fetch="never"``.

        ``symbol`` is the exchange's own, the canonical ``bybit.linear.BTCUSDT`` or ccxt's ``BTC/USDT:USDT``; with
        ``:mark``, ``:index`` or ``:premium`` behind it, the bars are of that price. These have no volume.

        ``columns``: None (open, high, low, close, volume), names, or "all". ``output``: "pandas", "polars", "arrow",
        "numpy"; not given: what the client was made with. ``on_gap``: "raise", "warn", "ignore", or None: by cause in
        backtest mode, warn in live mode. ``finality``: "confirmed", or "provisional" for bars that ended but are not
        yet proven, too. ``as_of``: as the data was known then. ``fill``: "nan" or "ffill"; None never fills.
        ``straddle="keep"`` keeps a longer bar that ends after ``end_date``. ``day_start="08:00"`` moves the beginning
        of 1d, 1w and 1M bars to that time of day, UTC. Results are writable and private;
        ``writable=False`` gives read-only ones.

        Where the bars come from and what they lack: ``frame.attrs["provenance"]``.
        """
        if include_open and self._mode == "backtest":
            raise ModeError(
                "include_open=True shows the future to a backtest; it is for mode='live'", parameter="include_open"
            )
        if finality is not None:
            _one_of(_FINALITIES, finality, "finality")
        chosen = self._output if output is _PANDAS else check_output(output)
        request = {
            "symbol": symbol,
            "exchange": exchange,
            "timeframe": timeframe,
            "market": market,
            "start": to_text(start_date, "start_date"),
            "end": to_text(end_date, "end_date"),
            "columns": _names(columns),
            "on_gap": on_gap or ("by_cause" if self._mode == "backtest" else "warn"),
            "min_quality": min_quality,
            "confirmed_only": finality == "confirmed" or (finality is None and self._mode == "backtest"),
            "as_of": to_text(as_of, "as_of"),
            "fill": fill,
            "fetch": fetch,
            "include_open": include_open,
            "straddle": straddle,
            "day_start": day_start,
        }
        try:
            answer = self._read(request, self._progress if progress is None else progress)
        except IncompleteDataError as error:
            error.gaps = self.get_gaps(symbol, exchange, timeframe, start_date, end_date, market=market)
            raise
        if answer.warn_gaps:
            warnings.warn(_gap_message(answer), DataGapWarning, stacklevel=2)
        del copy  # every result is a private copy already
        return to_output(answer, chosen, writable=writable)

    def _read(self, request: dict[str, Any], progress: bool | OnProgress | None) -> Answer:
        door = self._open()
        stop = _stop.get()
        if callable(progress):
            return door.read(request, progress, stop)
        if progress is False:
            return door.read(request, None, stop)
        from .progress import Bar, shows

        if not shows():
            return door.read(request, None, stop)
        title = f"{request['exchange']} {request['symbol']} {request['timeframe']}"
        bar = Bar(title, delay=0.0) if progress else Bar(title)
        try:
            return door.read(request, bar, stop)
        finally:
            bar.close()

    # ---- what there is

    def list_symbols(
        self,
        exchange: str,
        market: str | None = None,
        pattern: str | None = None,
        as_of: DateLike | None = None,
    ) -> list[str]:
        """Symbols of an exchange, sorted: of one ``market``, matching a glob ``pattern``, listed ``as_of`` that day.

        Without ``as_of`` these are the instruments that trade now; with it also those that have since gone.
        """
        found = self._instruments(exchange, market, pattern, as_of, active_only=as_of is None)
        return sorted({fields["symbol"] for fields in found})

    def list_instruments(
        self,
        exchange: str,
        market: str | None = None,
        pattern: str | None = None,
        as_of: DateLike | None = None,
        *,
        active_only: bool = False,
    ) -> list[Instrument]:
        """What the catalogue knows of an exchange's instruments, the dead ones too."""
        from .model import Instrument

        found = self._instruments(exchange, market, pattern, as_of, active_only=active_only)
        return [Instrument._from_engine(fields) for fields in found]

    def _instruments(
        self, exchange: str, market: str | None, pattern: str | None, as_of: DateLike | None, *, active_only: bool
    ) -> list[dict[str, Any]]:
        door = self._open()
        return door.instruments(exchange, market, pattern, to_text(as_of, "as_of"), active_only, _stop.get())

    def get_instrument(self, symbol: str, exchange: str, *, market: str | None = None) -> Instrument:
        """The instrument that (exchange, symbol) means."""
        from .model import Instrument

        return Instrument._from_engine(self._open().instrument(exchange, symbol, market, _stop.get()))

    def get_coverage(
        self,
        symbol: str,
        exchange: str,
        timeframe: str,
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        *,
        market: str | None = None,
    ) -> Coverage:
        """How much of a series is stored. Fetches no bars."""
        from .model import Coverage

        door, series = self._series(symbol, exchange, timeframe, market)
        found = door.coverage(series, to_text(start_date, "start_date"), to_text(end_date, "end_date"))
        if not found:
            return Coverage(series, None, None, None, 0, 0, 0, 0)
        return Coverage._from_engine(found[0])

    def get_gaps(
        self,
        symbol: str,
        exchange: str,
        timeframe: str,
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        *,
        market: str | None = None,
    ) -> list[Gap]:
        """The known gaps of a series, oldest first."""
        from .model import Gap

        door, series = self._series(symbol, exchange, timeframe, market)
        found = door.gaps(series, to_text(start_date, "start_date"), to_text(end_date, "end_date"))
        return [Gap._from_engine(json.loads(text)) for text in found]

    def estimate(
        self,
        symbol: str,
        exchange: str,
        timeframe: str,
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        *,
        market: str | None = None,
    ) -> Estimate:
        """What reading this range would cost, before it is paid."""
        from .model import Estimate

        door, series = self._series(symbol, exchange, timeframe, market)
        start, end = to_text(start_date, "start_date"), to_text(end_date, "end_date")
        return Estimate._from_engine(door.estimate(series, start, end, _stop.get()))

    def _series(self, symbol: str, exchange: str, timeframe: str, market: str | None) -> tuple[Door, str]:
        door = self._open()
        return door, door.series(exchange, symbol, market, timeframe, _stop.get())

    def server_info(self) -> ServerInfo:
        """Version and door of whoever answers."""
        from .model import ServerInfo

        return ServerInfo(**self._open().info())


def _names(columns: str | Sequence[str] | None) -> list[str]:
    if columns is None or columns == "ohlcv":
        return []
    return [columns] if isinstance(columns, str) else list(columns)


def _gap_message(answer: Answer) -> str:
    from .model import Gap

    gaps = [Gap._from_engine(json.loads(text)) for text in answer.warn_gaps]
    first = gaps[0]
    count = "1 gap" if len(gaps) == 1 else f"{len(gaps)} gaps"
    bars = sum(gap.bars for gap in gaps)
    return (
        f"{answer.series}: {count}, {bars} bars absent; the first is [{first.start:%Y-%m-%dT%H:%M:%SZ}, "
        f"{first.end:%Y-%m-%dT%H:%M:%SZ}), cause {first.cause}. on_gap='raise' refuses such an answer, "
        f"on_gap='ignore' is silent, get_gaps() lists them all"
    )


_clients: weakref.WeakSet[MarketDataClient] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for client in list(_clients):
        client._after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
