"""The wheel: what lies in it, and that it works alone and beside other people's Arrow and DuckDB of any version."""

from __future__ import annotations

import email
import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import build_wheel
import pytest
from stores import Stores

HERE = Path(__file__).parent
NEIGHBOURS = """
import io, json, os, sys
ask = dict(symbol="BTCUSDT", exchange="bybit", timeframe="1h", start_date="2023-01-01", end_date="2023-01-31")

def arrow():
    import pyarrow, pyarrow.parquet
    table, file = pyarrow.table({"x": [1.0, 2.0]}), pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, file, compression="zstd")
    # No file object of Python: a thread of pyarrow's may drop one while the interpreter ends, which aborts it.
    assert pyarrow.parquet.read_table(pyarrow.BufferReader(file.getvalue())).equals(table)

def duckdb():
    import duckdb
    assert duckdb.sql("select sum(i) from range(1000) t(i)").fetchone() == (499500,)

def polars():
    import polars
    file = io.BytesIO()
    polars.DataFrame({"x": [1.0]}).write_parquet(file)

def ours():
    from trading_data_market.client import MarketDataClient
    client = MarketDataClient()
    frame = client.get_historical_data(**ask)
    assert frame.shape == (744, 5), frame.shape
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"
    assert client.get_historical_data(**ask, output="arrow").num_rows == 744
    assert client.get_historical_data(**ask, output="polars").height == 744

for _ in range(2):
    for name in sys.argv[1].split():
        globals()[name]()
lines = open("/proc/self/maps").read().splitlines()
print(json.dumps(sorted({os.path.basename(line.split()[-1]) for line in lines if ".so" in line})))
"""
ORDERS = ["ours", "ours arrow duckdb", "arrow ours", "duckdb ours", "polars arrow duckdb ours"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        build_wheel.find_extension()
    except build_wheel.BuildError as error:
        pytest.skip(str(error))
    return build_wheel.make_wheel(tmp_path_factory.mktemp("wheel"), level=1)  # quick, and as good


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("x-cp311-manylinux_2_17_x86_64.whl", 'consistent with the following\nplatform tag: "manylinux_2_35_x86_64".'),
        ("x-cp311-linux_x86_64.whl", 'platform tag: "manylinux_2_35_x86_64".'),
        ("x-cp311-manylinux_2_35_x86_64.whl", 'platform tag: "linux_x86_64".'),
    ],
)
def test_a_tag_that_promises_too_much_is_refused(name: str, verdict: str) -> None:
    with pytest.raises(build_wheel.BuildError, match="auditwheel"):
        build_wheel.judge(name, verdict)


def test_what_lies_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        record = archive.read(f"{build_wheel.dist_info()}/RECORD").decode().splitlines()
    assert [line.split(",")[0] for line in record] == names
    package = {Path(name).name for name in names if name.startswith("trading_data_market/")}
    assert {"__init__.py", "client.py", "py.typed", "_engine.pyi"} <= package
    libraries = [Path(name).name for name in names if name.startswith("trading_data_market.libs/")]
    for library in ("libarrow", "libparquet", "libduckdb", "libfmt"):
        assert any(re.match(rf"{library}-[0-9a-f]{{8}}\.so", name) for name in libraries), library
    for strange in ("libstdc++", "libc.so", "libssl", "libcrypto"):
        assert not any(strange in name for name in libraries), strange


def test_the_metadata_says_what_is_needed() -> None:
    fields = email.message_from_string(build_wheel.metadata(build_wheel.project()))
    assert fields["Name"] == "trading-data-market"
    assert fields.get_all("Provides-Extra") == ["pandas", "polars", "arrow", "all"]
    required = fields.get_all("Requires-Dist")
    assert required is not None
    assert all("extra ==" in requirement for requirement in required)  # nothing else is required
    assert "get_historical_data" in str(fields.get_payload())


def test_the_same_inputs_give_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    assert build_wheel.make_wheel(tmp_path, level=1).read_bytes() == wheel.read_bytes()


