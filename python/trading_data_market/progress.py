"""A bar that appears by itself when a call takes long, on a terminal or in a notebook, and never elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO, TypeAlias

__all__ = ["Bar", "OnProgress", "shows"]

# Called with bars done, bars in total (0: not yet known), bars per second, and seconds left.
OnProgress: TypeAlias = Callable[[int, int, float, float], object]

_DELAY = 2.0  # seconds; what is over sooner needs no bar
_PAUSE = 0.1  # seconds between two drawings
_WIDTH = 24


def shows(stream: TextIO | None = None) -> bool:
    """Whether somebody looks at ``stream`` (stderr)."""
    stream = sys.stderr if stream is None else stream
    try:
        return stream is not None and (stream.isatty() or _in_notebook())
    except (AttributeError, ValueError):
        return False  # closed, or not quite a stream


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


class Bar:
    """One line that is drawn over itself. ``close`` wipes it."""

    def __init__(self, title: str, *, delay: float = _DELAY, stream: TextIO | None = None) -> None:
        self._title = title
        self._stream = sys.stderr if stream is None else stream
        self._next = time.monotonic() + delay
        self._drawn = 0

    def __call__(self, done: int, total: int, rate: float, left: float) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _PAUSE
        self._draw(_line(self._title, done, total, rate, left))

    def close(self) -> None:
        if self._drawn:
            self._draw("")
            self._write("\r")

    def _draw(self, line: str) -> None:
        self._write("\r" + line.ljust(self._drawn))
        self._drawn = len(line)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            pass  # the terminal went away; the data is what counts


def _line(title: str, done: int, total: int, rate: float, left: float) -> str:
    speed = f"{rate:,.0f} bars/s" if rate > 0 else ""
    if total <= 0:
        return "  ".join(part for part in (title, f"{done:,} bars", speed) if part)
    share = min(1.0, done / total)
    filled = int(share * _WIDTH)
    bar = f"[{'#' * filled}{'-' * (_WIDTH - filled)}] {share:4.0%}"
    remaining = f"{_clock(left)} left" if rate > 0 else ""
    return "  ".join(part for part in (title, bar, f"{done:,}/{total:,} bars", speed, remaining) if part)


def _clock(seconds: float) -> str:
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes}:{second:02}"
