"""A year of minute bars from Binance's archives on loopback, beside fetching, unpacking and reading the same files."""

from __future__ import annotations

import hashlib
import io
import json
import statistics
import time
import urllib.request
import zipfile
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
from harness import Figure
from road import TDM, run, simulator, write_config

SERIES = "binance.spot.BTCUSDT@1m"
BARS = 525_600


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=120) as answer:
        return bytes(answer.read())


def floor(urls: list[str], output: Path) -> float:
    """Seconds of the least that anybody does: fetch, check, unpack, read the columns, write them to one file."""
    begun = time.perf_counter()
    tables = []
    for url in urls:
        checksum, packed = fetch(url + ".CHECKSUM"), fetch(url)
        if not checksum.startswith(hashlib.sha256(packed).hexdigest().encode()):
            raise RuntimeError(f"{url} is not what its CHECKSUM says")
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            text = archive.read(archive.namelist()[0])
        options = pyarrow.csv.ReadOptions(autogenerate_column_names=True)
        tables.append(pyarrow.csv.read_csv(io.BytesIO(text), read_options=options))
    pyarrow.parquet.write_table(pyarrow.concat_tables(tables), output, compression="zstd")
    return time.perf_counter() - begun


def measure(folder: Path, rounds: int) -> list[Figure]:
    ours, peers = [], []
    with simulator(folder, now="2024-01-10T00:00:00Z", first="2022-12-01", exchange="binance") as exchange:
        path = "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2023"
        urls = [f"{exchange.archive_url}/{path}-{month:02}.zip" for month in range(1, 13)]
        for url in urls:
            fetch(url)  # the simulator keeps what it has made
        for number in range(max(3, rounds // 3)):
            place = folder / f"store{number}"
            config = write_config(place, exchange.base_url, 40, exchange="binance", archive_url=exchange.archive_url)
            command = ["backfill", SERIES, "--start", "2023-01-01", "--end", "2023-12-31", "--json"]
            begun = time.perf_counter()
            report = json.loads(run([TDM, *command, "--config", config]).stdout)["series"][0]
            ours.append(time.perf_counter() - begun)
            if (report["stored"], report["rejected"]) != (BARS, 0):
                raise RuntimeError(f"{report} is not a year of minutes")
            peers.append(floor(urls, place / "floor.parquet"))
    seconds = statistics.median(ours)
    ratio = statistics.median(a / b for a, b in zip(ours, peers, strict=True))
    detail = {
        "seconds": round(seconds, 3),
        "floor_s": round(statistics.median(peers), 3),
        "to_floor": round(ratio, 2),
        "rounds": len(ours),
    }
    return [Figure("a year of minutes from archives, to durable", BARS / seconds, "bars/s", 1_000_000, False, detail)]
