"""The demo, as a newcomer runs it: no network, a chart, three equal frames, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import urllib.request
from pathlib import Path

from road import PYTHON, ROOT, run, wait_for

PNG = b"\x89PNG\r\n\x1a\n"


def demo(folder: Path, *options: str) -> str:
    done = run([PYTHON, ROOT / "examples/demo.py", "--output", folder, *options], timeout=240, cwd=folder.parent)
    return str(done.stdout)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_demo_shows_a_year_and_ends(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    words = demo(folder)
    assert "8760 rows, 2023-01-01 00:00:00+00:00 … 2023-12-31 23:00:00+00:00" in words
    assert '"instrument": "bybit.linear.BTCUSDT"' in words
    assert '"simulated": true' in words
    assert "all three frames are equal, bit for bit" in words
    assert (folder / "chart.png").read_bytes().startswith(PNG)
    assert str(folder / "chart.png") in words
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True, timeout=10).stdout
    assert str(folder) not in running


def test_kept_programs_answer_until_they_are_stopped(tmp_path: Path) -> None:
    words = demo(tmp_path / "out", "--keep")
    stop = re.search(r"kill ((?:\d+ ?)+)", words)
    assert stop is not None
    programs = [int(pid) for pid in stop[1].split()]
    try:
        address = re.search(r"http://\S+/metrics", words)
        assert address is not None
        with urllib.request.urlopen(address[0], timeout=10) as answer:
            assert answer.status == 200
    finally:
        for pid in programs:
            os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not any(alive(pid) for pid in programs), 20, "the end of what was kept")
