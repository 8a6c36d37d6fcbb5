"""Backfills from a simulated exchange that spoils some answers, and what must be true of the store afterwards."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import truth
from road import TDM, Simulator, run, simulator, write_config


@dataclass(frozen=True)
class Spoiled:
    """What a script does to which of the requests for bars, and what must come of it."""

    name: str
    do: str
    when: str = "count: 1"
    missing: int = 0  # bars that are gaps afterwards; -1: some
    rejected: str = ""  # rule in the quarantine
    says: str = ""  # part of the error


@dataclass(frozen=True)
class Subject:
    """A series whose backfill is spoiled: whole days of it."""

    series: str
    start: str
    end: str  # included
    asks: str  # which requests are for its bars, as a script says it
    rate_limit: float = 110
    more: str = ""  # of the configuration

    @property
    def exchange(self) -> str:
        return self.series.split(".")[0]

    @property
    def symbol(self) -> str:
        return self.series.split("@")[0].split(".")[2]

    @property
    def range(self) -> list[str]:
        return ["--start", self.start, "--end", self.end]

    @contextlib.contextmanager
    def clean(self, folder: Path) -> Iterator[Simulator]:
        """The exchange without faults, and what is true of it."""
        options = ("--truth-symbols", self.symbol, "--truth-timeframes", self.series.split("@")[1])
        with simulator(folder, *options, first="2022-12-01", truth=True, exchange=self.exchange) as running:
            yield running

    def config(self, folder: Path, base_url: str) -> Path:
        return write_config(folder, base_url, self.rate_limit, exchange=self.exchange, more=self.more)

    def expected(self, clean: Simulator) -> truth.Bars:
        assert clean.truth is not None
        instrument, timeframe = self.series.split("@")
        _, market, symbol = instrument.split(".")
        bars = truth.closed(clean.truth, market, symbol, timeframe, self.exchange, truth.VALUES)
        first = pd.Timestamp(self.start, tz="UTC")
        after = pd.Timestamp(self.end, tz="UTC") + pd.Timedelta(days=1)
        return bars.between(int(first.timestamp() * 1000), int(after.timestamp() * 1000))

    def backfill(self, folder: Path, case: Spoiled, code: int) -> tuple[Path, str]:
        """From the spoiled exchange; the configuration, and what was said."""
        script = folder / "script.yaml"
        script.write_text(f"faults:\n  - {{{self.asks}, {case.when}, do: {{{case.do}}}}}\n")
        with simulator(folder, "--script", script, first="2022-12-01", exchange=self.exchange) as exchange:
            config = self.config(folder, exchange.base_url)
            done = run([TDM, "backfill", self.series, *self.range, "--config", config], code=code, timeout=200)
            assert any("fault" in entry for entry in exchange.requests()), "the fault never met a request"
        return config, done.stderr

    def stored(self, folder: Path, everything: truth.Bars) -> int:
        """How many bars there are, each of which is one that was traded, with all its values, and proven."""
        bars, finality = truth.lake(folder, self.series, truth.VALUES)
        assert finality <= {"confirmed"}
        at = np.searchsorted(everything.open_time, bars.open_time)
        np.testing.assert_array_equal(everything.open_time[at], bars.open_time)
        for name in truth.VALUES:
            np.testing.assert_array_equal(bars.columns[name], everything.columns[name][at], err_msg=name)
        return len(bars.open_time)

    def gaps(self, config: Path) -> list[dict[str, object]]:
        answer = json.loads(run([TDM, "gaps", self.series, "--json", "--config", config]).stdout)
        found: list[dict[str, object]] = answer["gaps"]
        return found

    def check_cured(self, case: Spoiled, clean: Simulator, folder: Path) -> None:
        """Asking again brings everything."""
        config, _ = self.backfill(folder, case, 0)
        everything = self.expected(clean)
        assert self.stored(folder, everything) == len(everything.open_time) > 0
        assert self.gaps(config) == []
        run([TDM, "verify", "--config", config])

    def check_lost(self, case: Spoiled, clean: Simulator, folder: Path) -> None:
        """What the exchange does not give stands in the ledger, and what it gave wrong in the quarantine."""
        config, _ = self.backfill(folder, case, 0)
        everything = self.expected(clean)
        ledger = self.gaps(config)
        missing = sum(int(str(gap["bars"])) for gap in ledger)
        assert missing == len(everything.open_time) - self.stored(folder, everything) > 0
        if case.missing > 0:
            assert missing == case.missing
        assert {gap["cause"] for gap in ledger} == {"unknown"}
        assert all(gap["state"] == "open" for gap in ledger)
        run([TDM, "verify", "--config", config])
        query = ["query", self.series, *self.range, "--fetch", "never", "--on-gap", "raise", "--config", str(config)]
        assert "tdm gaps accept" in run([TDM, *query], code=1).stderr
        if case.rejected:
            with duckdb.connect(str(folder / "store/market_data.db"), read_only=True) as connection:
                rows = connection.execute("select rule, reason, raw from quarantine_ohlcv").fetchall()
            assert len(rows) == 1
            assert rows[0][0].startswith(case.rejected)
            assert rows[0][1]
            assert rows[0][2]

    def check_refused(self, case: Spoiled, clean: Simulator, folder: Path, heals: bool = True) -> None:
        """What cannot be understood ends in an error that names it; when the exchange is well again, so are we.

        ``heals``: False for a ban, which is obeyed, and for a hole that is looked at an hour later.
        """
        config, said = self.backfill(folder, case, 1)
        assert case.says in said
        assert self.symbol in said
        everything = self.expected(clean)
        self.stored(folder, everything)
        run([TDM, "verify", "--config", config])
        with simulator(folder / "well", first="2022-12-01", exchange=self.exchange) as exchange:
            config.write_text(self.config(folder / "other", exchange.base_url).read_text().replace("/other/", "/"))
            run([TDM, "backfill", self.series, *self.range, "--config", config], code=None)
        stored = self.stored(folder, everything)
        assert stored == len(everything.open_time) or not heals
