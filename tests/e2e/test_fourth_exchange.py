"""An exchange more is one folder and one word: the product with a made-up one, from the objects that are there."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from road import ROOT, TDM, free_port, run, server, write_config

NAME = "tinex"
FOLDER = ROOT / "tests/fourth_exchange"
GUIDE = ROOT / "docs/guides/add-an-exchange.md"
HEADER = ROOT / "src/tdm/sources/connector.hpp"
PROGRAM = ROOT / "build/release/bin/tdm_fourth"

FIRST, NOW = 1_704_067_200, 1_704_096_090  # 2024-01-01T00:00:00Z and a minute and a half past eight hours later
START, END = "2024-01-01T00:00:00Z", "2024-01-01T07:00:00Z"
SERIES = f"{NAME}.spot.BTC-USD@1m"


def price(time: int) -> int:
    """In cents: something that is different each minute."""
    return 4_200_000 + time // 60 * 37 % 5_000


def text(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def bar(time: int) -> dict[str, str]:
    opened, closed = price(time), price(time + 60)
    return {
        "o": text(opened),
        "h": text(max(opened, closed) + 50),
        "l": text(min(opened, closed) - 50),
        "c": text(closed),
        "v": f"0.{time // 60 % 9 + 1}500",
    }


class Tinex(BaseHTTPRequestHandler):
    """The exchange as its README describes it, with minute bars of one pair."""

    def answer(self, status: int, body: dict[str, Any]) -> None:
        sent = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/v1/clock":
            return self.answer(200, {"now": NOW})
        if url.path == "/v1/pairs":
            pair = {"name": "BTC-USD", "base": "BTC", "quote": "USD", "tick": "0.01", "lot": "0.0001", "state": "open"}
            return self.answer(200, {"now": NOW, "pairs": [pair]})
        if url.path != "/v1/candles" or asked.get("pair") != "BTC-USD":
            return self.answer(404, {"fault": "no such pair"})
        if asked["step"] != "60" or int(asked["count"]) > 200:
            return self.answer(400, {"fault": "not served"})
        first = int(asked["from"])
        times = [time for time in range(first, first + 60 * int(asked["count"]), 60) if FIRST <= time <= NOW]
        columns = {name: [bar(time)[name] for time in times] for name in "ohlcv"}
        return self.answer(200, {"now": NOW, "pair": "BTC-USD", "step": 60, "t": times, **columns})

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def product() -> Path:
    """Compiles the folder and the list, and links what is there already."""
    run(["cmake", "--build", ROOT / "build/release", "--target", PROGRAM.name], timeout=600)
    return PROGRAM


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Tinex)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def config(base_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_config(tmp_path_factory.mktemp("tinex"), base_url, 20, exchange=NAME)


# ---- the folder and the word


def test_no_other_file_knows_of_it() -> None:
    listed = subprocess.run(
        ["git", "grep", "--untracked", "-il", NAME], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    outside = [name for name in listed.stdout.splitlines() if not name.startswith("tests/fourth_exchange/tinex/")]
    assert sorted(outside) == [
        "docs/guides/add-an-exchange.md",
        "tests/e2e/test_fourth_exchange.py",
        "tests/fourth_exchange/CMakeLists.txt",
    ]
    said = re.sub(r"#[^\n]*", "", (FOLDER / "CMakeLists.txt").read_text())
    assert said.strip().split("\n\n")[0] == "tdm_exchanges(tinex BESIDE tdm_exchanges)"
    shipped = (ROOT / "src/tdm/sources/bybit/CMakeLists.txt").read_text()
    assert (FOLDER / NAME / "CMakeLists.txt").read_text() == shipped.replace("bybit", NAME)


def declared() -> tuple[set[str], set[str], set[str]]:
    """Of the header: what a connector must define, what it may, and the members of a module."""
    header = re.sub(r"//[^\n]*|/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    connector = header[header.index("class Connector {") : header.index("find_market")]
    functions = {
        match[1]: bool(re.search(r"=\s*0\s*$", match[2]))
        for match in re.finditer(r"virtual\b[^;{]*?(\w+)\(([^;{]*)[;{]", connector)
        if not match[1].startswith("~")
    }
    module = header[header.index("struct ExchangeModule {") :]
    members = set(re.findall(r"\(\*(\w+)\)", module)) | {"name"}
    functions.pop("Connector", None)
    return {name for name, must in functions.items() if must}, {n for n, must in functions.items() if not must}, members


def listed(column: str) -> set[str]:
    """The names in the first column of the guide's table with that head."""
    rows = GUIDE.read_text().split(f"| {column} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_the_guide_names_what_there_is_to_define() -> None:
    must, may, members = declared()
    assert {"fetch", "instruments", "origin"} <= must
    assert "known_outages" in may
    assert listed("it must say") == must
    assert listed("it may say") == may
    assert listed("member") == members
    for header in re.findall(r"`(\w+\.hpp)`", GUIDE.read_text()):
        assert (HEADER.parent / header).exists(), header


# ---- the product


def test_the_configuration_knows_its_name(product: Path, config: Path, tmp_path: Path) -> None:
    run([product, "config", "check", config])
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(config.read_text().replace("rate_limit: 20", "rate_limit: fast"))
    refused = run([product, "config", "check", wrong], code=2).stderr
    assert f"exchange_clients.{NAME}.rate_limit" in refused
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(re.sub(r"base_url: .*", "base_url: nowhere", config.read_text()))
    refused = run([product, "list", f"{NAME}.*", "--config", elsewhere], code=2).stderr
    assert f"exchange_clients.{NAME}.base_url" in refused
    # The product without it reads the same file.
    run([TDM, "config", "check", config])
    assert NAME in run([TDM, "backfill", SERIES, "--start", START, "--config", config], code=None).stderr


def test_its_bars_walk_the_road(product: Path, config: Path) -> None:
    run([product, "backfill", SERIES, "--start", START, "--end", END, "--config", config], timeout=60)
    query = ["query", SERIES, "--start", START, "--end", END, "--fetch", "never", "--on-gap", "raise"]
    raw = run([product, *query, "--layer", "raw", "--format", "csv", "--config", config]).stdout
    names = dict(zip("ohlcv", ("open", "high", "low", "close", "volume"), strict=True))
    rows = list(csv.DictReader(io.StringIO(raw)))
    assert [int(row["open_time"]) for row in rows] == [1000 * time for time in range(FIRST, FIRST + 7 * 3600, 60)]
    for row in rows:
        sent = bar(int(row["open_time"]) // 1000)
        assert {names[key]: value for key, value in sent.items()} == {name: row[name] for name in names.values()}
    hours = ["query", SERIES.replace("@1m", "@4h"), "--start", START, "--end", "2024-01-01T04:00:00Z"]
    done = run([product, *hours, "--fetch", "never", "--format", "json", "--config", config])
    answer = json.loads(done.stdout)
    assert len(answer["data"]) == 1
    assert answer["provenance"]["derived"]
    # What is still open, or ended less than a minute ago, is not sold as finished.
    bounds = ["--start", "2024-01-01T07:55:00Z", "--end", "2024-01-01T08:05:00Z", "--on-gap", "ignore"]
    late = run([product, "query", SERIES, *bounds, "--format", "csv", "--config", config])
    assert late.stdout.splitlines()[-1].startswith(f"{1000 * (FIRST + 8 * 3600 - 60)},")


def test_every_door_names_it(product: Path, config: Path, tmp_path: Path) -> None:
    run([product, "backfill", SERIES, "--start", START, "--end", END, "--config", config], timeout=60)
    series = json.loads(run([product, "list", "--json", "--config", config]).stdout.splitlines()[0])
    assert SERIES in json.dumps(series)
    port = free_port()
    with server(tmp_path, config, port, product):
        url = f"http://127.0.0.1:{port}/api/v1/instruments?exchange={NAME}"
        with urllib.request.urlopen(url, timeout=10) as reply:
            (instrument,) = json.load(reply)["instruments"]
    assert (instrument["market"], instrument["symbol"]) == ("spot", "BTC-USD")


def test_its_recordings_are_decoded(product: Path, base_url: str, tmp_path: Path) -> None:
    recording = tmp_path / "page.json"
    with urllib.request.urlopen(
        f"{base_url}/v1/candles?pair=BTC-USD&step=60&from={FIRST}&count=3", timeout=10
    ) as reply:
        recording.write_bytes(reply.read())
    decode: list[str | Path] = ["decode", NAME, "--market", "spot", "--channel", "rest", recording]
    lines = [json.loads(line) for line in run([product, *decode]).stdout.splitlines()]
    assert [line["kind"] for line in lines] == ["bar"] * 3
    assert lines[0]["open"] == bar(FIRST)["o"]
    assert f"no exchange '{NAME}'" in run([TDM, *decode], code=None).stderr
