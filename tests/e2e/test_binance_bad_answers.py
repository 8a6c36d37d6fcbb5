"""What Binance does to those who read it, in its own words: its codes, its weights, its bans, its rows of twelve."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from road import TDM, Simulator, run, simulator
from spoiled import Spoiled, Subject

# 1,416 hours, three pages.
HOURS = Subject("binance.usdm.BTCUSDT@1h", "2023-01-01", "2023-02-28", "path: /fapi/v1/klines, interval: 1h", 30)
ALWAYS = "nth: 1.."
ROW = "row: set, index: 5"

CURED = [
    Spoiled("too_many_requests_with_retry_after", "ret_code: -1003, reset: soon"),
    Spoiled("too_many_requests_with_retry_after_past", "ret_code: -1003, reset: past"),
    Spoiled("unknown_error", "ret_code: -1000"),
    Spoiled("internal_error", "ret_code: -1001"),
    Spoiled("backend_timeout", "ret_code: -1007"),
    Spoiled("overloaded", "ret_code: -1008"),
    Spoiled("502_with_html", "status: 502, body: html"),
    Spoiled("503_empty", "status: 503, body: empty"),
    Spoiled("cut_short", "cut: 0.5"),
    Spoiled("reset", "reset_connection: true"),
    Spoiled("late", "delay_s: 1"),
    Spoiled("row_twice", "row: duplicate, index: 5"),
    Spoiled("rows_out_of_order", "row: swap, index: 5"),
]
LOST = [
    Spoiled("row_missing", "row: drop, index: 5", missing=1),
    Spoiled("page_short", "short_page: 100", "nth: 1", missing=-1),
    Spoiled("price_empty", f"{ROW}, column: close, value: ''", missing=1, rejected="S9"),
    Spoiled("price_is_a_word", f"{ROW}, column: open, value: NaN", missing=1, rejected="S1"),
    Spoiled("price_beyond_doubles", f"{ROW}, column: high, value: 1e400", missing=1, rejected="S"),
    Spoiled("price_negative", f"{ROW}, column: low, value: '-1'", missing=1, rejected="S1"),
    Spoiled("high_below_low", f"{ROW}, column: high, value: '0.1'", missing=1, rejected="S2"),
    Spoiled("volume_negative", f"{ROW}, column: volume, value: '-3'", missing=1, rejected="S1"),
]
REFUSED = [
    Spoiled("banned_for_a_second", "status: 418, retry_after: '1', body: json", says="418"),
    Spoiled("firewall", "status: 403, body: html", ALWAYS, says="403"),
    Spoiled("from_a_place_that_is_not_served", "status: 451, body: json", ALWAYS, says="451"),
    Spoiled("unknown_symbol", "ret_code: -1121", ALWAYS, says="-1121"),
    Spoiled("strange_code", "ret_code: -7777", ALWAYS, says="-7777"),
    Spoiled("always_cut", "cut: 0.7", ALWAYS, says="binance"),
    Spoiled("endless", "endless: true", ALWAYS, says="binance"),
    Spoiled("page_does_not_move", "same_page: true", ALWAYS, says="binance"),
    Spoiled("banned", "status: 418, retry_after: '3600', body: json", ALWAYS, says="418"),
]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with HOURS.clean(tmp_path_factory.mktemp("clean")) as exchange:
        yield exchange


@pytest.mark.parametrize("case", CURED, ids=lambda case: case.name)
def test_what_asking_again_cures_is_complete(case: Spoiled, clean: Simulator, tmp_path: Path) -> None:
    HOURS.check_cured(case, clean, tmp_path)


@pytest.mark.parametrize("case", LOST, ids=lambda case: case.name)
def test_what_the_exchange_does_not_give_is_a_gap(case: Spoiled, clean: Simulator, tmp_path: Path) -> None:
    HOURS.check_lost(case, clean, tmp_path)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_cannot_be_understood_ends_in_a_named_error(case: Spoiled, clean: Simulator, tmp_path: Path) -> None:
    HOURS.check_refused(case, clean, tmp_path, heals=case.name not in ("firewall", "banned", "page_does_not_move"))


def test_a_ban_is_never_deepened(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(
        f"faults:\n  - {{{HOURS.asks}, {ALWAYS}, do: {{status: 418, retry_after: '3600', body: json}}}}\n"
    )
    with simulator(tmp_path, "--script", script, first="2022-12-01", exchange="binance") as exchange:
        config = HOURS.config(tmp_path, exchange.base_url)
        run([TDM, "backfill", HOURS.series, *HOURS.range, "--config", config], code=1)
        asked = [entry for entry in exchange.requests() if "/klines" in entry["target"]]
        again = run([TDM, "backfill", HOURS.series, *HOURS.range, "--config", config], code=1)
        after = [entry for entry in exchange.requests() if "/klines" in entry["target"]]
        assert len(after) == len(asked), "another process of the store knows of the ban, too"
        assert "rate_limited" in again.stderr or "paus" in again.stderr
