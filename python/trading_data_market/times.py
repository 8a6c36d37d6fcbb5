"""How a user's date or instant becomes the text that the engine reads.

The engine alone knows what a bound means; here a value only keeps its kind: a date stays a date (the whole day), an
instant stays an instant.
"""

from __future__ import annotations

import operator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import InvalidRequestError

if TYPE_CHECKING:
    from typing import SupportsIndex

    import numpy as np

    DateLike: TypeAlias = str | date | datetime | SupportsIndex | np.datetime64

__all__ = ["to_text"]


def to_text(value: DateLike | None, parameter: str) -> str | None:
    """The engine's spelling of ``value``: a date, an RFC 3339 instant in UTC, or integer milliseconds."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):  # before date, which it also is; pandas.Timestamp is one, too
        return _instant(value, parameter)
    if isinstance(value, date):
        return value.isoformat()
    if type(value).__module__ == "numpy" and type(value).__name__ == "datetime64":
        return _numpy(value, parameter)
    if not isinstance(value, bool):
        try:
            return str(operator.index(value))  # type: ignore[arg-type]
        except TypeError:
            pass
    raise InvalidRequestError(
        f"{parameter} {value!r} is not a time; expected a date, a datetime, text, or integer milliseconds",
        code="invalid_argument",
        parameter=parameter,
    )


def _not_a_time(parameter: str) -> InvalidRequestError:
    return InvalidRequestError(f"{parameter} is NaT, not a time", code="invalid_argument", parameter=parameter)


def _instant(value: datetime, parameter: str) -> str:
    if value != value:  # NaT of pandas
        raise _not_a_time(parameter)
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return aware.isoformat()


def _numpy(value: Any, parameter: str) -> str:
    text = str(value)  # no finer than its unit: datetime64[D] prints a date, [M] a month, [Y] a year
    if text == "NaT":
        raise _not_a_time(parameter)
    # Without minutes ("2023-01-01T05") it is an instant of whole hours.
    return f"{text}:00" if "T" in text and ":" not in text else text
