"""A fake engine for the tests of the package itself; the compiled one and a simulated exchange for the others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from fake_engine import Engine

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
sys.path.insert(0, str(ROOT / "python/tools"))


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


@dataclass(frozen=True)
class Road:
    """A simulated exchange, and configurations of stores that read from it."""

    base_url: str
    folder: Path

    def config(self, name: str, rate_limit: float = 110) -> Path:
        from road import write_config

        return write_config(self.folder / name, self.base_url, rate_limit)


@pytest.fixture(scope="session")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Needs what `./dev build` makes."""
    from road import SIM, simulator

    if find_spec("trading_data_market._engine") is None or not SIM.exists():
        pytest.skip("needs the engine: run ./dev build")
    folder = tmp_path_factory.mktemp("road")
    with simulator(folder, first="2022-12-01") as exchange:
        yield Road(exchange.base_url, folder)
