"""Stores of the compiled engine, each of its own, that read from one simulated exchange."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from road import write_config


@dataclass(frozen=True)
class Stores:
    """Where the exchange listens, and the folder of the stores."""

    base_url: str
    folder: Path

    def config(self, name: str, rate_limit: float = 110) -> Path:
        """The configuration of the store of that name."""
        return write_config(self.folder / name, self.base_url, rate_limit)
