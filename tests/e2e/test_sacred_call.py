"""The call that must work exactly as written, and the same answer through every door."""

from __future__ import annotations

import csv
import io
import json
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import truth
from road import PYTHON, ROOT, Simulator, environment, free_port, run, server, write_config

HOUR = 3_600_000
START, END = 1_672_531_200_000, 1_704_067_200_000  # 2023, in milliseconds
COLUMNS = ["open", "high", "low", "close", "volume"]
SAVE = "\nimport sys\nhistorical_data.to_pickle(sys.argv[1])\n"
OVER_HTTP = """
import sys
from trading_data_market.client import MarketDataClient
client = MarketDataClient(mode="backtest", url=sys.argv[2])
client.get_historical_data(symbol="BTCUSDT", exchange="bybit", timeframe="1h", start_date="2023-01-01",
                           end_date="2023-12-31").to_pickle(sys.argv[1])
"""


@pytest.fixture(scope="module")
def stored(exchange: Simulator, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """A configuration whose store holds the year, and the frame of the first call."""
    folder = tmp_path_factory.mktemp("sacred")
    config = write_config(folder, exchange.base_url)
    return config, call(folder, config)


def call(folder: Path, config: Path) -> pd.DataFrame:
    script = folder / "script.py"
    script.write_text((ROOT / "examples/backtest_example.py").read_text() + SAVE)
    run([PYTHON, script, folder / "frame.pickle"], env=environment(config))
    frame: pd.DataFrame = pd.read_pickle(folder / "frame.pickle")
    return frame


def test_the_frame_is_what_was_promised(stored: tuple[Path, pd.DataFrame]) -> None:
    _, frame = stored
    assert frame.shape == (8760, 5)
    assert list(frame.columns) == COLUMNS
    assert [str(kind) for kind in frame.dtypes] == ["float64"] * 5
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"
    assert frame.index.name == "open_time"
    assert frame.index[0] == pd.Timestamp("2023-01-01T00:00Z")
    assert frame.index[-1] == pd.Timestamp("2023-12-31T23:00Z")
    provenance = frame.attrs["provenance"]
    assert provenance["instrument"] == "bybit.linear.BTCUSDT"
    assert provenance["simulated"] is True
    assert provenance["rows"] == provenance["expected"] == 8760
    assert provenance["gap_count"] == 0
    assert provenance["open_rule"] == "previous_close"
    assert len(json.dumps(provenance)) <= 4096


def test_every_value_is_the_exchanges_truth(stored: tuple[Path, pd.DataFrame], exchange: Simulator) -> None:
    _, frame = stored
    assert exchange.truth is not None
    expected = truth.aggregate(truth.minutes(exchange.truth, "linear", "BTCUSDT"), HOUR).between(START, END)
    assert len(expected.open_time) == 8760
    for name in COLUMNS:
        np.testing.assert_array_equal(frame[name].to_numpy(), expected.columns[name], err_msg=name)


def test_the_second_call_asks_nobody(stored: tuple[Path, pd.DataFrame], exchange: Simulator, tmp_path: Path) -> None:
    config, first = stored
    before = len(exchange.requests())
    second = call(tmp_path, config)
    assert len(exchange.requests()) == before
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert second.attrs["provenance"]["fetched"] == 0


def test_all_doors_give_the_same_bits(stored: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    config, frame = stored
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    url = f"{base}/api/v1/ohlcv?exchange=bybit&symbol=BTCUSDT&timeframe=1h&start=2023-01-01&end=2023-12-31"
    wanted = frame.to_numpy()
    times = frame.index.as_unit("ms").asi8

    def fetch(form: str) -> bytes:
        with urllib.request.urlopen(f"{url}&format={form}", timeout=60) as answer:
            body: bytes = answer.read()
            return body

    with server(tmp_path, config, port):
        rows = json.loads(fetch("json"))
        assert rows["columns"] == ["open_time", *COLUMNS]
        assert [row[0] for row in rows["data"]] == list(times)
        np.testing.assert_array_equal(np.array([row[1:] for row in rows["data"]]), wanted)

        columns = json.loads(fetch("columns"))["data"]
        assert columns["open_time"] == list(times)
        np.testing.assert_array_equal(np.array([columns[name] for name in COLUMNS]).T, wanted)

        lines = list(csv.reader(io.StringIO(fetch("csv").decode())))
        assert lines[0] == ["open_time", *COLUMNS]
        np.testing.assert_array_equal(np.array([[float(cell) for cell in line[1:]] for line in lines[1:]]), wanted)

        table = pa.ipc.open_stream(fetch("arrow")).read_all()
        assert str(table.schema.field("open_time").type) == "timestamp[us, tz=UTC]"
        assert json.loads(table.schema.metadata[b"tdm.provenance"])["rows"] == 8760
        np.testing.assert_array_equal(np.array([table[name].to_numpy() for name in COLUMNS]).T, wanted)

        run([PYTHON, "-c", OVER_HTTP, tmp_path / "http.pickle", base])
    over_http: pd.DataFrame = pd.read_pickle(tmp_path / "http.pickle")
    pd.testing.assert_frame_equal(frame, over_http, check_exact=True)


def test_the_example_is_the_file_that_users_start_from() -> None:
    seed = ROOT.parent / "shared/seed-files/backtest_example.py"
    if not seed.exists():
        pytest.skip("needs ../shared")
    assert (ROOT / "examples/backtest_example.py").read_bytes() == seed.read_bytes()
