"""The package as a whole: light to import, typed, and of one version."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import trading_data_market

PYTHON = Path(__file__).parents[1]
TYPES = """
from datetime import date
from typing import assert_type

import polars as pl

from trading_data_market import AsyncMarketDataClient, provenance
from trading_data_market.client import MarketDataClient
from trading_data_market.frames import Arrays
from trading_data_market.model import Coverage, Gap, Instrument

client = MarketDataClient(mode="backtest")
frame = client.get_historical_data(
    symbol="BTCUSDT", exchange="bybit", timeframe="1h", start_date="2023-01-01", end_date="2023-12-31"
)
assert_type(client.get_historical_data("BTCUSDT", "bybit", "1h", output="polars", on_gap="warn"), pl.DataFrame)
assert_type(client.get_historical_data("BTCUSDT", "bybit", "1h", date(2023, 1, 1), 17, output="numpy"), Arrays)
assert_type(client.list_symbols("bybit", as_of="2023-01-01"), list[str])
assert_type(client.get_instrument("BTCUSDT", "bybit"), Instrument)
assert_type(client.get_coverage("BTCUSDT", "bybit", "1h"), Coverage)
assert_type(client.get_gaps("BTCUSDT", "bybit", "1h"), list[Gap])


async def twin() -> None:
    async with AsyncMarketDataClient() as other:
        assert_type(await other.get_historical_data("BTCUSDT", "bybit", "1h", output="polars"), pl.DataFrame)


provenance(frame)
"""
WRONG = {
    'MarketDataClient(mode="paper")': "arg-type",
    'MarketDataClient("live", None, "a.yaml")': "call-arg|misc",
    'MarketDataClient().get_historical_data("BTCUSDT", "bybit", "1h", output="excel")': "call-overload",
    'MarketDataClient().get_historical_data("BTCUSDT", "bybit", "1h", "2022", "2023", "linear")': "call-overload",
    'MarketDataClient().get_historical_data("BTCUSDT", "bybit", "1h", marked="linear")': "call-overload",
}


def mypy(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = folder / "user.py"
    script.write_text(code)
    options = ["--strict", "--ignore-missing-imports", "--cache-dir", str(PYTHON.parent / ".mypy_cache")]
    return subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(script)],
        env={"MYPYPATH": str(PYTHON)},
        capture_output=True,
        text=True,
    )


def test_users_get_exact_types(tmp_path: Path) -> None:
    verdict = mypy(TYPES, tmp_path)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def test_misuse_does_not_type_check(tmp_path: Path) -> None:
    lines = ["from trading_data_market.client import MarketDataClient", *WRONG]
    verdict = mypy("\n".join(lines), tmp_path).stdout
    for number, (line, code) in enumerate(WRONG.items(), 2):
        assert re.search(rf"user\.py:{number}: error: .*\[({code})\]", verdict), f"{line}\n{verdict}"


def test_importing_loads_nothing_heavy() -> None:
    heavy = {"numpy", "pandas", "pyarrow", "polars", "duckdb", "asyncio", "trading_data_market._engine"}
    for name in ("trading_data_market", "trading_data_market.client", "trading_data_market.errors"):
        code = f"import sys, {name}; print(' '.join(sys.modules))"
        loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        assert name in loaded
        assert heavy.isdisjoint(loaded), heavy.intersection(loaded)


def test_every_public_name_is_there() -> None:
    for name in trading_data_market.__all__:
        assert getattr(trading_data_market, name) is not None
    assert dir(trading_data_market) == sorted(trading_data_market.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        trading_data_market.nothing  # noqa: B018


def test_there_is_one_version() -> None:
    project = tomllib.loads((PYTHON / "pyproject.toml").read_text())["project"]["version"]
    cmake = re.search(r"project\(trading_data_market VERSION (\S+)", (PYTHON.parent / "CMakeLists.txt").read_text())
    assert cmake is not None
    assert trading_data_market.__version__ == project == cmake[1]


def test_it_says_that_it_is_typed() -> None:
    assert (Path(trading_data_market.__file__).parent / "py.typed").exists()
