"""The bar: when it shows, what it says, and that it leaves nothing behind."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from trading_data_market.progress import Bar, shows


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError("gone")


def test_nobody_looks_at_a_file_or_at_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shows(Terminal())
    assert not shows(io.StringIO())
    closed = Terminal()
    closed.close()
    assert not shows(io.StringIO())
    monkeypatch.setattr(sys, "stderr", None)
    assert not shows()


def test_a_notebook_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = type("ZMQInteractiveShell", (), {})()
    ipython: Any = type(sys)("IPython")
    ipython.get_ipython = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert shows(io.StringIO())
    ipython.get_ipython = lambda: None
    assert not shows(io.StringIO())


def test_nothing_is_drawn_before_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("trading_data_market.progress.time.monotonic", lambda: now[0])
    stream = Terminal()
    bar = Bar("bybit BTCUSDT 1m", stream=stream)
    bar(10, 100, 5.0, 18.0)
    now[0] = 101.9
    bar(20, 100, 5.0, 16.0)
    assert stream.getvalue() == ""
    now[0] = 102.1
    bar(30, 100, 5.0, 14.0)
    assert "30/100 bars" in stream.getvalue()
    drawn = stream.getvalue()
    bar(31, 100, 5.0, 14.0)  # not at every step
    assert stream.getvalue() == drawn


def test_what_a_line_says() -> None:
    stream = Terminal()
    Bar("bybit BTCUSDT 1m", delay=0.0, stream=stream)(525_600, 1_051_200, 10_800.4, 3_700.0)
    assert stream.getvalue() == (
        "\rbybit BTCUSDT 1m  [############------------]  50%  525,600/1,051,200 bars  10,800 bars/s  1:01:40 left"
    )


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ((5, 0, 0.0, 0.0), "x  5 bars"),
        ((5, 0, 3.0, 0.0), "3 bars/s"),
        ((150, 100, 1.0, 0.0), "100%"),
        ((1, 3, 1.0, 9.6), "0:10 left"),
    ],
)
def test_lines_at_the_edges(step: tuple[int, int, float, float], words: str) -> None:
    stream = Terminal()
    Bar("x", delay=0.0, stream=stream)(*step)
    assert words in stream.getvalue()


def test_closing_wipes_the_line() -> None:
    stream = Terminal()
    bar = Bar("x", delay=0.0, stream=stream)
    bar(1, 2, 1.0, 1.0)
    width = len(stream.getvalue()) - 1
    bar.close()
    assert stream.getvalue().endswith("\r" + " " * width + "\r")
    quiet = Terminal()
    Bar("x", stream=quiet).close()
    assert quiet.getvalue() == ""


def test_a_terminal_that_went_away_stops_nothing() -> None:
    bar = Bar("x", delay=0.0, stream=Broken())
    bar(1, 2, 1.0, 1.0)
    bar.close()
