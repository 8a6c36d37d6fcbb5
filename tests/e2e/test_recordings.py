"""Real recorded answers of Bybit through the whole road: the decimals that come out are the text that went in."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from road import SHARED, TDM, run, simulator, write_config

RECORDINGS = SHARED / "recordings/bybit"
FIELDS = ("open", "high", "low", "close", "volume", "quote_volume")

pytestmark = pytest.mark.skipif(not RECORDINGS.exists(), reason="needs ../shared")


@dataclass(frozen=True)
class Recording:
    """A recorded page of bars, and what it is of."""

    file: str
    series: str
    now: str

    def rows(self) -> list[list[str]]:
        document = json.loads((RECORDINGS / self.file).read_text())
        listed: list[list[str]] = document.get("result", document)["list"]
        return sorted(listed, key=lambda row: int(row[0]))


PAGES = [
    Recording(
        "rest_testnet_kline_spot_D_BTCUSDT_2023-2024.result.json", "bybit.spot.BTCUSDT@1d", "2024-06-01T00:00:00Z"
    ),
    Recording("rest_testnet_kline_linear_1_BTCUSDT_20261005.json", "bybit.linear.BTCUSDT@1m", "2026-10-06T00:00:00Z"),
]
LENGTHS = {"1d": 86_400_000, "1m": 60_000}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.series)
def test_decimals_pass_the_road_untouched(page: Recording, tmp_path: Path) -> None:
    rows = page.rows()
    bounds = ["--start", rows[0][0], "--end", str(int(rows[-1][0]) + LENGTHS[page.series.split("@")[1]])]
    with simulator(tmp_path, "--replay", RECORDINGS, now=page.now) as exchange:
        config = write_config(tmp_path, exchange.base_url)
        run([TDM, "backfill", page.series, *bounds, "--config", config])
    query = ["query", page.series, *bounds, "--fetch", "never", "--on-gap", "raise", "--format", "csv"]
    raw = run([TDM, *query, "--layer", "raw", "--config", config]).stdout
    kept = [[row["open_time"], *(row[name] for name in FIELDS[:5])] for row in csv.DictReader(io.StringIO(raw))]
    assert kept == [row[:6] for row in rows]
    lake = pl.read_parquet(f"{tmp_path}/store/parquet/dataset=raw_ohlcv/**/*.parquet", hive_partitioning=False)
    assert lake.sort("open_time")["quote_volume"].to_list() == [row[6] for row in rows]
    validated = list(csv.DictReader(io.StringIO(run([TDM, *query, "--config", config]).stdout)))
    assert len(validated) == len(rows)
    for got, sent in zip(validated, rows, strict=True):
        assert [float(got[name]) for name in FIELDS[:5]] == [float(text) for text in sent[1:6]]
    run([TDM, "verify", "--config", config])


def decoded(file: str, market: str) -> list[dict[str, object]]:
    done = run([TDM, "decode", "bybit", "--market", market, "--channel", "rest", RECORDINGS / file])
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.series)
def test_decode_prints_the_text_that_was_sent(page: Recording) -> None:
    lines = decoded(page.file, page.series.split(".")[1])
    assert [[str(line["open_time"]), *(line[name] for name in FIELDS)] for line in lines] == page.rows()
    assert {line["kind"] for line in lines} == {"bar"}
    # A result without its envelope has no time that would prove the last bar closed.
    assert {line["closed"] for line in lines[:-1]} == {True}


def test_decode_prints_the_mark_price_page() -> None:
    file = "rest_testnet_mark-price-kline_linear_1_BTCUSDT_20261005.json"
    rows = Recording(file, "", "").rows()
    lines = decoded(file, "linear")
    assert [[str(line["open_time"]), *(line[name] for name in FIELDS[:4])] for line in lines] == rows
    assert {line["price_kind"] for line in lines} == {"mark"}
    assert {line["volume"] for line in lines} == {None}


def test_every_recorded_line_is_decoded() -> None:
    for file in sorted(RECORDINGS.glob("*.json*")):
        channel = file.name.split("_")[0]
        market = next(
            (word for word in file.name.split("_") if word in ("linear", "spot", "inverse", "option")), "linear"
        )
        done = run([TDM, "decode", "bybit", "--market", market, "--channel", channel, file])
        kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()]
        assert kinds, file.name
        assert "error" not in kinds, file.name
