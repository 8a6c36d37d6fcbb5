"""What a user feels first: a script with the sacred call, stored, start to exit, beside pandas.read_parquet."""

from __future__ import annotations

from pathlib import Path

from harness import Figure, alternate
from road import PYTHON, TDM, environment, free_port, run, server, simulator, write_config

OURS = """
from trading_data_market.client import MarketDataClient
client = MarketDataClient(mode="backtest")
data = client.get_historical_data(symbol="BTCUSDT", exchange="bybit", timeframe="1h", start_date="2023-01-01",
                                  end_date="2023-12-31")
assert len(data) == 8760, len(data)
"""
PEER = """
import sys
import pandas
data = pandas.read_parquet(sys.argv[1])
assert len(data) == 8760, len(data)
"""
EXPORT = OURS + "import sys; data.attrs.clear(); data.to_parquet(sys.argv[1])\n"


def five_hundred_instruments(folder: Path) -> Path:
    """An instruments file: BTCUSDT and 499 others."""
    path = folder / "instruments.yaml"
    names = ["BTCUSDT"] + [f"COIN{number:03d}USDT" for number in range(499)]
    lines = [
        f"  - {{symbol: {name}, market: linear, base: {name[:-4]}, quote: USDT, settle: USDT, "
        f"tick: '0.1', lot: '0.001', start_price: '100', launch: 2020-01-01, first_bar: 2020-01-01}}"
        for name in names
    ]
    path.write_text("instruments:\n" + "\n".join(lines) + "\n")
    return path


def measure(folder: Path, rounds: int) -> list[Figure]:
    ours, peer, export = folder / "ours.py", folder / "peer.py", folder / "export.py"
    ours.write_text(OURS)
    peer.write_text(PEER)
    export.write_text(EXPORT)
    frame = folder / "frame.parquet"
    figures = []
    with simulator(folder, "--instruments", five_hundred_instruments(folder)) as exchange:
        port = free_port()
        config = write_config(folder, exchange.base_url, 110, port=port)
        settings = environment(config)
        run([PYTHON, export, frame], env=settings)

        def pair(name: str) -> None:
            pairs = alternate(
                lambda: run([PYTHON, ours], env=settings), lambda: run([PYTHON, peer, frame], env=settings), rounds
            )
            figures.append(
                Figure(f"sacred call, {name}, to pandas.read_parquet", pairs.ratio(), "x", 1.25, True, pairs.detail())
            )

        pair("one series stored")
        with server(folder, config, port):
            pair("a server holds the store")
        run(
            [
                TDM,
                "backfill",
                "bybit.linear.COIN*USDT@1h",
                "--start",
                "2023-12-30",
                "--end",
                "2023-12-31",
                "--config",
                config,
            ]
        )
        pair("500 series stored")
    return figures
