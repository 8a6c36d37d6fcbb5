"""A fake engine for the tests of the package itself; the compiled one and a simulated exchange for the others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from fake_engine import Engine
from road import SIM, simulator
from stores import Stores


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


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Needs what `./dev build` makes."""
    if find_spec("trading_data_market._engine") is None or not SIM.exists():
        pytest.skip("needs the engine: run ./dev build")
    folder = tmp_path_factory.mktemp("stores")
    with simulator(folder, first="2022-12-01") as exchange:
        yield Stores(exchange.base_url, folder)
