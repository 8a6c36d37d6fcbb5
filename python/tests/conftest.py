"""A fake engine for the tests of the package itself."""

from __future__ import annotations

import sys

import pytest
from fake_engine import Engine


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The fake engine in place of the compiled module."""
    import trading_data_market

    fake = Engine()
    monkeypatch.setitem(sys.modules, "trading_data_market._engine", fake)
    monkeypatch.setattr(trading_data_market, "_engine", fake, raising=False)
    for name in ("TDM_URL", "TDM_API_KEY", "CONFIG_PATH"):
        monkeypatch.delenv(name, raising=False)
    return fake
