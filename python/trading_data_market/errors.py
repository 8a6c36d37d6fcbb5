"""What can go wrong, as exception classes.

The engine's error codes map to these one to one. Classes also derive from the built-in that fits, so ``except
ValueError`` and ``except TimeoutError`` work as one expects.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import Gap

__all__ = [
    "AmbiguousSymbolError",
    "ApiError",
    "AuthenticationError",
    "ChecksumError",
    "ConfigurationError",
    "ConnectionFailedError",
    "DataError",
    "DataGapWarning",
    "DecodeError",
    "IncompleteDataError",
    "InvalidRequestError",
    "MissingDependencyError",
    "ModeError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestTimeoutError",
    "ServerError",
    "ServiceUnavailableError",
    "StorageFullError",
    "TradingDataMarketError",
    "TransportError",
    "UnknownExchangeError",
    "UnknownSymbolError",
    "UnsupportedTimeframeError",
]


class TradingDataMarketError(Exception):
    """Every error of this package.

    ``code`` is the engine's word for it, ``parameter`` the argument that was wrong (or ""), ``suggestions`` the
    nearest valid values, ``retryable`` whether the same call may succeed later, ``retry_after`` the pause in seconds,
    when known. Where a server answered with the error, ``status`` is that of HTTP, ``url`` what was asked for,
    ``request_id`` names the request in the server's log and ``details`` is the problem document (RFC 9457); without a
    server they are None, "", "" and {}.
    """

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        parameter: str = "",
        suggestions: Sequence[str] = (),
        retry_after: float | None = None,
        status: int | None = None,
        url: str = "",
        request_id: str = "",
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.parameter = parameter
        self.suggestions = list(suggestions)
        self.retry_after = retry_after
        self.status = status
        self.url = url
        self.request_id = request_id
        self.details = details or {}

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), self.args, self.__dict__)


class ConfigurationError(TradingDataMarketError):
    """The configuration file is wrong; the message begins with file, line and column."""


class MissingDependencyError(TradingDataMarketError, ImportError):
    """An optional package is needed for this output."""


class ModeError(TradingDataMarketError):
    """The call is not for a client of this mode."""


class InvalidRequestError(TradingDataMarketError, ValueError):
    """An argument cannot be right."""


class UnknownSymbolError(InvalidRequestError):
    """The exchange has no such instrument."""


class UnknownExchangeError(InvalidRequestError):
    """No such exchange is built in."""


class UnsupportedTimeframeError(InvalidRequestError):
    """No such timeframe, or not one of this market."""


class AmbiguousSymbolError(InvalidRequestError):
    """More than one market has the symbol and none is the default."""


class ApiError(TradingDataMarketError):
    """A server answered with an error."""


class AuthenticationError(ApiError):
    """The server, or a proxy before it, wants to know who asks (401)."""


class PermissionDeniedError(ApiError):
    """The server, or a proxy before it, knows who asks and refuses (403)."""


class NotFoundError(ApiError):
    """What was asked for does not exist."""


class RateLimitError(ApiError):
    """The exchange or the server asks for a pause."""

    retryable = True


class ServerError(ApiError):
    """A defect on our side."""


class ServiceUnavailableError(ServerError):
    """Network, exchange, lock or backend is down."""

    retryable = True


class StorageFullError(ServerError):
    """No space is left; nothing was lost."""


class TransportError(TradingDataMarketError):
    """The connection failed."""

    retryable = True


class ConnectionFailedError(TransportError, ConnectionError):
    """Nobody answers at that address."""


class RequestTimeoutError(TransportError, TimeoutError):
    """No answer in time."""


class DataError(TradingDataMarketError):
    """The data is not what it must be."""


class IncompleteDataError(DataError):
    """The range has gaps, and ``on_gap`` says to raise. ``gaps``: those known in the range, oldest first."""

    gaps: Sequence[Gap] = ()


class ChecksumError(DataError):
    """Stored bytes differ from their checksum."""


class DecodeError(DataError):
    """Bytes arrived that mean nothing."""


class DataGapWarning(UserWarning):
    """The answer has gaps that neither waiting nor fetching cures."""


_BY_CODE: dict[str, type[TradingDataMarketError]] = {
    "invalid_argument": InvalidRequestError,
    "configuration": ConfigurationError,
    "unknown_exchange": UnknownExchangeError,
    "unknown_symbol": UnknownSymbolError,
    "not_found": NotFoundError,
    "incomplete_data": IncompleteDataError,
    "backfill_required": InvalidRequestError,
    "rate_limited": RateLimitError,
    "unavailable": ServiceUnavailableError,
    "storage_full": StorageFullError,
    "corrupt_data": ChecksumError,
    "internal": ServerError,
}


_BY_STATUS: dict[int, type[TradingDataMarketError]] = {401: AuthenticationError, 403: PermissionDeniedError}


def _document(body: bytes) -> dict[str, Any]:
    """The problem document of an answer; {} when it is none."""
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _from_engine(
    code: str,
    message: str,
    parameter: str,
    suggestions: list[str],
    retry_after: float | None,
    status: int = 0,
    url: str = "",
    request_id: str = "",
    document: bytes = b"",
) -> BaseException:
    """The exception for one of the engine's errors."""
    if code == "cancelled":
        return KeyboardInterrupt(message)
    cls = _BY_STATUS.get(status) or _BY_CODE.get(code, TradingDataMarketError)
    if cls is InvalidRequestError and parameter == "timeframe":
        cls = UnsupportedTimeframeError
    return cls(
        message,
        code=code,
        parameter=parameter,
        suggestions=suggestions,
        retry_after=retry_after,
        status=status or None,
        url=url,
        request_id=request_id,
        details=_document(document),
    )
