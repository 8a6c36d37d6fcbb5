"""Recordings: bars walk the whole road with the decimals that were sent, and every line has a meaning."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
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


BINANCE = SHARED / "recordings/binance"


def kinds_of(exchange: str, market: str, channel: str, files: list[Path], target: str = "") -> Counter[str]:
    """How many lines of each kind `tdm decode` writes, each of them after a line of the recording."""
    request = ["--request", target] if target else []
    done = run([TDM, "decode", exchange, "--market", market, "--channel", channel, *request, *files])
    return Counter(line.split('"', 4)[3] for line in done.stdout.splitlines())


SESSIONS = [
    ("cryptofeed/BINANCE.0", "spot", "rest", {"instrument": 1695, "control": 1}),
    ("cryptofeed/BINANCE.http.0.0", "spot", "rest", {"book": 4}),
    ("cryptofeed/BINANCE.ws.1.0", "spot", "ws", {"book": 177, "ticker": 84, "trade": 2, "bar": 2, "control": 1}),
    ("cryptofeed/BINANCE_FUTURES.0", "usdm", "rest", {"instrument": 122, "control": 1}),
    ("cryptofeed/BINANCE_FUTURES.http.0.0", "usdm", "rest", {"book": 4}),
    ("cryptofeed/BINANCE_FUTURES.ws.1.0", "usdm", "ws",
     {"book": 764, "ticker": 613, "trade": 91, "bar": 67, "control": 1}),
    ("cryptofeed/BINANCE_US.0", "spot", "rest", {"instrument": 121, "control": 1}),
    ("cryptofeed/BINANCE_US.http.0.0", "spot", "rest", {"book": 4}),
    ("hftbacktest/spot_btcusdt_20240808.gz", "spot", "ws", {"book": 3452, "ticker": 28040, "trade": 9757}),
    ("hftbacktest/spot_btcusdt_20240809.gz", "spot", "ws", {"book": 3044, "ticker": 45134, "trade": 10147}),
    ("hftbacktest/cm_btcusd_perp_20240808.gz", "coinm", "ws", {"book": 26848, "ticker": 19136, "trade": 2286}),
    ("basana/binance_depth_update.json", "spot", "ws", {"book": 1}),
    ("basana/binance_btc_usdt_exchange_info.json", "spot", "rest", {"instrument": 1}),
    ("nautilus/http_spot_market_klines.json", "spot", "rest", {"bar": 10}),
    ("nautilus/http_spot_market_trades.json", "spot", "rest", {"trade": 10}),
    ("nautilus/http_spot_market_agg_trades.json", "spot", "rest", {"trade": 10}),
    ("nautilus/http_spot_market_depth.json", "spot", "rest", {"book": 1}),
    ("nautilus/http_spot_market_time.json", "spot", "rest", {"control": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("file", "market", "channel", "kinds"), SESSIONS, ids=lambda value: str(value)[:40])
def test_binance_sessions_are_decoded(file: str, market: str, channel: str, kinds: dict[str, int]) -> None:
    assert kinds_of("binance", market, channel, [BINANCE / file]) == kinds


def test_what_binance_took_back_is_no_trade() -> None:
    kinds = kinds_of("binance", "usdm", "ws", [BINANCE / "hftbacktest/usdm_btcusdt_20240808.gz"])
    assert kinds.total() == 93_954
    assert kinds["trade"] + kinds["control"] == 21_313
    assert set(kinds) <= {"book", "ticker", "trade", "control"}


def test_pages_of_binance_bars_are_decoded() -> None:
    pages = sorted((BINANCE / "static-klines").glob("*/*"))
    assert len(pages) > 10
    for folder in pages:
        files = sorted(folder.glob("*.json"))
        rows = [len(json.loads(file.read_text())) for file in files]
        target = f"/api/v3/klines?symbol={folder.parent.name}&interval={folder.name}"
        kinds = kinds_of("binance", "spot", "rest", files, target)
        assert kinds["bar"] == sum(rows), folder
        assert kinds["control"] == rows.count(0), folder
        assert kinds.total() == kinds["bar"] + kinds["control"], folder
