"""The four kinds of results hold the same values, in the types that were promised."""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from fake_engine import START_NS, Engine
from trading_data_market import provenance
from trading_data_market.client import MarketDataClient
from trading_data_market.errors import InvalidRequestError, MissingDependencyError

ASK = ("BTCUSDT", "bybit", "1h", "2023-01-01", "2023-01-01")
OHLCV = ["open", "high", "low", "close", "volume"]
EXTRA = ("quote_volume", "trade_count", "finality", "quality_flags", "revision", "available_at")


@pytest.fixture
def client(engine: Engine) -> MarketDataClient:
    return MarketDataClient()


def test_pandas_is_five_columns_in_one_block(client: MarketDataClient) -> None:
    frame = client.get_historical_data(*ASK)
    assert list(frame.columns) == OHLCV
    assert [str(kind) for kind in frame.dtypes] == ["float64"] * 5
    assert frame._mgr.nblocks == 1
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert frame.index.name == "open_time"
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"
    assert frame.index[0] == pd.Timestamp("2023-01-01T00:00Z")
    assert frame.index.is_monotonic_increasing
    assert frame["close"].iloc[3] == 403.0
    assert frame.attrs["provenance"]["instrument"] == "bybit.linear.BTCUSDT"


def test_pandas_takes_the_engines_memory(
    client: MarketDataClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks: list[Any] = []
    from fake_engine import Answer

    make = Answer.block

    def remember(self: Answer, names: list[str]) -> Any:
        blocks.append(make(self, names))
        return blocks[-1]

    monkeypatch.setattr(Answer, "block", remember)
    frame = client.get_historical_data(*ASK)
    assert np.shares_memory(frame.to_numpy(), blocks[0])


def test_pandas_with_every_kind_of_column(client: MarketDataClient, engine: Engine) -> None:
    engine.extra = EXTRA
    frame = client.get_historical_data(*ASK, columns="all")
    assert list(frame.columns) == [*OHLCV, *EXTRA]
    assert str(frame["trade_count"].dtype) == "Int64"
    assert frame["trade_count"].isna().sum() == 12
    assert frame["trade_count"].iloc[2] == 2
    assert str(frame["quality_flags"].dtype) == "uint32"
    assert str(frame["revision"].dtype) == "int32"
    assert str(frame["available_at"].dtype) == "datetime64[ns, UTC]"
    assert frame["available_at"].iloc[0] == pd.Timestamp("2023-01-01T01:00Z")
    assert set(frame["finality"]) == {"confirmed"}
    assert np.isnan(frame["quote_volume"].iloc[1])
    assert engine.requests[0]["columns"] == ["all"]


@pytest.mark.parametrize("output", ["pandas", "polars", "arrow", "numpy"])
def test_an_empty_answer_has_the_same_shape(engine: Engine, output: Any) -> None:
    engine.rows, engine.extra = 0, EXTRA
    result: Any = MarketDataClient().get_historical_data(*ASK, output=output)
    names = list(result.column_names if output == "arrow" else result if output == "numpy" else result.columns)
    assert [name for name in names if name != "open_time"] == [*OHLCV, *EXTRA]
    assert len(result["close"]) == 0


def test_an_empty_frame_of_pandas_keeps_its_types(client: MarketDataClient, engine: Engine) -> None:
    engine.rows = 0
    frame = client.get_historical_data(*ASK)
    assert [str(kind) for kind in frame.dtypes] == ["float64"] * 5
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"


def test_all_outputs_hold_the_same_values(client: MarketDataClient, engine: Engine) -> None:
    engine.extra = EXTRA
    frame = client.get_historical_data(*ASK)
    arrays = client.get_historical_data(*ASK, output="numpy")
    table = client.get_historical_data(*ASK, output="arrow")
    polars = client.get_historical_data(*ASK, output="polars")
    assert isinstance(table, pa.Table)
    assert isinstance(polars, pl.DataFrame)
    assert list(arrays) == table.column_names == polars.columns == ["open_time", *frame.columns]
    assert arrays["open_time"].dtype == np.dtype("datetime64[ns]")
    assert str(table.schema.field("open_time").type) == "timestamp[us, tz=UTC]"
    assert polars.schema["open_time"] == pl.Datetime("us", "UTC")
    assert arrays["open_time"].view("i8")[0] == START_NS
    for name in (*OHLCV, "quote_volume"):
        np.testing.assert_array_equal(arrays[name], frame[name].to_numpy())
        np.testing.assert_array_equal(table[name].to_numpy(), frame[name].to_numpy())
        np.testing.assert_array_equal(polars[name].to_numpy(), frame[name].to_numpy())
    assert list(table["trade_count"].to_pylist()) == polars["trade_count"].to_list() == arrays["trade_count"].tolist()
    assert polars["trade_count"].null_count() == 12
    assert arrays["finality"].tolist() == polars["finality"].to_list()


def test_every_result_says_where_it_comes_from(client: MarketDataClient) -> None:
    expected = client.get_historical_data(*ASK).attrs["provenance"]
    for output in ("pandas", "polars", "arrow", "numpy"):
        assert provenance(client.get_historical_data(*ASK, output=output)) == expected
    with pytest.raises(InvalidRequestError):
        provenance(pd.DataFrame())


def test_provenance_survives_what_people_do_with_frames(client: MarketDataClient) -> None:
    frame = client.get_historical_data(*ASK)
    assert pickle.loads(pickle.dumps(frame)).attrs == frame.attrs
    file = io.BytesIO()
    frame.to_parquet(file)
    file.seek(0)
    again = pd.read_parquet(file)
    assert again.attrs == frame.attrs
    pd.testing.assert_frame_equal(again, frame)
    assert len(pd.concat([frame, frame])) == 48


@pytest.mark.parametrize("output", ["pandas", "numpy"])
def test_results_are_writable_and_private(client: MarketDataClient, output: Any) -> None:
    first: Any = client.get_historical_data(*ASK, output=output)
    second: Any = client.get_historical_data(*ASK, output=output)
    column = first["close"]
    if output == "pandas":
        first.loc[first.index[0], "close"] = -1.0
        assert first["close"].iloc[0] == -1.0
    else:
        column[0] = -1.0
    assert np.asarray(second["close"])[0] == 400.0


def test_read_only_results_refuse_to_be_written(client: MarketDataClient, engine: Engine) -> None:
    engine.extra = EXTRA
    arrays = client.get_historical_data(*ASK, output="numpy", writable=False)
    for name in ("open_time", "close", "revision", "available_at"):
        with pytest.raises(ValueError, match="read-only"):
            arrays[name][0] = arrays[name][1]
    engine.extra = ()
    frame = client.get_historical_data(*ASK, writable=False)
    with pytest.raises(ValueError, match="read-only"):
        frame.iloc[0, 0] = 1.0


def test_the_outputs_are_a_closed_list(engine: Engine) -> None:
    with pytest.raises(InvalidRequestError, match="pandas, polars, arrow, numpy") as caught:
        MarketDataClient().get_historical_data(*ASK, output="excel")  # type: ignore[call-overload]
    assert caught.value.parameter == "output"
    with pytest.raises(InvalidRequestError):
        MarketDataClient(output="excel")  # type: ignore[arg-type]


@pytest.mark.parametrize(("output", "package"), [("pandas", "pandas"), ("polars", "polars"), ("arrow", "pyarrow")])
def test_a_missing_library_is_named_with_the_way_to_get_it(
    client: MarketDataClient, monkeypatch: pytest.MonkeyPatch, output: Any, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf"trading-data-market\[{output}\]") as caught:
        client.get_historical_data(*ASK, output=output)
    assert isinstance(caught.value, ImportError)


def test_the_client_may_have_another_output(engine: Engine) -> None:
    client = MarketDataClient(output="polars")
    assert isinstance(client.get_historical_data(*ASK), pl.DataFrame)
    assert isinstance(client.get_historical_data(*ASK, output="pandas"), pd.DataFrame)
