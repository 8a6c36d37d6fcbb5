"""The twin for event loops: the same calls, awaited, and stopped when their caller is cancelled."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import Any

import pytest
from fake_engine import Engine
from trading_data_market import AsyncMarketDataClient, MarketDataClient
from trading_data_market.errors import IncompleteDataError, _from_engine

ASK = ("BTCUSDT", "bybit", "1h", "2023-01-01", "2023-12-31")


def test_it_is_a_twin() -> None:
    def shape(cls: type) -> dict[str, Any]:
        methods = {name: one for name, one in vars(cls).items() if inspect.isfunction(one) and not name.startswith("_")}
        return {name: [(p.name, p.kind, p.default) for p in inspect.signature(one).parameters.values()] for name, one in methods.items()}  # fmt: skip  # noqa: E501

    assert shape(AsyncMarketDataClient) == shape(MarketDataClient)
    assert inspect.signature(AsyncMarketDataClient) == inspect.signature(MarketDataClient)


def test_every_call_is_awaited(engine: Engine) -> None:
    async def use() -> None:
        async with AsyncMarketDataClient(mode="live", output="numpy") as client:
            assert len((await client.get_historical_data(*ASK))["close"]) == 24
            assert len(await client.get_historical_data(*ASK, output="pandas")) == 24
            assert await client.list_symbols("bybit") == ["BTCUSDT", "ETHUSDT"]
            assert len(await client.list_instruments("bybit")) == 3
            assert (await client.get_instrument("BTCUSDT", "bybit")).symbol == "BTCUSDT"
            assert (await client.get_coverage("BTCUSDT", "bybit", "1h")).expected == 8760
            assert len(await client.get_gaps("BTCUSDT", "bybit", "1h")) == 1
            assert (await client.estimate("BTCUSDT", "bybit", "1h")).bars == 8760
            assert (await client.server_info()).door == "embedded"
            assert repr(client) == "AsyncMarketDataClient(mode='live')"

    asyncio.run(use())


def test_calls_run_side_by_side(engine: Engine) -> None:
    engine.seconds = 0.3

    async def use() -> float:
        client = AsyncMarketDataClient()
        begun = time.monotonic()
        await asyncio.gather(*(client.get_historical_data(*ASK) for _ in range(4)))
        return time.monotonic() - begun

    assert asyncio.run(use()) < 1.0


def test_cancelling_stops_the_call(engine: Engine) -> None:
    engine.seconds = 30.0

    async def use() -> None:
        client = AsyncMarketDataClient()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get_historical_data(*ASK), 0.1)

    begun = time.monotonic()
    asyncio.run(use())
    assert time.monotonic() - begun < 5.0
    assert engine.calls[-1] == ("stopped",)


def test_errors_arrive(engine: Engine) -> None:
    async def use() -> None:
        client = AsyncMarketDataClient()
        error = _from_engine("incomplete_data", "gaps", "on_gap", [], None)
        engine.error = error
        with pytest.raises(IncompleteDataError):
            await client.get_historical_data(*ASK)

    asyncio.run(use())
