"""The real binaries on loopback, each test with a store of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from road import SIM, TDM, Simulator, simulator


@pytest.fixture(scope="session", autouse=True)
def binaries() -> None:
    """Without binaries there is nothing to test, and that is a failure."""
    for program in (TDM, SIM):
        if not program.exists():
            pytest.fail(f"{program.name} is missing: run ./dev build")


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A simulated Bybit with its truth of fourteen months, shared by the tests that only read from it."""
    folder: Path = tmp_path_factory.mktemp("exchange")
    with simulator(folder, "--truth-symbols", "BTCUSDT", first="2022-12-01", truth=True) as running:
        yield running
