"""What exchanges do to those who read them. Nothing crashes, nothing is lost, nothing wrong is stored or served."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pytest
import truth
from road import PYTHON, TDM, Simulator, run, simulator, write_config

SERIES = "bybit.linear.BTCUSDT@1h"
HOUR = 3_600_000
START, END = 1_672_531_200_000, 1_677_628_800_000  # January and February 2023: 1,416 hours, two pages
RANGE = ["--start", "2023-01-01", "--end", "2023-02-28"]
BARS = (END - START) // HOUR
KLINE = "path: /v5/market/kline, interval: 60"


@dataclass(frozen=True)
class Spoiled:
    """A script's rule, and what must come of it."""

    name: str
    rule: str
    code: int  # of the backfill
    missing: int = 0  # bars that are gaps afterwards; of a failed run: not looked at is no gap
    rejected: str = ""  # rule in the quarantine
    says: str = ""  # part of the error


def first(do: str, conditions: str = "count: 1") -> str:
    return f"{{{KLINE}, {conditions}, do: {{{do}}}}}"


CURED = [
    Spoiled("too_many_visits", first("ret_code: 10006, reset: soon"), 0),
    Spoiled("too_many_visits_reset_in_the_past", first("ret_code: 10006, reset: past"), 0),
    Spoiled("too_many_visits_without_reset", first("ret_code: 10006"), 0),
    Spoiled("exchange_timeout", first("ret_code: 10000"), 0),
    Spoiled("exchange_restarts", first("ret_code: 10016"), 0),
    Spoiled("429_with_retry_after", first("status: 429, retry_after: '1'"), 0),
    Spoiled("429_without_retry_after", first("status: 429"), 0),
    Spoiled("500_with_html", first("status: 500, body: html"), 0),
    Spoiled("502_with_html", first("status: 502, body: html"), 0),
    Spoiled("cut_short", first("cut: 0.5"), 0),
    Spoiled("reset", first("reset_connection: true"), 0),
    Spoiled("late", first("delay_s: 1"), 0),
    Spoiled("row_twice", first("row: duplicate, index: 5"), 0),
    Spoiled("rows_out_of_order", first("row: swap, index: 5"), 0),
]
LOST = [
    Spoiled("row_missing", first("row: drop, index: 5"), 0, missing=1),
    Spoiled("page_short", first("short_page: 100", "nth: 1"), 0, missing=-1),
    Spoiled("price_empty", first("row: set, index: 5, column: close, value: ''"), 0, missing=1, rejected="S9"),
    Spoiled("price_is_a_word", first("row: set, index: 5, column: open, value: NaN"), 0, missing=1, rejected="S1"),
    Spoiled(
        "price_beyond_doubles", first("row: set, index: 5, column: high, value: 1e400"), 0, missing=1, rejected="S"
    ),
    Spoiled("price_negative", first("row: set, index: 5, column: low, value: '-1'"), 0, missing=1, rejected="S1"),
    Spoiled("high_below_low", first("row: set, index: 5, column: high, value: '0.1'"), 0, missing=1, rejected="S2"),
    Spoiled("volume_negative", first("row: set, index: 5, column: volume, value: '-3'"), 0, missing=1, rejected="S1"),
    Spoiled("row_short", first("row: shorten, index: 5"), 0, missing=1, rejected="S9"),
]
REFUSED = [
    Spoiled("list_renamed", first("rename: {from: list, to: rows}", "nth: 1.."), 1, says="bybit"),
    Spoiled("code_missing", first("remove: retCode", "nth: 1.."), 1, says="bybit"),
    Spoiled("not_json", first("status: 403, body: html", "nth: 1.."), 1, says="403"),
    Spoiled("always_cut", first("cut: 0.7", "nth: 1.."), 1, says="bybit"),
    Spoiled("banned", first("status: 403, body: text", "nth: 1.."), 1, says="403"),
    Spoiled("endless", first("endless: true", "nth: 1.."), 1, says="bybit"),
    Spoiled("page_does_not_move", first("same_page: true", "nth: 1.."), 1, says="bybit"),
]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """The same exchange without faults, and what is true of it."""
    with simulator(
        tmp_path_factory.mktemp("clean"), "--truth-symbols", "BTCUSDT", first="2022-12-01", truth=True
    ) as exchange:
        yield exchange


def expected(clean: Simulator) -> truth.Bars:
    assert clean.truth is not None
    return truth.aggregate(truth.minutes(clean.truth, "linear", "BTCUSDT"), HOUR).between(START, END)


def backfill_from(folder: Path, case: Spoiled) -> tuple[Path, str]:
    """Runs the backfill against the spoiled exchange; the configuration, and what was said."""
    script = folder / "script.yaml"
    script.write_text(f"faults:\n  - {case.rule}\n")
    with simulator(folder, "--script", script, first="2022-12-01") as exchange:
        config = write_config(folder, exchange.base_url)
        done = run([TDM, "backfill", SERIES, *RANGE, "--config", config], code=case.code, timeout=200)
        assert any("fault" in entry for entry in exchange.requests()), "the fault never met a request"
    return config, done.stderr