@pytest.mark.parametrize("name", ["libc.so.6", "libstdc++.so.6", "ld-linux-x86-64.so.2", "libz.so.1", "libm.so.6"])
def test_what_every_system_has_stays_out(name: str) -> None:
    assert build_wheel.SYSTEM.match(name)


@pytest.mark.parametrize("name", ["libarrow.so.2600", "libduckdb.so", "libssl.so.3", "libcrypt.so.1", "libzstd.so.1"])
def test_what_a_bare_system_lacks_travels_along(name: str) -> None:
    assert not build_wheel.SYSTEM.match(name)


def test_unique_symbols_become_weak(tmp_path: Path) -> None:
    source, library = tmp_path / "unique.cpp", tmp_path / "libunique.so"
    source.write_text(
        "template <class T> struct Once { static inline int value = 1; };\nint& once() { return Once<int>::value; }\n"
    )
    subprocess.run(["g++", "-std=c++17", "-shared", "-fPIC", "-o", library, source], check=True)

    def bindings() -> set[str]:
        table = subprocess.run(
            ["readelf", "--dyn-syms", "-W", library], check=True, capture_output=True, text=True
        ).stdout
        return {line.split()[4] for line in table.splitlines() if "_ZN4OnceIiE5valueE" in line}

    assert bindings() == {"UNIQUE"}
    build_wheel.make_private(library)
    assert bindings() == {"WEAK"}


def environment(folder: Path, wheel: Path) -> Path:
    """A virtual environment with the wheel and nothing else."""
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin/python"
    pip_install(python, "--no-index", str(wheel))
    return python


def pip_install(python: Path, *options: str) -> None:
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps", "--no-compile"]
    done = subprocess.run([*pip, *options], capture_output=True, text=True, timeout=600)
    if re.search("connection|No matching distribution", done.stderr):
        pytest.skip("needs a package index")
    assert done.returncode == 0, done.stderr


def isolated(**more: str) -> dict[str, str]:
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LD_", "TDM_"))}
    return {**keep, **more}


def test_it_works_where_nothing_else_is_installed(wheel: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "empty", wheel)
    code = """
from trading_data_market import frames
from trading_data_market.client import MarketDataClient
from trading_data_market.errors import MissingDependencyError
print(MarketDataClient().server_info().door)
for output in ("pandas", "polars", "arrow", "numpy"):
    try:
        frames.to_output(None, output, writable=True)
    except MissingDependencyError as error:
        print(error)
"""
    done = subprocess.run(
        [python, "-c", code],
        env=isolated(TDM_HOME=str(tmp_path / "home")),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "embedded"
    assert done.stdout.count("pip install 'trading-data-market[") == 4


@pytest.mark.parametrize("order", ORDERS)
def test_it_works_beside_the_same_versions(stores: Stores, order: str) -> None:
    neighbours([sys.executable, "-c", NEIGHBOURS, order], stores)


@pytest.fixture(scope="module")
def older(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The oldest pandas, Polars, pyarrow and DuckDB that the extras allow."""
    python = environment(tmp_path_factory.mktemp("older") / "venv", wheel)
    requirements = str(HERE / "other_versions.txt")
    pip_install(python, "--only-binary", ":all:", "--require-hashes", "--requirement", requirements)
    return python


@pytest.mark.timeout(900)  # a hundred megabytes from an index come first
@pytest.mark.parametrize("order", ORDERS)
def test_it_works_beside_older_versions(stores: Stores, older: Path, order: str) -> None:
    loaded = neighbours([str(older), "-c", NEIGHBOURS, order], stores)
    assert any(name.startswith("libarrow.so.1400") for name in loaded)


def neighbours(command: list[str], stores: Stores) -> list[str]:
    done = subprocess.run(
        command, env=isolated(CONFIG_PATH=str(stores.config("neighbours"))), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    loaded: list[str] = json.loads(done.stdout)
    assert any(re.match(r"libarrow-[0-9a-f]{8}\.so", name) for name in loaded)
    return loaded
