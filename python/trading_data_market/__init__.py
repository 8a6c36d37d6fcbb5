"""Trading Data Market: market data of crypto exchanges, with an account of what is missing.

    from trading_data_market.client import MarketDataClient

    client = MarketDataClient(mode="backtest")
    bars = client.get_historical_data(symbol="BTCUSDT", exchange="bybit", timeframe="1h",
                                      start_date="2023-01-01", end_date="2023-12-31")

Importing this package loads nothing heavy: the engine and the data frame libraries come when they are first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .async_client import AsyncMarketDataClient
    from .client import MarketDataClient
    from .frames import provenance
    from .model import Coverage, Estimate, Gap, Instrument, ServerInfo

__all__ = [
    "AsyncMarketDataClient",
    "Coverage",
    "Estimate",
    "Gap",
    "Instrument",
    "MarketDataClient",
    "ServerInfo",
    "__version__",
    "provenance",
]

__version__ = "0.1.0"

_HOMES = {
    "AsyncMarketDataClient": "async_client",
    "Coverage": "model",
    "Estimate": "model",
    "Gap": "model",
    "Instrument": "model",
    "MarketDataClient": "client",
    "ServerInfo": "model",
    "provenance": "frames",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{home}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
