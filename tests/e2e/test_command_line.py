"""The command line as people and cron use it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from road import ROOT, SHARED, TDM, Simulator, run, simulator, write_config

COMMANDS = (
    "serve",
    "backfill",
    "import",
    "rm",
    "update",
    "list",
    "query",
    "export",
    "coverage",
    "gaps",
    "verify",
    "config",
    "decode",
    "version",
)
SERIES = "bybit.linear.BTCUSDT@1h"


@pytest.fixture
def config(exchange: Simulator, tmp_path: Path) -> Path:
    return write_config(tmp_path, exchange.base_url)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    assert "--help" in run([TDM, command, "--help"]).stdout
    assert run([TDM, command, "--no-such-option"], code=2).stdout == ""


def test_dry_run_says_the_price_and_asks_for_no_bar(config: Path, exchange: Simulator) -> None:
    before = [entry for entry in exchange.requests() if "/market/kline" in entry["target"]]
    done = run(
        [TDM, "backfill", SERIES, "--start", "2023-01-01", "--end", "2023-12-31", "--dry-run", "--config", str(config)]
    )
    assert "10 requests" in done.stderr + done.stdout, "pages stand at every 1000th bar since the epoch"
    after = [entry for entry in exchange.requests() if "/market/kline" in entry["target"]]
    assert len(after) - len(before) <= 3, "a dry run may probe the listing, no more"
    listed = json.loads(run([TDM, "list", "--json", "--config", str(config)]).stdout)
    assert listed["series"] == []


def test_backfill_list_coverage_query_verify(config: Path) -> None:
    run([TDM, "backfill", SERIES, "--start", "2023-01-01", "--end", "2023-01-31", "--config", str(config)])
    listed = json.loads(run([TDM, "list", "--json", "--config", str(config)]).stdout)["series"]
    assert [(entry["series"], entry["rows"], entry["gaps"]) for entry in listed] == [(SERIES, 744, 0)]
    coverage = json.loads(run([TDM, "coverage", SERIES, "--json", "--config", str(config)]).stdout)["coverage"]
    assert coverage[0]["present"] == coverage[0]["confirmed"] == 744
    query = ["query", SERIES, "--start", "2023-01-01", "--end", "2023-01-02", "--config", str(config)]
    done = run([TDM, *query, "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 48
    assert list(rows[0]) == ["open_time", "open", "high", "low", "close", "volume"]
    assert "2023-01-01" in done.stderr, "the resolved range is stated"
    assert "2023-01-03" in done.stderr
    answer = json.loads(run([TDM, *query, "--format", "json"]).stdout)
    assert [str(row[0]) for row in answer["data"]] == [row["open_time"] for row in rows]
    assert [row[4] for row in answer["data"]] == [float(row["close"]) for row in rows]
    raw = list(csv.DictReader(io.StringIO(run([TDM, *query, "--format", "csv", "--layer", "raw"]).stdout)))
    assert [float(row["close"]) for row in raw] == [float(row["close"]) for row in rows]
    run([TDM, "verify", "--config", str(config)])


def test_verify_names_the_segment_that_rotted(config: Path, tmp_path: Path) -> None:
    run([TDM, "backfill", SERIES, "--start", "2023-01-01", "--end", "2023-01-31", "--config", str(config)])
    segment = next((tmp_path / "store/parquet/dataset=validated_ohlcv").rglob("*.parquet"))
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.chmod(0o644)
    segment.write_bytes(content)
    done = run([TDM, "verify", "--config", str(config)], code=1)
    assert segment.name in done.stdout + done.stderr
    query = [
        "query",
        SERIES,
        "--start",
        "2023-01-01",
        "--end",
        "2023-01-02",
        "--fetch",
        "never",
        "--config",
        str(config),
    ]
    refused = run([TDM, *query], code=1)
    assert segment.name in refused.stderr
    assert refused.stdout == ""


def test_update_goes_from_the_watermark_to_now(tmp_path: Path) -> None:
    with simulator(tmp_path / "one", first="2023-12-01", now="2024-01-10T12:30:00Z") as exchange:
        config = write_config(tmp_path, exchange.base_url)
        run([TDM, "backfill", SERIES, "--start", "2024-01-01", "--end", "2024-01-02", "--config", str(config)])
        run([TDM, "update", "--config", str(config)])
        coverage = json.loads(run([TDM, "coverage", SERIES, "--json", "--config", str(config)]).stdout)["coverage"][0]
        assert coverage["present"] == 9 * 24 + 12
        before = len(exchange.requests())
        run([TDM, "update", "--config", str(config)])
        assert len(exchange.requests()) - before <= 2, "nothing is new: at most the time and the tail are asked for"


def test_version_and_config_need_no_store(tmp_path: Path) -> None:
    assert run([TDM, "version"], cwd=tmp_path).stdout.startswith("tdm ")
    assert json.loads(run([TDM, "version", "--json"], cwd=tmp_path).stdout)["version"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["local", "dev", "prod"])
def test_the_files_that_users_start_from_are_right(name: str) -> None:
    run([TDM, "config", "check", ROOT / f"config/{name}.yaml"])
    seed = SHARED / f"seed-files/config/{name}.yaml"
    if seed.exists():
        assert (ROOT / f"config/{name}.yaml").read_bytes() == seed.read_bytes()
