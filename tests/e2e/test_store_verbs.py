"""Bars that leave the store as files, come back, and go: tdm export, tdm import and tdm rm."""

from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from road import TDM, Simulator, free_port, run, server, wait_for, write_config

SERIES = "bybit.linear.BTCUSDT@1h"
VALUES = ("open_time", "open", "high", "low", "close", "volume", "quote_volume", "finality", "available_at")


def tdm(config: Path, *words: str | Path, code: int = 0) -> str:
    done = run([TDM, *words, "--config", str(config)], code=code)
    return done.stdout if code == 0 else done.stderr


def exported(config: Path, file: Path) -> pa.Table:
    tdm(config, "export", "parquet", SERIES, "--output", file)
    return pq.read_table(file)


def imported(config: Path, file: Path, *words: str) -> dict[str, Any]:
    return dict(json.loads(tdm(config, "import", file, "--series", SERIES, "--json", *words)))


@pytest.fixture
def full(exchange: Simulator, tmp_path: Path) -> Path:
    """A store with January 2023."""
    config = write_config(tmp_path / "full", exchange.base_url)
    tdm(config, "backfill", SERIES, "--start", "2023-01-01", "--end", "2023-01-31")
    return config


@pytest.fixture
def empty(exchange: Simulator, tmp_path: Path) -> Path:
    return write_config(tmp_path / "empty", exchange.base_url)


