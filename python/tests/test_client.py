"""What the client asks of the engine, and what it makes of the answers."""

from __future__ import annotations

import inspect
import os
import pickle
import threading
import warnings
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_engine import GAP, Engine
from trading_data_market import progress
from trading_data_market.client import MarketDataClient
from trading_data_market.errors import (
    AuthenticationError,
    DataGapWarning,
    IncompleteDataError,
    InvalidRequestError,
    ModeError,
    PermissionDeniedError,
    TradingDataMarketError,
    UnsupportedTimeframeError,
    _from_engine,
)
from trading_data_market.model import Coverage

ASK = {
    "symbol": "BTCUSDT",
    "exchange": "bybit",
    "timeframe": "1h",
    "start_date": "2023-01-01",
    "end_date": "2023-12-31",
}


def read(client: MarketDataClient, **more: Any) -> Any:
    return client.get_historical_data(**{**ASK, **more})


def last_call(engine: Engine) -> Any:
    return engine.calls[-1]


def test_the_signatures_are_those_that_programs_rely_on() -> None:
    assert (
        str(inspect.signature(MarketDataClient))
        .replace("'", "")
        .startswith("(mode: Mode = backtest, url: str | None = None, *, config: ")
    )
    parameters = inspect.signature(MarketDataClient.get_historical_data).parameters
    positional = [name for name, one in parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
    assert positional == ["self", "symbol", "exchange", "timeframe", "start_date", "end_date"]
    keywords = {name: one.default for name, one in parameters.items() if one.kind is one.KEYWORD_ONLY}
    assert keywords == {
        "market": None,
        "columns": None,
        "output": "pandas",
        "on_gap": None,
        "min_quality": None,
        "finality": None,
        "as_of": None,
        "fill": None,
        "fetch": "auto",
        "include_open": False,
        "straddle": None,
        "day_start": None,
        "writable": True,
        "copy": False,
        "progress": None,
    }
    assert list(inspect.signature(MarketDataClient.list_symbols).parameters) == [
        "self",
        "exchange",
        "market",
        "pattern",
        "as_of",
    ]
    constructor = inspect.signature(MarketDataClient).parameters
    assert [(name, one.default) for name, one in constructor.items()] == [
        ("mode", "backtest"),
        ("url", None),
        ("config", None),
        ("api_key", None),
        ("timeout", 30.0),
        ("output", "pandas"),
        ("progress", None),
    ]


def test_the_sacred_call_asks_for_closed_bars_and_judges_gaps_by_cause(engine: Engine) -> None:
    read(MarketDataClient(mode="backtest"))
    assert engine.requests == [
        {
            "symbol": "BTCUSDT",
            "exchange": "bybit",
            "timeframe": "1h",
            "market": None,
            "start": "2023-01-01",
            "end": "2023-12-31",
            "columns": [],
            "on_gap": "by_cause",
            "min_quality": None,
            "confirmed_only": True,
            "as_of": None,
            "fill": None,
            "fetch": "auto",
            "include_open": False,
            "straddle": None,
            "day_start": None,
        }
    ]


@pytest.mark.parametrize(
    ("mode", "given", "expected"),
    [
        ("backtest", {"on_gap": "warn"}, {"on_gap": "warn"}),
        ("live", {}, {"on_gap": "warn", "confirmed_only": False}),
        ("live", {"on_gap": "raise"}, {"on_gap": "raise"}),
        ("live", {"finality": "confirmed"}, {"confirmed_only": True}),
        ("live", {"include_open": True}, {"include_open": True}),
        ("backtest", {"finality": "provisional"}, {"confirmed_only": False}),
        ("backtest", {"start_date": date(2023, 1, 1), "end_date": None}, {"start": "2023-01-01", "end": None}),
        ("backtest", {"end_date": datetime(2023, 1, 2)}, {"end": "2023-01-02T00:00:00+00:00"}),
        ("backtest", {"as_of": datetime(2024, 1, 1, tzinfo=UTC)}, {"as_of": "2024-01-01T00:00:00+00:00"}),
        ("backtest", {"columns": "close"}, {"columns": ["close"]}),
        ("backtest", {"columns": "ohlcv"}, {"columns": []}),
        ("backtest", {"columns": ("close", "volume")}, {"columns": ["close", "volume"]}),
        ("backtest", {"market": "spot", "fetch": "never"}, {"market": "spot", "fetch": "never"}),
        ("backtest", {"straddle": "keep"}, {"straddle": "keep"}),
        ("backtest", {"day_start": "08:00"}, {"day_start": "08:00"}),
        ("backtest", {"fill": "nan", "min_quality": 0.9}, {"fill": "nan", "min_quality": 0.9}),
    ],
)  # fmt: skip
def test_what_is_asked(engine: Engine, mode: Any, given: dict[str, Any], expected: dict[str, Any]) -> None:
    read(MarketDataClient(mode=mode), **given)
    assert {name: engine.requests[0][name] for name in expected} == expected


def test_a_backtest_never_sees_an_open_bar(engine: Engine) -> None:
    with pytest.raises(ModeError):
        read(MarketDataClient(), include_open=True)
    assert engine.requests == []


@pytest.mark.parametrize(
    ("make", "parameter"),
    [
        (lambda: MarketDataClient(mode="paper"), "mode"),  # type: ignore[arg-type]
        (lambda: MarketDataClient(timeout=0), "timeout"),
        (lambda: MarketDataClient(timeout=float("nan")), "timeout"),
        (lambda: read(MarketDataClient(), finality="open"), "finality"),
        (lambda: read(MarketDataClient(), start_date=1.5), "start_date"),
        (lambda: read(MarketDataClient(), as_of=[]), "as_of"),
    ],
)
def test_mistakes_name_the_parameter(engine: Engine, make: Any, parameter: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        make()
    assert caught.value.parameter == parameter
    assert engine.requests == []


# ---- gaps


def test_gaps_that_nothing_cures_warn_once_where_the_user_called(engine: Engine) -> None:
    engine.warn_gaps = [GAP, GAP | {"bars": 3}]
    client = MarketDataClient()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        client.get_historical_data("BTCUSDT", "bybit", "1h")
    assert [warning.category for warning in seen] == [DataGapWarning]
    assert seen[0].filename == __file__
    message = str(seen[0].message)
    for words in ("bybit.linear.BTCUSDT@1h", "2 gaps", "5 bars", "2023-01-01T01:00:00Z", "upstream_missing", "on_gap"):
        assert words in message


def test_no_gap_no_warning(engine: Engine) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(MarketDataClient())


# ---- errors


def test_the_engines_errors_have_classes() -> None:
    error: Any = _from_engine("incomplete_data", "2 gaps", "on_gap", [], None)
    assert isinstance(error, IncompleteDataError)
    error = _from_engine("invalid_argument", "no such", "timeframe", ["1h"], None)
    assert isinstance(error, UnsupportedTimeframeError)
    assert isinstance(error, ValueError)
    assert error.suggestions == ["1h"]
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.__dict__) == (type(error), str(error), error.__dict__)
    assert isinstance(_from_engine("cancelled", "stopped", "", [], None), KeyboardInterrupt)
    assert type(_from_engine("of_tomorrow", "new", "", [], None)) is TradingDataMarketError
    error = _from_engine("not_found", "nothing", "", [], None, 404, "http://h/x", "r1", b'{"code": "not_found"}')
    assert (error.status, error.url, error.request_id, error.details) == (
        404,
        "http://h/x",
        "r1",
        {"code": "not_found"},
    )
    assert _from_engine("not_found", "nothing", "", [], None, 404, "", "", b"<html>").details == {}  # type: ignore[attr-defined]
    assert isinstance(_from_engine("invalid_argument", "no", "", [], None, 401), AuthenticationError)
    assert isinstance(_from_engine("invalid_argument", "no", "", [], None, 403), PermissionDeniedError)
    error = _from_engine("rate_limited", "slow down", "", [], 2.5)
    assert error.retryable
    assert error.retry_after == 2.5


def test_incomplete_data_says_what_is_missing(engine: Engine) -> None:
    client = MarketDataClient()
    engine.error = _from_engine("incomplete_data", "1 gap", "on_gap", [], None)
    with pytest.raises(IncompleteDataError) as raised:
        client.get_historical_data("BTCUSDT", "bybit", "1h", "2023-01-01", "2023-01-02")
    assert [gap.cause for gap in raised.value.gaps] == ["upstream_missing"]
    assert engine.calls[-1][0] == "gaps"
    assert engine.calls[-1][2:] == ("2023-01-01", "2023-01-02")


def test_a_wrong_configuration_is_told_at_once(engine: Engine) -> None:
    engine.error = _from_engine("configuration", "configuration error: x.yaml:1:1: empty", "", [], None)
    with pytest.raises(TradingDataMarketError, match=r"x\.yaml:1:1"):
        MarketDataClient()


# ---- life


def test_options_reach_the_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    MarketDataClient("live", "http://127.0.0.1:8000", config=Path("a.yaml"), api_key="secret", timeout=5)
    assert engine.doors[-1].options == {
        "url": "http://127.0.0.1:8000",
        "config": "a.yaml",
        "api_key": "secret",
        "timeout": 5.0,
    }
    monkeypatch.setenv("TDM_API_KEY", "of the environment")
    MarketDataClient()
    assert engine.doors[-1].options["api_key"] == "of the environment"


def test_a_key_is_never_shown(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TDM_API_KEY", "of the environment")
    client = MarketDataClient(api_key="secret")
    assert "secret" not in repr(client)
    assert b"of the environment" not in pickle.dumps(MarketDataClient())


def test_closing_twice_does_no_harm_and_using_it_then_is_told(engine: Engine) -> None:
    with MarketDataClient() as client:
        read(client)
    client.close()
    with pytest.raises(InvalidRequestError, match="closed"):
        read(client)


def test_a_pickled_client_opens_itself_again(engine: Engine) -> None:
    client = MarketDataClient("live", config="a.yaml", output="numpy", progress=lambda *_: None)
    again = pickle.loads(pickle.dumps(client))
    assert len(engine.doors) == 1  # not before it is used
    read(again)
    assert engine.doors[1].options == engine.doors[0].options
    assert engine.requests[0]["on_gap"] == "warn"
    closed = MarketDataClient()
    closed.close()
    with pytest.raises(InvalidRequestError, match="closed"):
        read(pickle.loads(pickle.dumps(closed)))


def test_after_a_fork_the_child_opens_a_door_of_its_own(engine: Engine) -> None:
    client = MarketDataClient()
    client._lock.acquire()  # as if another thread were opening it at this very moment
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        read(client)
        verdict = len(engine.doors) == 2 and engine.doors[0].abandoned and not engine.doors[1].abandoned
        os.write(writing, b"good" if verdict else b"bad")
        os._exit(0)
    client._lock.release()
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"good"
    os.close(reading)
    os.close(writing)
    read(client)
    assert len(engine.doors) == 1
    assert not engine.doors[0].abandoned


def test_threads_share_one_door(engine: Engine) -> None:
    client = pickle.loads(pickle.dumps(MarketDataClient()))
    threads = [threading.Thread(target=read, args=(client,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(engine.requests) == 8
    assert len(engine.doors) == 2


# ---- progress


def looked_at(monkeypatch: pytest.MonkeyPatch, looks: bool) -> None:
    monkeypatch.setattr(progress, "shows", lambda: looks)


@pytest.mark.parametrize(("of_client", "of_call"), [(None, None), (True, None), (None, True), (False, True)])
def test_a_bar_shows_to_who_looks(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], of_client: Any, of_call: Any
) -> None:
    engine.steps = [(1, 10, 1.0, 9.0)]
    monkeypatch.setattr(progress, "_DELAY", 0.0)
    monkeypatch.setattr(progress.Bar.__init__, "__kwdefaults__", {"delay": 0.0, "stream": None})
    looked_at(monkeypatch, True)
    read(MarketDataClient(progress=of_client), progress=of_call)
    captured = capsys.readouterr()
    assert "bybit BTCUSDT 1h" in captured.err
    assert captured.out == ""
    looked_at(monkeypatch, False)
    read(MarketDataClient(progress=of_client), progress=of_call)
    assert capsys.readouterr().err == ""


def test_no_bar_when_told_so(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.steps = [(1, 10, 1.0, 9.0)]
    looked_at(monkeypatch, True)
    monkeypatch.setattr(progress.Bar.__init__, "__kwdefaults__", {"delay": 0.0, "stream": None})
    read(MarketDataClient(progress=False))
    read(MarketDataClient(), progress=False)
    assert capsys.readouterr().err == ""


def test_a_callable_is_told_itself(engine: Engine) -> None:
    engine.steps = [(1, 10, 1.0, 9.0), (10, 10, 5.0, 0.0)]
    seen: list[tuple[Any, ...]] = []
    read(MarketDataClient(), progress=lambda *step: seen.append(step))
    assert seen == engine.steps


def test_an_interrupted_read_wipes_its_bar(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looked_at(monkeypatch, True)
    engine.error = None
    engine.steps = [(1, 10, 1.0, 9.0)]
    client = MarketDataClient(progress=True)

    def interrupted(_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "_running", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(client)
    assert capsys.readouterr().err.endswith(" \r")


# ---- what there is


def test_symbols_are_sorted_and_distinct(engine: Engine) -> None:
    client = MarketDataClient()
    assert client.list_symbols("bybit", "linear", "*USDT") == ["BTCUSDT", "ETHUSDT"]
    assert last_call(engine) == ("instruments", "bybit", "linear", "*USDT", None, True)
    client.list_symbols("bybit", as_of=date(2022, 1, 1))
    assert last_call(engine) == ("instruments", "bybit", None, None, "2022-01-01", False)


def test_instruments_have_times_in_utc(engine: Engine) -> None:
    client = MarketDataClient()
    instrument = client.get_instrument("BTCUSDT", "bybit", market="linear")
    assert last_call(engine) == ("instrument", "bybit", "BTCUSDT", "linear")
    assert instrument.launch_time == datetime(2020, 3, 15, tzinfo=UTC)
    assert instrument.delivery_time is None
    assert instrument.tick_size == "0.10"
    assert [one.symbol for one in client.list_instruments("bybit")] == ["ETHUSDT", "BTCUSDT", "ETHUSDT"]


def test_coverage_gaps_and_estimate(engine: Engine) -> None:
    client = MarketDataClient()
    coverage = client.get_coverage("BTCUSDT", "bybit", "1h", "2023-01-01", "2023-12-31")
    assert last_call(engine) == ("coverage", "bybit.linear.BTCUSDT@1h", "2023-01-01", "2023-12-31")
    assert (coverage.present, coverage.gap_count) == (8758, 1)
    assert coverage.first == datetime(2023, 1, 1, tzinfo=UTC)
    engine.stored = False
    assert client.get_coverage("BTCUSDT", "bybit", "1h") == Coverage(
        "bybit.linear.BTCUSDT@1h", None, None, None, 0, 0, 0, 0
    )
    (gap,) = client.get_gaps("BTCUSDT", "bybit", "1h")
    assert (gap.cause, gap.bars, gap.start) == ("upstream_missing", 2, datetime(2023, 1, 1, 1, tzinfo=UTC))
    estimate = client.estimate("BTCUSDT", "bybit", "1h", "2023-01-01", "2023-12-31", market="spot")
    assert last_call(engine)[1] == "bybit.spot.BTCUSDT@1h"
    assert (estimate.missing_bars, estimate.end) == (760, datetime(2024, 1, 1, tzinfo=UTC))
    info = client.server_info()
    assert (info.door, info.exchanges) == ("embedded", ["bybit"])
