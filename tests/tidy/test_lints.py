"""The lints refuse what they are there to refuse: each has a canary, a bad file in a tree that is otherwise clean."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".venv" / "bin"
SETTINGS = (".clang-format", ".clang-tidy", ".yamllint", "ruff.toml", "mypy.ini")

pytestmark = pytest.mark.skipif(not (TOOLS / "clang-tidy").exists(), reason="needs ./dev setup")

GOOD = {
    "src/a.cpp": '#include "src/a.hpp"\n\nint twice(int value) { return 2 * value; }\n',
    "src/a.hpp": "#pragma once\n\nint twice(int value);\n",
    "tool.py": '"""A tool."""\n\n\ndef twice(value: int) -> int:\n    return 2 * value\n',
    "run.sh": "#!/usr/bin/env bash\nset -eu\nprintf '%s\\n' \"$1\"\n",
    "a.yaml": "a: 1\nb: [1, 2]\n",
}

# One bad file for each lint, that no other lint minds.
CANARIES = {
    "clang-format": ("src/spaces.hpp", "#pragma once\n\nint   thrice( int value );\n"),
    "clang-tidy": ("src/a.cpp", '#include "src/a.hpp"\n\nint twice(int BadName) { return 2 * BadName; }\n'),
    "ruff": ("unused.py", '"""A tool."""\n\nimport os\n'),
    "ruff-format": ("spaces.py", '"""A tool."""\n\n\ndef twice( value: int )->int: return 2*value\n'),
    "mypy": ("untyped.py", '"""A tool."""\n\n\ndef twice(value):\n    return 2 * value\n'),
    "shellcheck": ("remove.sh", "#!/usr/bin/env bash\nrm -rf $1/*\n"),
    "yamllint": ("twice.yaml", "a: 1\na: 2\n"),
}


def git(tree: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=canary", "-c", "user.email=canary@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=tree, check=True, capture_output=True, timeout=60)


def put(tree: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small project that uses our lints as they stand."""
    put(tmp_path, GOOD)
    for name in SETTINGS:
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("lint.sh", "clang_tidy.py"):
        (tmp_path / "tools/dev").mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "tools/dev" / name, tmp_path / "tools/dev" / name)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    put(tmp_path, {".gitignore": "/.venv\n/build/\n__pycache__/\n.*_cache/\n"})
    command = f"c++ -std=c++23 -I{tmp_path} -include cmake_pch.hxx -Winvalid-pch -c src/a.cpp -o a.o"
    database = [{"directory": str(tmp_path), "file": "src/a.cpp", "command": command}]
    put(tmp_path, {"build/dev/compile_commands.json": json.dumps(database)})
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message=clean")
    return tmp_path


def lint(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["tools/dev/lint.sh", *options],
        cwd=tree,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
        env=os.environ | {"TDM_JOBS": "1"},
    )


def refused(done: subprocess.CompletedProcess[str]) -> set[str]:
    last = done.stderr.strip().splitlines()[-1]
    return set(last.removeprefix("lint: failed: ").split()) if done.returncode else set()


def test_a_clean_tree_passes_and_is_not_judged_twice(tree: Path) -> None:
    first = lint(tree)
    assert first.returncode == 0, first.stderr
    for name in CANARIES:
        assert f"lint: {name} " in first.stderr, f"{name} did not run"
    assert "1 units, 1 judged" in first.stderr
    assert "1 units, 0 judged" in lint(tree).stderr
    put(tree, {"src/a.hpp": GOOD["src/a.hpp"] + "\nint thrice(int value);\n"})
    assert "1 units, 1 judged" in lint(tree).stderr


def test_every_canary_is_refused(tree: Path) -> None:
    put(tree, dict(CANARIES.values()))
    assert refused(lint(tree)) == set(CANARIES)


def test_changed_looks_at_what_changed(tree: Path) -> None:
    put(tree, dict([CANARIES["yamllint"]]))
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message=bad")
    assert lint(tree, "--changed").returncode == 0
    put(tree, dict([CANARIES["clang-format"]]))
    assert refused(lint(tree, "--changed")) == {"clang-format"}


def test_fix_rewrites_what_can_be_rewritten(tree: Path) -> None:
    put(tree, dict([CANARIES["clang-format"], CANARIES["ruff-format"]]))
    assert lint(tree, "--changed", "--fix").returncode == 0
    assert lint(tree, "--changed").returncode == 0
    assert (tree / "src/spaces.hpp").read_text() == "#pragma once\n\nint thrice(int value);\n"


def test_an_unknown_option_is_refused(tree: Path) -> None:
    assert lint(tree, "--everything").returncode == 2