@pytest.mark.parametrize("form", ["parquet", "csv", "feather"])
def test_what_is_exported_and_imported_is_the_same(full: Path, empty: Path, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"bars.{form}"
    tdm(full, "export", form, SERIES, "--output", file)
    assert imported(empty, file)["stored"] == 744
    before, after = exported(full, tmp_path / "before.parquet"), exported(empty, tmp_path / "after.parquet")
    assert after.num_rows == 744
    for name in VALUES:
        assert before[name].equals(after[name]), name
    assert set(after["source"].to_pylist()) == {"import"}
    tdm(empty, "verify")

    version = json.loads(
        tdm(empty, "query", SERIES, "--start", "2023-01-01", "--end", "2023-01-01", "--format", "json")
    )
    again = imported(empty, file)
    assert (again["stored"], again["unchanged"]) == (0, 744)
    same = json.loads(tdm(empty, "query", SERIES, "--start", "2023-01-01", "--end", "2023-01-01", "--format", "json"))
    assert same["provenance"]["dataset_version"] == version["provenance"]["dataset_version"]


def test_exports_are_files_that_others_read(full: Path, tmp_path: Path) -> None:
    span = ("--start", "2023-01-02", "--end", "2023-01-03")
    tables = []
    for form in ("parquet", "feather", "csv"):
        tdm(full, "export", form, SERIES, *span, "--output", tmp_path / form)
    tables = [pq.read_table(tmp_path / "parquet"), feather.read_table(tmp_path / "feather")]
    for table in tables:
        assert table.num_rows == 48
        assert table.schema.field("open_time").type == pa.timestamp("us", "UTC")
    assert tables[0].equals(tables[1])
    text = arrow_csv.read_csv(tmp_path / "csv")
    assert text["close"].to_pylist() == tables[0]["close"].to_pylist(), "the shortest text that reads back"
    assert text["open_time"].to_pylist() == [time.timestamp() * 1000 for time in tables[0]["open_time"].to_pylist()]


def test_a_file_with_a_hole_leaves_a_gap_that_the_exchange_fills(full: Path, empty: Path, tmp_path: Path) -> None:
    table = exported(full, tmp_path / "all.parquet")
    pq.write_table(pa.concat_tables([table.slice(0, 100), table.slice(110)]), tmp_path / "hole.parquet")
    assert imported(empty, tmp_path / "hole.parquet")["stored"] == 734
    gap = json.loads(tdm(empty, "gaps", SERIES, "--json"))["gaps"][0]
    assert (gap["bars"], gap["cause"], gap["state"], gap["looks"]) == (10, "unknown", "open", 0)
    tdm(empty, "backfill", SERIES, "--start", "2023-01-01", "--end", "2023-01-31")
    assert json.loads(tdm(empty, "gaps", SERIES, "--json"))["gaps"] == []
    assert exported(empty, tmp_path / "now.parquet")["close"].equals(table["close"])


def test_other_values_are_a_revision(full: Path, tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("time,open,high,low,close,volume\n2023-01-05T00:00:00Z,10,20,5,15,1\n")
    report = imported(full, file)
    assert (report["stored"], report["revised"]) == (1, 1)
    row = exported(full, tmp_path / "now.parquet").slice(96, 1).to_pylist()[0]
    assert (row["close"], row["finality"], row["revision"], row["source"]) == (15, "revised", 1, "import")


def test_mistakes_name_file_and_line_and_change_nothing(full: Path, tmp_path: Path) -> None:
    before = tdm(full, "list", "--json")
    file = tmp_path / "bad.csv"
    file.write_text("time,open,high,low,close,volume\n2023-02-05T00:00:00Z,10,20,5,15,1\nnever,1,2,1,1,1\n")
    assert "bad.csv:3: " in tdm(full, "import", file, "--series", SERIES, code=1)
    file.write_text("moment,open,high,low,close,volume\n2023-02-05T00:00:00Z,10,20,5,15,1\n")
    assert "--column open_time=NAME" in tdm(full, "import", file, "--series", SERIES, code=2)
    assert "no instrument" in tdm(full, "import", file, "--series", "bybit.linear.NOSUCHUSDT@1h",
                                  "--column", "open_time=moment", code=1)  # fmt: skip
    assert tdm(full, "list", "--json") == before
    assert "is not one of parquet, csv, feather" in tdm(full, "export", "excel", SERIES, code=2)
    nothing = ("export", "csv", SERIES, "--start", "2021-01-01", "--end", "2021-01-02", "--output", tmp_path / "none")
    assert "nothing of" in tdm(full, *nothing, code=1)
    assert not (tmp_path / "none").exists()


def write_bad(form: str, file: Path) -> None:
    """A file that is none of bars, in one way or another."""
    good = "time,open,high,low,close,volume\n2023-01-05T00:00:00Z,10,20,5,15,1\n"
    table = pa.table({"open_time": [1_672_531_200_000], **{name: [1.0] for name in VALUES[1:6]}})
    flags = pa.table({"open_time": [1_672_531_200_000], **{name: [True] for name in VALUES[1:6]}})
    if form == "empty":
        file.write_bytes(b"")
    elif form == "header":
        file.write_text("a,b,c\n1,2,3\n")
    elif form == "gzip":
        file.write_bytes(gzip.compress(good.encode()))
    elif form == "types":
        pq.write_table(flags, file)
    elif form == "times":
        pq.write_table(table.set_column(0, "open_time", pa.array(["yesterday"])), file)
    elif form == "rows":
        pq.write_table(table.slice(0, 0), file)
    else:
        feather.write_feather(table, file, compression="uncompressed")
        file.write_bytes(file.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("form", "says", "code"),
    [
        ("empty", "is empty", 1),
        ("header", "no column is known as open_time", 2),
        ("gzip", "packed with gzip", 1),
        ("types", "bool is no number, text or time", 1),
        ("times", "bad.file: row 1: ", 1),
        ("rows", "holds no rows", 1),
        ("truncated", "bad.file: ", 1),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(empty: Path, tmp_path: Path, form: str, says: str, code: int) -> None:
    file = tmp_path / "bad.file"
    write_bad(form, file)
    assert says in tdm(empty, "import", file, "--series", SERIES, code=code)
    assert json.loads(tdm(empty, "list", "--json"))["series"] == []


def test_rows_that_will_be_refused_are_said_with_their_line(empty: Path, tmp_path: Path) -> None:
    file = tmp_path / "mixed.csv"
    rows = ["2023-01-01T00:00Z,10,20,5,15,1", "2023-01-01T01:00Z,10,20,5,x,1", "2023-01-01T02:30Z,10,20,5,15,1"]
    rows += ["2023-01-01T03:00Z,10,20,5,15,1", "2023-01-01T03:00Z,10,20,5,16,1", "2023-01-01T04:00Z,10,20,5,15,1"]
    file.write_text("\n".join(["time,open,high,low,close,volume", *rows, rows[0]]) + "\n")
    done = run([TDM, "import", file, "--series", SERIES, "--json", "--config", empty])
    report = json.loads(done.stdout)
    assert (report["stored"], report["unchanged"], report["rejected"], report["not_ended"]) == (2, 1, 4, 0)
    assert "mixed.csv:3: close 'x' is no number" in done.stderr
    assert "mixed.csv:4: 2023-01-01T02:30:00Z is no open time of a 1h bar" in done.stderr
    tdm(empty, "verify")


def test_refused_rows_are_kept_aside(empty: Path, tmp_path: Path) -> None:
    file = tmp_path / "mixed.csv"
    file.write_text("time,open,high,low,close,volume\n1672531200,10,20,5,15,1\n1672534800,10,9,5,15,1\n")
    report = imported(empty, file)
    assert (report["stored"], report["rejected"]) == (1, 1)
    assert "quarantined by" in json.loads(tdm(empty, "gaps", SERIES, "--json"))["gaps"][0]["evidence"]


# ---- rm


def lake(config: Path, dataset: str) -> list[Path]:
    return list((config.parent / "store/parquet").glob(f"dataset={dataset}_ohlcv/**/*.parquet"))


def test_rm_says_what_would_go_and_takes_it(full: Path, exchange: Simulator) -> None:
    before = tdm(full, "list", "--json")
    raw = lake(full, "raw")
    plan = json.loads(tdm(full, "rm", SERIES, "--dry-run", "--json"))
    assert (plan["bars"], plan["raw_rows"], plan["kept_raw_rows"]) == (744, 0, 744)
    assert plan["bytes"] == sum(file.stat().st_size for file in lake(full, "validated"))
    assert plan["kept_raw_bytes"] == sum(file.stat().st_size for file in raw)
    refused = run([TDM, "rm", SERIES, "--config", full], code=2, stdin=subprocess.DEVNULL)
    assert "--yes" in refused.stderr
    assert "744 bars" in refused.stderr
    assert "its whole name" in tdm(full, "rm", "bybit.linear.*@1h", "--yes", code=2)
    assert "nothing of" in tdm(full, "rm", "bybit.linear.BTCUSDT@1m", "--yes", code=1)
    assert tdm(full, "list", "--json") == before

    assert json.loads(tdm(full, "rm", SERIES, "--yes", "--json"))["bars"] == 744
    assert json.loads(tdm(full, "list", "--json"))["series"] == []
    assert (lake(full, "validated"), lake(full, "raw")) == ([], raw)
    assert "nothing of" in tdm(full, "rm", SERIES, "--yes", code=1)
    tdm(full, "backfill", SERIES, "--start", "2023-01-01", "--end", "2023-01-31")
    tdm(full, "verify")
    assert json.loads(tdm(full, "rm", SERIES, "--yes", "--json", "--raw"))["raw_rows"] == 2 * 744
    assert lake(full, "raw") == []


def test_rm_asks_on_a_terminal(full: Path) -> None:
    for answer, code, left in ((b"n\n", 1, 1), (b"yes\n", 0, 0)):
        terminal, end = pty.openpty()
        command = [str(TDM), "rm", SERIES, "--config", str(full)]
        with subprocess.Popen(command, stdin=end, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asking:
            assert asking.stderr is not None
            question = b""
            while b"[y/N]" not in question:
                piece = os.read(asking.stderr.fileno(), 4096)
                assert piece, question
                question += piece
            assert b"744 bars" in question
            assert b"cannot be undone" in question
            os.write(terminal, answer)
            assert asking.wait(timeout=60) == code
        os.close(end)
        os.close(terminal)
        assert len(json.loads(tdm(full, "list", "--json"))["series"]) == left


def status_of(port: int) -> int:
    query = "exchange=bybit&symbol=BTCUSDT&timeframe=1m&start=2023-01-01&end=2023-01-01&fetch=never"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/ohlcv?{query}", timeout=30) as answer:
            return len(json.load(answer)["data"])
    except urllib.error.HTTPError as error:
        return -error.code


def test_a_server_that_holds_the_store_does_it(exchange: Simulator, tmp_path: Path) -> None:
    """The command line asks the holder of the lock: nobody fails on it."""
    port, rows = free_port(), 60_000  # more than one part
    config = write_config(tmp_path, exchange.base_url, port=port)
    times = [1_672_531_200_000 + 60_000 * row for row in range(rows) if row != 50_000]
    table = pa.table({"open_time": times, **{name: [1.5] * len(times) for name in VALUES[1:6]}})
    pq.write_table(table, tmp_path / "minutes.parquet")
    minutes = "bybit.linear.BTCUSDT@1m"
    with server(tmp_path, config, port):
        report = json.loads(tdm(config, "import", tmp_path / "minutes.parquet", "--series", minutes, "--json"))
        assert (report["stored"], report["rejected"]) == (rows - 1, 0)
        assert [gap["bars"] for gap in json.loads(tdm(config, "gaps", minutes, "--json"))["gaps"]] == [1]
        assert status_of(port) == 1440
        again = json.loads(tdm(config, "import", tmp_path / "minutes.parquet", "--series", minutes, "--json"))
        assert (again["stored"], again["unchanged"]) == (0, rows - 1)
        assert json.loads(tdm(config, "rm", minutes, "--yes", "--json"))["bars"] == rows - 1
        assert json.loads(tdm(config, "list", "--json"))["series"] == []
        assert status_of(port) <= 0
    assert lake(config, "validated") == []


def test_rm_waits_for_a_fill_that_runs(exchange: Simulator, tmp_path: Path) -> None:
    """What a fill would bring next must not begin the series anew."""
    config = write_config(tmp_path, exchange.base_url, rate_limit=20)
    fill = [str(TDM), "backfill", "bybit.linear.BTCUSDT@1m", "--start", "2023-01-01", "--end", "2023-01-28"]
    with subprocess.Popen([*fill, "--config", str(config)], stderr=subprocess.DEVNULL) as filling:
        wait_for(lambda: json.loads(tdm(config, "list", "--json"))["series"] != [], 60, "the first bars")
        tdm(config, "rm", "bybit.linear.BTCUSDT@1m", "--yes")
        assert filling.wait(timeout=60) == 0
    assert json.loads(tdm(config, "list", "--json"))["series"] == []
