"""The server keeps what its OpenAPI description says, also when it is asked nonsense."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from road import PYTHON, TDM, Simulator, free_port, run, server, simulator, write_config


@pytest.fixture
def all_exchanges(tmp_path: Path) -> Iterator[Simulator]:
    with simulator(tmp_path / "sim", first="2022-12-01", exchange="bybit,binance,deribit") as running:
        yield running


@pytest.mark.timeout(600)
def test_schemathesis_finds_nothing(all_exchanges: Simulator, tmp_path: Path) -> None:
    port = free_port()
    # Large reads are told to backfill first, so that no answer waits for the exchange's pace.
    limits = "limits:\n  read_through_bars: 20000\n"
    others = "".join(
        f"  {name}:\n    base_url: {url}\n" for name, url in all_exchanges.base_urls.items() if name != "bybit"
    )
    config = write_config(tmp_path, all_exchanges.base_url, port=port, more=others + limits)
    backfill = ["backfill", "bybit.linear.BTCUSDT@1h", "--start", "2023-01-01", "--end", "2023-01-31"]
    run([TDM, *backfill, "--config", config])
    with server(tmp_path, config, port):
        url = f"http://127.0.0.1:{port}/openapi.json"
        with urllib.request.urlopen(url, timeout=10) as answer:
            paths = json.load(answer)["paths"]
        assert {
            "/api/v1/ohlcv", "/api/v1/instruments", "/api/v1/series", "/api/v1/coverage", "/api/v1/gaps",
            "/api/v1/backfills", "/api/v1/backfills/{id}", "/healthz", "/livez", "/readyz", "/metrics",
        } <= set(paths)  # fmt: skip
        program = PYTHON.parent / "schemathesis"
        done = run(
            # What only values together can say (start after end, as_of before anything was known) is in no schema.
            [program, "run", url, "--checks", "all",
             "--exclude-checks", "positive_data_acceptance", "--max-examples", "60", "--seed", "1", "--workers", "1",
             "--request-timeout", "60", "--no-color"],
            timeout=500, code=None, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:]
