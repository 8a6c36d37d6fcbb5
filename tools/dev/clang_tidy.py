"""clang-tidy over the translation units of a build folder, the unchanged ones not again.

Unit tests are left out: they are a third of the units and cost half of the time, the compiler's warnings hold for them
too, and what they could break is seen when they run. --tests takes them in.

A unit is unchanged when it, the headers of ours that it includes and the checks are. What passed is remembered under
build/tidy. Compiler warnings are g++'s business, so clang's are off.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS_PER_UNIT = 600
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
# The flags of one compiler and its precompiled header mean nothing to another.
FOREIGN_FLAGS = re.compile(r"^(-fpch-preprocess|-Winvalid-pch|-W.*|-ffile-prefix-map=.*|-fsanitize.*|-fno-sanitize.*)$")


@dataclass(frozen=True)
class Unit:
    path: Path
    folder: str
    arguments: tuple[str, ...]


def arguments_of(command: str) -> tuple[str, ...]:
    words = shlex.split(command)
    # A launcher may stand before the compiler.
    first = next(i for i, word in enumerate(words) if re.search(r"(\+\+|clang|gcc)(-\d+)?$", Path(word).name))
    kept, skip = [], False
    for word, following in zip(words[first:], [*words[first + 1 :], ""], strict=True):
        if skip:
            skip = False
        elif word == "-include" and "cmake_pch" in following:
            skip = True
        elif not FOREIGN_FLAGS.match(word):
            kept.append(word)
    return (*kept, "-w")


def units_of(build: Path, with_tests: bool) -> list[Unit]:
    entries = json.loads((build / "compile_commands.json").read_text())
    units = {}
    for entry in entries:
        path = (Path(entry["directory"]) / entry["file"]).resolve()
        inside = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] not in ("build", ".venv", ".deps")
        if inside and (with_tests or "tests" not in path.relative_to(ROOT).parts):
            units[path] = Unit(path, entry["directory"], arguments_of(entry["command"]))
    return [units[path] for path in sorted(units)]


@cache
def own_headers(path: Path) -> frozenset[Path]:
    """The file and all of ours that it includes, however deep."""
    found, waiting = set(), [path]
    while waiting:
        at = waiting.pop()
        if at in found or not at.is_file():
            continue
        found.add(at)
        for name in INCLUDE.findall(at.read_text(errors="replace")):
            waiting += [base / name for base in (ROOT / "src", ROOT, ROOT / "tests", at.parent)]
    return frozenset(found)


@cache
def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def key_of(unit: Unit, checks: str) -> str:
    parts = [checks, *unit.arguments, *(f"{path}{digest_of(path)}" for path in sorted(own_headers(unit.path)))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def judge(unit: Unit, tool: str, database: Path, fix: bool) -> str:
    """What is wrong with the unit; empty when nothing is."""
    command = [tool, "-p", str(database), "--quiet", *(["--fix"] if fix else []), str(unit.path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_PER_UNIT, check=False)
    except subprocess.TimeoutExpired:
        return f"{unit.path}: clang-tidy took longer than {SECONDS_PER_UNIT} s\n"
    return "" if done.returncode == 0 else done.stdout + done.stderr


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help="a folder with compile_commands.json")
    parser.add_argument("--tool", default="clang-tidy")
    parser.add_argument("--fix", action="store_true")
    parser.add_argument("--tests", action="store_true", help="unit tests too")
    parser.add_argument("--only", nargs="*", type=Path, help="judge only units that are or include one of these")
    options = parser.parse_args()

    checks = (ROOT / ".clang-tidy").read_text() + subprocess.run(
        [options.tool, "--version"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    units = units_of(options.build, options.tests)
    if options.only is not None:
        touched = {path.resolve() for path in options.only}
        units = [unit for unit in units if touched & own_headers(unit.path)]
    passed = ROOT / "build" / "tidy"
    passed.mkdir(parents=True, exist_ok=True)
    keys = {unit: key_of(unit, checks) for unit in units}
    waiting = [unit for unit in units if options.fix or not (passed / keys[unit]).exists()]

    failed = 0
    with tempfile.TemporaryDirectory() as database:
        entries = [
            {"directory": unit.folder, "file": str(unit.path), "arguments": list(unit.arguments)} for unit in waiting
        ]
        (Path(database) / "compile_commands.json").write_text(json.dumps(entries))
        # Fixes of two units may meet in one header, so then one goes after the other.
        workers = 1 if options.fix else int(os.environ.get("TDM_JOBS", os.cpu_count() or 1))
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            verdicts = pool.map(lambda unit: judge(unit, options.tool, Path(database), options.fix), waiting)
            for unit, complaint in zip(waiting, verdicts, strict=True):
                if complaint:
                    failed += 1
                    print(complaint, file=sys.stderr)
                else:
                    (passed / keys[unit]).touch()
    print(f"clang-tidy: {len(units)} units, {len(waiting)} judged, {failed} refused", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
