"""What exchanges do to those who read them. Nothing crashes, nothing is lost, nothing wrong is stored or served."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from road import PYTHON, TDM, Simulator, run, simulator, write_config
from spoiled import Spoiled, Subject

# 1,416 hours, two pages.
HOURS = Subject("bybit.linear.BTCUSDT@1h", "2023-01-01", "2023-02-28", "path: /v5/market/kline, interval: 60")
ALWAYS = "nth: 1.."


CURED = [
    Spoiled("too_many_visits", "ret_code: 10006, reset: soon"),
    Spoiled("too_many_visits_reset_in_the_past", "ret_code: 10006, reset: past"),
    Spoiled("too_many_visits_without_reset", "ret_code: 10006"),
    Spoiled("exchange_timeout", "ret_code: 10000"),
    Spoiled("exchange_restarts", "ret_code: 10016"),
    Spoiled("429_with_retry_after", "status: 429, retry_after: '1'"),
    Spoiled("429_without_retry_after", "status: 429"),
    Spoiled("500_with_html", "status: 500, body: html"),
    Spoiled("502_with_html", "status: 502, body: html"),
    Spoiled("cut_short", "cut: 0.5"),
    Spoiled("reset", "reset_connection: true"),
    Spoiled("late", "delay_s: 1"),
    Spoiled("row_twice", "row: duplicate, index: 5"),
    Spoiled("rows_out_of_order", "row: swap, index: 5"),
]
LOST = [
    Spoiled("row_missing", "row: drop, index: 5", missing=1),
    Spoiled("page_short", "short_page: 100", "nth: 1", missing=-1),
    Spoiled("price_empty", "row: set, index: 5, column: close, value: ''", missing=1, rejected="S9"),
    Spoiled("price_is_a_word", "row: set, index: 5, column: open, value: NaN", missing=1, rejected="S1"),
    Spoiled("price_beyond_doubles", "row: set, index: 5, column: high, value: 1e400", missing=1, rejected="S"),
    Spoiled("price_negative", "row: set, index: 5, column: low, value: '-1'", missing=1, rejected="S1"),
    Spoiled("high_below_low", "row: set, index: 5, column: high, value: '0.1'", missing=1, rejected="S2"),
    Spoiled("volume_negative", "row: set, index: 5, column: volume, value: '-3'", missing=1, rejected="S1"),
    Spoiled("row_short", "row: shorten, index: 5", missing=1, rejected="S9"),
]
REFUSED = [
    Spoiled("list_renamed", "rename: {from: list, to: rows}", ALWAYS, says="bybit"),
    Spoiled("code_missing", "remove: retCode", ALWAYS, says="bybit"),
    Spoiled("not_json", "status: 403, body: html", ALWAYS, says="403"),
    Spoiled("always_cut", "cut: 0.7", ALWAYS, says="bybit"),
    Spoiled("banned", "status: 403, body: text", ALWAYS, says="403"),
    Spoiled("endless", "endless: true", ALWAYS, says="bybit"),
    Spoiled("page_does_not_move", "same_page: true", ALWAYS, says="bybit"),
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
    HOURS.check_refused(case, clean, tmp_path, heals=case.name not in ("banned", "page_does_not_move"))


def test_a_ban_is_never_deepened(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(f"faults:\n  - {{{HOURS.asks}, {ALWAYS}, do: {{status: 403, body: text}}}}\n")
    with simulator(tmp_path, "--script", script, first="2022-12-01") as exchange:
        config = write_config(tmp_path, exchange.base_url)
        run([TDM, "backfill", HOURS.series, *HOURS.range, "--config", config], code=1)
        asked = len(exchange.requests())
        again = run([TDM, "backfill", HOURS.series, *HOURS.range, "--config", config], code=1)
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
    done = run([TDM, "backfill", HOURS.series, *HOURS.range, "--config", config], code=1, timeout=100)
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
