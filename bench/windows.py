"""`/api/v1/ohlcv`, 1,000 bars, keep-alive, beside nginx serving the same bytes from a file."""

from __future__ import annotations

import re
import shutil
import urllib.request
from pathlib import Path

from harness import Figure
from road import ROOT, TDM, free_port, process, run, server, simulator, wait_for, write_config

PATH = "/api/v1/ohlcv?exchange=bybit&symbol=BTCUSDT&timeframe=1h&start=2023-03-01&end=2023-04-11T16:00:00Z&limit=1000"


def nginx_program() -> Path:
    unpacked = ROOT / ".deps/nginx/usr/sbin/nginx"
    found = shutil.which("nginx")
    if unpacked.exists():
        return unpacked
    if found is None:
        raise RuntimeError("nginx is missing: run ./dev setup bench")
    return Path(found)


def nginx_config(folder: Path, port: int) -> Path:
    path = folder / "nginx.conf"
    path.write_text(
        f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type application/json;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  open_file_cache max=10 inactive=60s;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""
    )
    return path


def milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def load(url: str, connections: int) -> dict[str, float]:
    """wrk for three seconds: requests per second, p50 and p99 in milliseconds."""
    text = run(["wrk", "-t1", f"-c{connections}", "-d3s", "--latency", url]).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p50, p99 = re.search(r"50%\s+(\S+)", text), re.search(r"99%\s+(\S+)", text)
    if not (rate and p50 and p99):
        raise RuntimeError(text)
    return {"rps": float(rate[1]), "p50_ms": milliseconds(p50[1]), "p99_ms": milliseconds(p99[1])}


def measure(folder: Path, rounds: int) -> list[Figure]:
    figures = []
    with simulator(folder) as exchange:
        port, peer_port = free_port(), free_port()
        config = write_config(folder, exchange.base_url, 110, port=port)
        run(
            [
                TDM,
                "backfill",
                "bybit.linear.BTCUSDT@1h",
                "--start",
                "2023-01-01",
                "--end",
                "2023-12-31",
                "--config",
                config,
            ]
        )
        with server(folder, config, port):
            ours = f"http://127.0.0.1:{port}{PATH}"
            with urllib.request.urlopen(ours, timeout=30) as answer:
                body = answer.read()
            (folder / "www").mkdir(exist_ok=True)
            (folder / "www/bars.json").write_bytes(body)
            peer = f"http://127.0.0.1:{peer_port}/bars.json"
            with process([nginx_program(), "-c", nginx_config(folder, peer_port)], folder / "nginx.out"):
                wait_for(lambda: (folder / "nginx.pid").exists(), 10, "nginx")
                for connections in (1, 32):
                    runs = [(load(ours, connections), load(peer, connections)) for _ in range(max(3, rounds // 3))]
                    runs.sort(key=lambda pair: pair[0]["rps"] / pair[1]["rps"])
                    middle = runs[len(runs) // 2]
                    figures.append(
                        Figure(
                            f"1,000 bars as JSON, {connections} connections, requests/s to nginx",
                            middle[0]["rps"] / middle[1]["rps"], "x", None, False,
                            {"ours": middle[0], "nginx": middle[1], "bytes": len(body)},
                        )
                    )  # fmt: skip
    return figures