def stored(folder: Path, config: Path) -> truth.Bars:
    output = folder / "stored.parquet"
    query = ["query", SERIES, *RANGE, "--fetch", "never", "--on-gap", "ignore", "--format", "parquet"]
    run([TDM, *query, "--output", output, "--config", config])
    return truth.stored(output)


def check_subset(bars: truth.Bars, everything: truth.Bars) -> None:
    at = np.searchsorted(everything.open_time, bars.open_time)
    np.testing.assert_array_equal(everything.open_time[at], bars.open_time)
    for name in truth.FIELDS:
        np.testing.assert_array_equal(bars.columns[name], everything.columns[name][at], err_msg=name)


def gaps(config: Path) -> list[dict[str, object]]:
    answer = json.loads(run([TDM, "gaps", SERIES, "--json", "--config", config]).stdout)
    found: list[dict[str, object]] = answer["gaps"]
    return found


@pytest.mark.parametrize("case", CURED, ids=lambda case: case.name)
def test_what_asking_again_cures_is_complete(case: Spoiled, clean: Simulator, tmp_path: Path) -> None:
    config, _ = backfill_from(tmp_path, case)
    bars = stored(tmp_path, config)
    assert len(bars.open_time) == BARS
    check_subset(bars, expected(clean))
    assert gaps(config) == []
    run([TDM, "verify", "--config", config])


@pytest.mark.parametrize("case", LOST, ids=lambda case: case.name)
def test_what_the_exchange_does_not_give_is_a_gap(case: Spoiled, clean: Simulator, tmp_path: Path) -> None:
    config, _ = backfill_from(tmp_path, case)
    bars = stored(tmp_path, config)
    check_subset(bars, expected(clean))
    ledger = gaps(config)
    missing = sum(int(str(gap["bars"])) for gap in ledger)
    assert missing == BARS - len(bars.open_time) > 0
    if case.missing > 0:
        assert missing == case.missing
    assert {gap["cause"] for gap in ledger} == {"unknown"}
    assert all(gap["state"] == "open" for gap in ledger)
    run([TDM, "verify", "--config", config])
    query = ["query", SERIES, *RANGE, "--fetch", "never", "--on-gap", "raise", "--config", str(config)]
    assert "tdm gaps accept" in run([TDM, *query], code=1).stderr
    if case.rejected:
        with duckdb.connect(str(tmp_path / "store/market_data.db"), read_only=True) as connection:
            rows = connection.execute("select rule, reason, raw from quarantine_ohlcv").fetchall()
        assert len(rows) == 1
        assert rows[0][0].startswith(case.rejected)
        assert rows[0][1]
        assert rows[0][2]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_cannot_be_understood_ends_in_a_named_error(case: Spoiled, clean: Simulator, tmp_path: Path) -> None:
    config, said = backfill_from(tmp_path, case)
    assert case.says in said
    assert "BTCUSDT" in said
    check_subset(stored(tmp_path, config), expected(clean))
    run([TDM, "verify", "--config", config])
    # The exchange is well again, and so are we: what was not looked at is asked for.
    with simulator(tmp_path / "well", first="2022-12-01") as exchange:
        config.write_text(write_config(tmp_path / "other", exchange.base_url).read_text().replace("/other/", "/"))
        run([TDM, "backfill", SERIES, *RANGE, "--config", config], code=None)
        bars = stored(tmp_path, config)
        check_subset(bars, expected(clean))
        if case.name not in ("banned", "page_does_not_move"):  # a ban is obeyed, a hole is looked at an hour later
            assert len(bars.open_time) == BARS


def test_a_ban_is_never_deepened(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(f"faults:\n  - {first('status: 403, body: text', 'nth: 1..')}\n")
    with simulator(tmp_path, "--script", script, first="2022-12-01") as exchange:
        config = write_config(tmp_path, exchange.base_url)
        run([TDM, "backfill", SERIES, *RANGE, "--config", config], code=1)
        asked = len(exchange.requests())
        again = run([TDM, "backfill", SERIES, *RANGE, "--config", config], code=1)
        assert len(exchange.requests()) == asked, "another process of the store knows of the ban, too"
        assert "rate_limited" in again.stderr or "paus" in again.stderr


@pytest.fixture
def plain_text() -> Iterator[int]:
    """A port behind which nobody speaks TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                    connection.close()

        threading.Thread(target=answer, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


# All libraries of the programs lie in one process here, and one of them brings an OpenSSL of its own.
def test_who_does_not_speak_tls_is_named(plain_text: int, tmp_path: Path) -> None:
    config = write_config(tmp_path, f"https://127.0.0.1:{plain_text}")
    done = run([TDM, "backfill", SERIES, *RANGE, "--config", config], code=1, timeout=100)
    assert f"https://127.0.0.1:{plain_text}" in done.stderr
    assert "no secure connection" in done.stderr
    script = f"""
from trading_data_market.client import MarketDataClient
from trading_data_market.errors import TradingDataMarketError
try:
    MarketDataClient(config={str(config)!r}).get_instrument("BTCUSDT", "bybit")
except TradingDataMarketError as error:
    assert "no secure connection" in str(error), error
else:
    raise SystemExit("no error")
"""
    run([PYTHON, "-c", script], timeout=100)
