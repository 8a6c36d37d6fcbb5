"""From the engine's answer to what the user computes with. Each library is imported when it is first needed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .errors import InvalidRequestError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from ._engine import Answer

__all__ = ["Arrays", "Output", "provenance", "to_output"]

Output: TypeAlias = Literal["pandas", "polars", "arrow", "numpy"]
Result: TypeAlias = "pd.DataFrame | pl.DataFrame | pa.Table | Arrays"


class Arrays(dict[str, "npt.NDArray[Any]"]):
    """Columns by name, ``open_time`` first as datetime64[ns] in UTC; ``provenance`` says where they come from."""

    provenance: dict[str, Any]


def to_output(answer: Answer, output: Output, *, writable: bool) -> Result:
    return _maker(output)(answer, writable)


def check_output(output: str) -> Output:
    _maker(output)
    return output  # type: ignore[return-value]


def provenance(result: Any) -> dict[str, Any]:
    """Where a result of the client comes from and what it lacks, whatever kind of result it is.

    pandas: ``attrs["provenance"]``; Arrow: schema metadata ``tdm.provenance``; NumPy: attribute ``provenance``; Polars:
    remembered on the very frame that the client returned, not on what was made of it.
    """
    found: Any = getattr(result, "attrs", {}).get("provenance")
    if found is None:
        found = getattr(result, "provenance", None) or getattr(result, "_tdm_provenance", None)
    if found is None:
        metadata = getattr(getattr(result, "schema", None), "metadata", None) or {}
        found = json.loads(metadata[b"tdm.provenance"]) if b"tdm.provenance" in metadata else None
    if not isinstance(found, dict):
        raise InvalidRequestError(
            "this is no result of the client, or its provenance was lost on the way", parameter="result"
        )
    return found


def _load(name: str, extra: str) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"output={extra!r} needs the package {error.name}: pip install 'trading-data-market[{extra}]'",
            parameter="output",
        ) from error


def _time64(values: npt.NDArray[Any]) -> npt.NDArray[np.datetime64]:
    return values.view("datetime64[ns]")


def _blocks(answer: Answer, writable: bool) -> tuple[list[str], npt.NDArray[np.float64] | None]:
    """Names of the float64 columns, and those columns one after another in one piece of memory."""
    names = [name for name, kind in answer.columns if kind == "f8"]
    if not names:
        return names, None
    block = answer.block(names)
    block.flags.writeable = writable
    return names, block


# ---- pandas


def _to_pandas(answer: Answer, writable: bool) -> pd.DataFrame:
    pandas = _load("pandas", "pandas")
    index = pandas.DatetimeIndex(_time64(answer.time_ns("open_time")), name="open_time", copy=False).tz_localize("UTC")
    floats, block = _blocks(answer, writable)
    frame: pd.DataFrame
    if block is None:
        frame = pandas.DataFrame(index=index)
    else:
        frame = pandas.DataFrame(block.T, index=index, columns=floats, copy=False)  # one block, no copy
    for position, (name, kind) in enumerate(column for column in answer.columns if column[0] != "open_time"):
        if kind != "f8":
            frame.insert(position, name, _pandas_column(pandas, answer, name))
    frame.attrs["provenance"] = json.loads(answer.provenance)
    return frame


def _pandas_column(pandas: ModuleType, answer: Answer, name: str) -> Any:
    kind, values, valid = answer.column(name)
    if kind == "text":
        return values
    if kind == "time":
        times = pandas.DatetimeIndex(_time64(values), copy=False).tz_localize("UTC")
        return times if valid is None else times.where(valid.astype(bool))
    if name == "trade_count" or valid is not None:  # nullable whether or not this stretch has a null
        mask = (valid == 0) if valid is not None else (values != values)
        return pandas.arrays.IntegerArray(values, mask)
    return values


# ---- Arrow and Polars


def _to_arrow(answer: Answer, writable: bool) -> pa.Table:  # noqa: ARG001 (Arrow is never writable)
    return _load("pyarrow", "arrow").table(answer)


def _to_polars(answer: Answer, writable: bool) -> pl.DataFrame:  # noqa: ARG001 (Polars copies when it writes)
    frame: pl.DataFrame = _load("polars", "polars").DataFrame(answer)
    frame._tdm_provenance = json.loads(answer.provenance)  # type: ignore[attr-defined]
    return frame


# ---- NumPy


def _to_numpy(answer: Answer, writable: bool) -> Arrays:
    numpy = _load("numpy", "pandas")
    floats, block = _blocks(answer, writable)
    arrays = Arrays()
    arrays["open_time"] = _time64(answer.time_ns("open_time"))
    arrays["open_time"].flags.writeable = writable
    for name, kind in answer.columns:
        if name == "open_time":
            continue
        if kind == "f8" and block is not None:
            arrays[name] = block[floats.index(name)]
        else:
            arrays[name] = _numpy_column(numpy, answer, name)
            arrays[name].flags.writeable = writable
    arrays.provenance = json.loads(answer.provenance)
    return arrays


def _numpy_column(numpy: ModuleType, answer: Answer, name: str) -> npt.NDArray[Any]:
    kind, values, valid = answer.column(name)
    if kind == "text":
        made: npt.NDArray[Any] = numpy.array(values, dtype=object)
        return made
    column: npt.NDArray[Any] = _time64(values) if kind == "time" else values
    if valid is None:
        return column
    if kind == "time":
        column[valid == 0] = numpy.datetime64("NaT")
        return column
    masked: npt.NDArray[Any] = numpy.ma.MaskedArray(column, mask=valid == 0)
    return masked


_MAKERS: dict[str, Callable[[Answer, bool], Result]] = {
    "pandas": _to_pandas,
    "polars": _to_polars,
    "arrow": _to_arrow,
    "numpy": _to_numpy,
}


def _maker(output: str) -> Callable[[Answer, bool], Result]:
    maker = _MAKERS.get(output)
    if maker is None:
        raise InvalidRequestError(
            f"output {output!r} is not known; it is one of: {', '.join(_MAKERS)}",
            code="invalid_argument",
            parameter="output",
            suggestions=list(_MAKERS),
        )
    return maker
