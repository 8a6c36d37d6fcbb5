"""The program as others start it, as far as it is Deribit: what it serves, what a script spoils, and recordings."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from road import SHARED, Simulator, simulator

RECORDINGS = SHARED / "recordings/deribit"
CHART = "/api/v2/public/get_tradingview_chart_data"
MINUTE = 60_000
NOW_MS = 1_704_067_200_000  # 2024-01-01
COLUMNS = ["ticks", "open", "high", "low", "close", "volume", "cost"]

needs_recordings = pytest.mark.skipif(not RECORDINGS.exists(), reason="needs ../shared")


def fetch(exchange: Simulator, target: str, body: bytes | None = None) -> tuple[int, Any, bytes]:
    """Status, headers and body, of errors too."""
    try:
        with urllib.request.urlopen(exchange.base_url + target, body, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read()


def target_of(method: str, **words: Any) -> str:
    return f"/api/v2/public/{method}?{urllib.parse.urlencode(words)}"


def ask(exchange: Simulator, method: str, **words: Any) -> Any:
    """The result of a call."""
    status, _, body = fetch(exchange, target_of(method, **words))
    assert status == 200, body
    return json.loads(body)["result"]


def minutes(rows: int = 4) -> str:
    words = {"instrument_name": "BTC-PERPETUAL", "resolution": "1"}
    window = {"start_timestamp": NOW_MS - (rows - 1) * MINUTE, "end_timestamp": NOW_MS}
    return target_of("get_tradingview_chart_data", **words, **window)


def script(folder: Path, text: str) -> tuple[str, Path]:
    path = folder / "script.yaml"
    path.write_text(text)
    return "--script", path


def test_it_stands_beside_the_others(tmp_path: Path) -> None:
    with simulator(tmp_path, "--speed", "0", now="2024-01-01", exchange="deribit,bybit,binance") as exchange:
        assert list(exchange.base_urls) == ["bybit", "binance", "deribit"]
        assert ask(exchange, "get_time") == NOW_MS
        posted = {"jsonrpc": "2.0", "id": "x", "method": "public/get_time", "params": {}}
        assert json.loads(fetch(exchange, "/api/v2", json.dumps(posted).encode())[2])["id"] == "x"
        entries = exchange.requests()
        assert [entry["weight"] for entry in entries] == [500, 500]
        assert {entry["exchange"] for entry in entries} == {"deribit"}


def test_a_script_spoils_the_wire(tmp_path: Path) -> None:
    rules = ["ret_code: 10028, reset: soon", "ret_code: 10041", "status: 429, body: json", "status: 503, body: json"]
    rules += ["status: 502, body: html", "cut: 0.5"]
    lines = [f"  - {{path: {CHART}, nth: 1, do: {{{rule}}}}}" for rule in rules]
    lines.append("  - {path: /api/v2/public/get_time, nth: 1, do: {skew_s: -5}}")
    options = script(tmp_path, "faults:\n" + "\n".join(lines))
    with simulator(tmp_path, *options, "--speed", "0", now="2024-01-01", exchange="deribit") as exchange:
        status, headers, body = fetch(exchange, minutes())
        error = json.loads(body)["error"]
        assert (status, headers["Retry-After"], headers["Connection"]) == (400, "1", "close")
        assert (error["code"], error["message"]) == (10028, "too_many_requests")
        assert json.loads(fetch(exchange, minutes())[2])["error"]["message"] == "settlement_in_progress"
        status, _, body = fetch(exchange, minutes())
        assert (status, json.loads(body)["error"]["code"]) == (429, 10028)
        status, _, body = fetch(exchange, minutes())
        assert (status, json.loads(body)["error"]["code"]) == (503, 11051)
        status, _, body = fetch(exchange, minutes())
        assert (status, body[:6]) == (502, b"<html>")
        with pytest.raises(http.client.IncompleteRead):
            fetch(exchange, minutes())
        assert ask(exchange, "get_time") == NOW_MS - 5_000
        assert len(json.loads(fetch(exchange, minutes())[2])["result"]["ticks"]) == 4


def test_a_script_spoils_rows(tmp_path: Path) -> None:
    verbs = ["{row: drop}", "{row: duplicate, index: 1}", "{row: swap}", "{row: shorten, index: -1}"]
    verbs += ["{row: set, column: turnover, value: NaN, raw: true}", "{short_page: 2}"]
    lines = [f"  - {{path: {CHART}, nth: 1, do: {verb}}}" for verb in verbs]
    options = script(tmp_path, "faults:\n" + "\n".join(lines))
    with simulator(tmp_path, *options, "--speed", "0", now="2024-01-01", exchange="deribit") as exchange:
        spoiled = [fetch(exchange, minutes())[2] for _ in verbs]
        right = json.loads(fetch(exchange, minutes())[2])["result"]
    drop, duplicate, swap, shorten = (json.loads(body)["result"] for body in spoiled[:4])
    short = json.loads(spoiled[5])["result"]
    for name in COLUMNS:
        column = right[name]
        assert drop[name] == column[:-1]
        assert duplicate[name] == [*column[:3], column[2], column[3]]
        assert swap[name] == [*column[:2], column[3], column[2]]
        assert short[name] == column[-2:]
    assert len(shorten["ticks"]) == 4
    assert len(shorten["cost"]) == 3  # arrays of unequal length
    assert b"NaN" in spoiled[4]


# ---- recordings


def shape(value: Any) -> Any:
    """The types of a value: numbers are one kind, because 10 and 10.0 are one number here."""
    if isinstance(value, dict):
        return {name: shape(of) for name, of in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, bool) or value is None:
        return str(value and True)
    return "number" if isinstance(value, int | float) else type(value).__name__


@needs_recordings
def test_a_simulated_chart_is_as_the_recorded_one(tmp_path: Path) -> None:
    recorded = json.loads((RECORDINGS / "nautilus_trader/http_get_tradingview_chart_data.json").read_text())
    ticks = recorded["result"]["ticks"]
    window = {"start_timestamp": ticks[0], "end_timestamp": ticks[-1], "resolution": "1"}
    target = target_of("get_tradingview_chart_data", instrument_name="BTC-PERPETUAL", **window)
    now = pd.Timestamp(recorded["usIn"], unit="us", tz="UTC").isoformat()
    with simulator(tmp_path, "--speed", "0", now=now, exchange="deribit") as exchange:
        served = json.loads(fetch(exchange, target)[2])
    del recorded["id"]  # was asked by POST
    assert shape(served) == shape(recorded)
    assert served["result"]["ticks"] == ticks  # order, bounds and count
    assert {len(served["result"][name]) for name in COLUMNS} == {len(ticks)}


@needs_recordings
def test_the_bar_in_progress_is_served_as_it_was_recorded(tmp_path: Path) -> None:
    lines = (RECORDINGS / "ccxt/static_responses_public.jsonl").read_text().splitlines()
    recorded = json.loads(lines[2])["httpResponse"]
    asked = int(recorded["usIn"]) // 1000  # start and end were now
    words = {"instrument_name": "BTC_USDC", "start_timestamp": asked, "end_timestamp": asked, "resolution": "60"}
    now = pd.Timestamp(asked, unit="ms", tz="UTC").isoformat()
    with simulator(tmp_path, "--speed", "0", now=now, exchange="deribit") as exchange:
        served = ask(exchange, "get_tradingview_chart_data", **words)
    assert served["ticks"] == [int(tick) for tick in recorded["result"]["ticks"]]
    assert {len(served[name]) for name in COLUMNS} == {1}


def recorded_lists() -> Iterator[tuple[str, dict[str, Any]]]:
    """Group and answer of each recorded list of instruments."""
    for line in (RECORDINGS / "cryptofeed/DERIBIT.0").read_text().splitlines():
        url, arrow, rest = line.partition(" -> ")
        if arrow:
            group = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["currency"][0]
            yield group, json.loads(rest.partition(": ")[2])


# Their keys grew over the years; SOL was a group of its own that is gone.
SHARED_NAMES = {
    "BTC": {"BTC-PERPETUAL"},
    "ETH": {"ETH-PERPETUAL"},
    "SOL": set[str](),
    "USDC": {"SOL_USDC-PERPETUAL", "DOGE_USDC-PERPETUAL", "BTC_USDC-PERPETUAL"},
}
FIXED = (
    "kind",
    "base_currency",
    "quote_currency",
    "settlement_period",
    "expiration_timestamp",
    "is_active",
    "contract_size",
    "min_trade_amount",
    "tick_size",
    "price_index",
    "future_type",
    "counter_currency",
)


@needs_recordings
def test_simulated_lists_are_as_the_recorded_ones(tmp_path: Path) -> None:
    with simulator(tmp_path, "--speed", "0", now="2022-05-29T12:00:00Z", exchange="deribit") as exchange:
        for group, recorded in recorded_lists():
            if not SHARED_NAMES[group]:
                continue
            target = target_of("get_instruments", currency=group, expired="false")
            served = json.loads(fetch(exchange, target)[2])
            assert set(served) == set(recorded)  # the envelope of a GET
            rows = {row["instrument_name"]: row for row in recorded["result"]}
            ours = {row["instrument_name"]: row for row in served["result"]}
            assert SHARED_NAMES[group] <= set(rows) & set(ours)
            for name in SHARED_NAMES[group]:
                row = rows[name]
                assert set(row) <= set(ours[name])
                assert {key: shape(ours[name][key]) for key in row} == {key: shape(row[key]) for key in row}
                assert {key: ours[name][key] for key in FIXED if key in row} == {
                    key: row[key] for key in FIXED if key in row
                }


@needs_recordings
def test_a_simulated_instrument_is_as_the_recorded_one(tmp_path: Path) -> None:
    recorded = json.loads((RECORDINGS / "nautilus_trader/http_get_instrument.json").read_text())["result"]
    with simulator(tmp_path, "--speed", "0", now="2025-12-09", exchange="deribit") as exchange:
        served = ask(exchange, "get_instrument", instrument_name="BTC-PERPETUAL")
        currencies = ask(exchange, "get_currencies")
    optional = {"max_non_default_leverage", "block_trade_min_trade_amount", "block_trade_tick_size"}  # §4.3
    assert set(recorded) - set(served) <= optional
    assert {key: served[key] for key in FIXED} == {key: recorded[key] for key in FIXED}
    cassette = json.loads((RECORDINGS / "ex_deribit/get_currencies_ok.json").read_text())
    rows = json.loads(cassette[0]["response"]["body"])["result"]
    assert set(currencies[0]) <= set(rows[0])


@needs_recordings
def test_a_simulated_error_is_as_the_recorded_one(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (RECORDINGS / "observed_errors/errors.jsonl").read_text().splitlines()]
    unknown, malformed = lines[1]["response"], lines[2]["response"]
    with simulator(tmp_path, "--speed", "0", now="2023-12-24", exchange="deribit") as exchange:
        words = {"start_timestamp": 0, "end_timestamp": 1, "resolution": "60"}
        target = target_of("get_tradingview_chart_data", instrument_name="NOPE", **words)
        served = json.loads(fetch(exchange, target)[2])
        refused = json.loads(fetch(exchange, "/api/v2", b'{"id": 8163, "method": 7}')[2])
    assert served["error"] == unknown["error"]
    assert set(served) == set(unknown)
    assert (refused["error"], refused["id"], set(refused)) == (malformed["error"], malformed["id"], set(malformed))


@needs_recordings
def test_recordings_are_served_again(tmp_path: Path) -> None:
    folder = RECORDINGS
    chart = json.loads((folder / "nautilus_trader/http_get_tradingview_chart_data.json").read_text())["result"]
    with simulator(tmp_path, "--replay", folder, now="2026-10-06", exchange="deribit") as running:
        window = {"start_timestamp": chart["ticks"][0], "end_timestamp": chart["ticks"][-1], "resolution": "1"}
        served = ask(running, "get_tradingview_chart_data", instrument_name="BTC-PERPETUAL", **window)
        assert served == chart
        recorded = json.loads((folder / "nautilus_trader/http_get_instrument.json").read_text())["result"]
        assert ask(running, "get_instrument", instrument_name="BTC-PERPETUAL") == recorded
        for method, file in {
            "get_order_book": "http_get_order_book.json",
            "get_last_trades_by_instrument_and_time": "http_get_last_trades.json",
            "get_expirations": "http_get_expirations_any.json",
        }.items():
            result = json.loads((folder / "nautilus_trader" / file).read_text())["result"]
            trades = result.get("trades")
            name = trades[0]["instrument_name"] if trades else "BTC-PERPETUAL"
            assert ask(running, method, instrument_name=name) == result, method
        for group, answer in recorded_lists():
            kept = {row["instrument_name"]: row for row in ask(running, "get_instruments", currency=group)}
            rows = {row["instrument_name"]: row for row in answer["result"]}
            assert set(rows) <= set(kept)
            changed = {"BTC-PERPETUAL"}  # was recorded twice, and the later one is served
            assert all(kept[name] == row for name, row in rows.items() if name not in changed)
