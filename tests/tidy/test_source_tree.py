"""Checks on the source itself.

A check nobody tests is off, so each has canaries: small bad trees that it must refuse.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Path from the root -> text. Every check is a function from this to sentences about what is wrong.
Tree = Mapping[str, str]
CPP = (".cpp", ".hpp")


def read_tree() -> Tree:
    """What is tracked, and what would be if it were added."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60).stdout.decode().split("\0")
    tree = {}
    for name in listed:
        path = ROOT / name
        if not name or path.is_symlink() or not path.is_file():
            continue
        try:
            tree[name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # data, not source
    return tree


# ---- reading C++

_NOT_CODE = re.compile(
    r"""
      //[^\n]*                                  # a comment to the end of the line
    | /\*.*?\*/                                 # a comment
    | R"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)"   # a raw text
    | "(?:\\.|[^"\\\n])*"                       # a text
    | (?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'       # a character, but not the ' between digits
    """,
    re.VERBOSE | re.DOTALL,
)


def code_of(text: str) -> str:
    """The text without comments and literals, on the same lines."""
    return _NOT_CODE.sub(lambda match: "\n" * match.group().count("\n") or '""', text)


def includes_of(text: str) -> Iterator[tuple[int, str, bool]]:
    """Line, header, and whether it stands in quotes."""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line):
            yield number, match[2], match[1] == '"'


def cpp_files(tree: Tree, *roots: str) -> Iterator[tuple[str, str]]:
    for path, text in tree.items():
        if path.endswith(CPP) and path.startswith(roots):
            yield path, text


# ---- rooms

ROOM_ROW = re.compile(r"^\| `(?P<room>[a-z0-9_/*]+)` \| (?P<edges>[^|]*)\|", re.MULTILINE)


def drawn_rooms(tree: Tree) -> dict[str, set[str]]:
    """The edges that ARCHITECTURE.md draws: room -> rooms whose headers it may include."""
    text = tree.get("ARCHITECTURE.md", "")
    return {row["room"]: set(re.findall(r"`([a-z0-9_/*]+)`", row["edges"])) for row in ROOM_ROW.finditer(text)}


def rooms_of(tree: Tree) -> set[str]:
    """Folders with a target of their own."""
    rooms = {
        match["room"]
        for path in tree
        if (match := re.fullmatch(r"src/tdm/(?P<room>[a-z0-9_/]+)/CMakeLists\.txt", path))
    }
    return rooms | ({"sim"} if "sim/CMakeLists.txt" in tree else set())


def room_of(path: str, rooms: set[str]) -> str | None:
    if path.startswith("sim/"):
        return "sim" if "sim" in rooms else None
    inner = path.removeprefix("src/").removeprefix("tdm/")
    inside = [room for room in rooms if room != "sim" and inner.startswith(room + "/")]
    return max(inside, key=len, default=None)


def edges_of(room: str, drawn: Mapping[str, set[str]]) -> set[str] | None:
    """`sources/*` stands for every room inside of sources."""
    if room in drawn:
        return drawn[room]
    return drawn.get(f"{room.partition('/')[0]}/*") if "/" in room else None


def check_room_rule(tree: Tree) -> Iterator[str]:
    drawn, rooms = drawn_rooms(tree), rooms_of(tree)
    for path, text in cpp_files(tree, "src/", "sim/"):
        room = room_of(path, rooms)
        if room is None:
            yield f"{path}: lies in no room"
            continue
        allowed = edges_of(room, drawn)
        if allowed is None or "*" in allowed:
            continue  # a room that is not drawn is another check's finding
        for line, header, quoted in includes_of(text):
            if not quoted or not header.startswith(("tdm/", "sim/", "src/")):
                continue
            other = room_of(header, rooms)
            if other is None:
                yield f"{path}:{line}: {header} lies in no room"
            elif other != room and other not in allowed:
                yield f"{path}:{line}: {room} may not include {other} ({header})"


def cmake_edges(tree: Tree, room: str) -> set[str] | None:
    """The rooms that the target stands on, or nothing when its file names none."""
    folder = "sim" if room == "sim" else f"src/tdm/{room}"
    match = re.search(r"tdm_room\(\s*\w+(?P<rest>[^)]*)\)", tree.get(f"{folder}/CMakeLists.txt", ""))
    if match is None:
        return None
    words = match["rest"].split()
    deps = words[words.index("DEPS") + 1 :] if "DEPS" in words else []
    return set(deps[: deps.index("LIBS")] if "LIBS" in deps else deps)


def check_architecture(tree: Tree) -> Iterator[str]:
    drawn, rooms = drawn_rooms(tree), rooms_of(tree)
    for room in sorted(rooms):
        edges = edges_of(room, drawn)
        if edges is None:
            yield f"ARCHITECTURE.md forgets the room {room}"
            continue
        built = cmake_edges(tree, room)
        if built is not None and "*" not in edges and built != edges:
            yield f"ARCHITECTURE.md: {room} is drawn on {sorted(edges)}, but its target stands on {sorted(built)}"
    for room in drawn:
        alive = (
            any(each.startswith(room[:-1]) and each != room[:-2] for each in rooms)
            if room.endswith("/*")
            else room in rooms
        )
        if not alive:
            yield f"ARCHITECTURE.md draws {room}, which is no room"


def check_private_headers(tree: Tree) -> Iterator[str]:
    """detail/ is for the room it lies in. Fuzz targets and benchmarks look into rooms, nobody else."""
    rooms = rooms_of(tree)
    for path, text in cpp_files(tree, "src/", "sim/", "python/", "tests/support/"):
        for line, header, quoted in includes_of(text):
            if quoted and "/detail/" in header and room_of(header, rooms) != room_of(path, rooms):
                yield f"{path}:{line}: {header} is private to another room"


# Which library is seen where: a header of it elsewhere would be one more thing to compile, and one more place to mend.
LIBRARY_HOMES: dict[str, tuple[str, ...]] = {
    "boost/beast": ("src/tdm/net/", "cmake/"),
    "openssl/": ("src/tdm/net/", "src/tdm/store/duckdb/", "cmake/"),
    "simdjson": ("src/tdm/sources/", "sim/"),
    "yaml-cpp/": ("src/tdm/config/", "sim/"),
    "spdlog/": ("src/tdm/telemetry/",),
    "CLI/": ("src/tdm/cli/", "src/tdm/app/", "sim/"),
    "duckdb.h": ("src/tdm/store/duckdb/",),
    "parquet/": ("src/tdm/store/duckdb/", "src/tdm/cli/", "sim/"),
    "nanobind/": ("python/bindings/",),
    "gtest/": ("tests/", "/tests/"),
    "gmock/": ("tests/", "/tests/"),
}


def check_library_homes(tree: Tree) -> Iterator[str]:
    for path, text in cpp_files(tree, "src/", "sim/", "python/", "tests/"):
        for line, header, quoted in includes_of(text):
            if quoted:
                continue
            pure = path.startswith(("src/tdm/core/", "src/tdm/validate/")) and "/tests/" not in path
            if pure and "/" in header and not header.startswith("fmt/"):
                yield f"{path}:{line}: core and validate see the standard library and fmt, not {header}"
            for prefix, homes in LIBRARY_HOMES.items():
                if header.startswith(prefix) and not any(
                    home in path if home.startswith("/") else path.startswith(home) for home in homes
                ):
                    yield f"{path}:{line}: {header} has its home in {' '.join(homes)}"


# ---- calls


@dataclass(frozen=True)
class Ban:
    pattern: str
    why: str
    allowed_in: tuple[str, ...] = ()  # path prefixes
    tests_too: bool = True


BANS = (
    Ban(r"\bsystem_clock::now\b", "time comes from a Clock", ("src/tdm/core/clock.cpp",)),
    Ban(
        r"\b(gettimeofday|clock_gettime|localtime|gmtime)\s*\(|\btime\s*\(\s*(nullptr|NULL|0)\s*\)",
        "time comes from a Clock",
    ),
    Ban(
        r"\bstd::cout\b|(?<![\w:])(std::)?(printf|puts|putchar)\s*\(",
        "only commands write to stdout",
        ("src/tdm/cli/", "src/tdm/app/main.cpp", "sim/main.cpp"),
        tests_too=False,
    ),
    Ban(
        r"\bthis_thread::sleep_(for|until)\b|\b(usleep|nanosleep)\s*\(|(?<![\w.:])sleep\s*\(\s*\d",
        "a wait has a deadline and hears of a stop",
        ("src/tdm/net/detail/quota_memory.cpp",),  # pauses of milliseconds between attempts that are counted
        tests_too=False,
    ),
    Ban(r"\busing\s+namespace\s+std\s*;", "names of the library are spelled out"),
    Ban(r"(?<![\w:])(std::)?s?rand\s*\(", "randomness comes from <random> with a seed that can be told"),
    Ban(r"\b(sprintf|strcpy|strcat|strtok|gets|atoi|atol|atof)\s*\(", "it knows no bounds or no errors"),
    Ban(r"(?<!= )\bdelete\b", "memory is owned by an object"),
    Ban(r"\b(malloc|calloc|realloc)\s*\(", "memory is owned by an object", ("python/bindings/",)),
    Ban(r"\bstd::(auto_ptr|bind)\b", "there is something better"),
    Ban(r"\bcatch\s*\(\s*\.\.\.\s*\)\s*\{\s*\}", "a failure is never silent"),
    Ban(
        r"\bstd::(exit|quick_exit|_Exit)\s*\(",
        "only a main ends the program",
        ("src/tdm/app/main.cpp", "sim/main.cpp", "bench/"),
    ),
)

# A raw new is owned at once, stands in memory that exists, or lives as long as the process.
OWNED_NEW = re.compile(r"(unique_ptr|shared_ptr)[^;]*\bnew\b|\bnew\s*\(&|=\s*\*new\b")


def is_test(path: str) -> bool:
    return path.startswith(("tests/", "bench/")) or "/tests/" in path


def line_of(code: str, position: int) -> int:
    return code.count("\n", 0, position) + 1


def check_banned_calls(tree: Tree) -> Iterator[str]:
    for path, text in cpp_files(tree, "src/", "sim/", "python/", "tests/support/", "bench/"):
        code = code_of(text)
        for ban in BANS:
            if path.startswith(ban.allowed_in) or (is_test(path) and not ban.tests_too):
                continue
            for match in re.finditer(ban.pattern, code, re.MULTILINE):
                yield f"{path}:{line_of(code, match.start())}: {match.group().strip()}: {ban.why}"
        for match in re.finditer(r"\bnew\b", code):
            begin = max(code.rfind(mark, 0, match.start()) for mark in ";}")
            statement = code[begin + 1 : code.find(";", match.start())]
            if not statement.lstrip().startswith("#") and not OWNED_NEW.search(statement):
                yield f"{path}:{line_of(code, match.start())}: new: memory is owned by an object"


# ---- files


def check_pragma_once(tree: Tree) -> Iterator[str]:
    for path, text in tree.items():
        if path.endswith(".hpp") and not re.search(r"^#pragma once$", text, re.MULTILINE):
            yield f"{path}: has no #pragma once"


def check_dead_files(tree: Tree) -> Iterator[str]:
    """A header somebody includes, a script or module somebody names, a corpus that has a target."""
    included = {header for path, text in tree.items() if path.endswith(CPP) for _, header, _ in includes_of(text)}
    for path in tree:
        name = PurePosixPath(path).name
        if path.endswith(".hpp"):
            spelled = {path, path.removeprefix("src/"), path.removeprefix("tests/")}
            if not spelled & included and not path.startswith("cmake/pch/"):
                yield f"{path}: nobody includes it"
        elif path.endswith((".py", ".sh")) and not name.startswith(("test_", "conftest", "__init__", "__main__")):
            stem = PurePosixPath(path).stem
            word = re.compile(rf"\b{re.escape(stem)}\b")
            if not any(word.search(text) for each, text in tree.items() if each != path):
                yield f"{path}: nobody names it"
    targets = {match[1] for path in tree if (match := re.fullmatch(r"tests/fuzz/(\w+)_fuzz\.cpp", path))}
    corpora = {match[1] for path in tree if (match := re.fullmatch(r"tests/fuzz/corpus/([^/]+)/.+", path))}
    for name in sorted(corpora - targets):
        yield f"tests/fuzz/corpus/{name}: there is no fuzz target {name}"
    for name in sorted(targets - corpora):
        yield f"tests/fuzz/{name}_fuzz.cpp: has no corpus"


SOURCES = (
    ".cpp",
    ".hpp",
    ".py",
    ".pyi",
    ".sh",
    ".cmake",
    ".txt",
    ".in",
    ".md",
    ".yaml",
    ".yml",
    ".toml",
    ".ini",
    ".json",
)
SELF = "tests/tidy/"


def is_source(path: str) -> bool:
    return not path.startswith(SELF) and (path.endswith(SOURCES) or path in ("dev", ".ci/run"))


def check_leftovers(tree: Tree) -> Iterator[str]:
    """Unfinished work is finished, or it is not in the tree."""
    word = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\b(not implemented|unimplemented)\b", re.IGNORECASE)
    for path, text in tree.items():
        if not is_source(path):
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if match := word.search(line):
                yield f"{path}:{number}: {match.group()}"


def check_readmes(tree: Tree) -> Iterator[str]:
    for room in sorted(rooms_of(tree)):
        folder = "sim" if room == "sim" else f"src/tdm/{room}"
        text = tree.get(f"{folder}/README.md")
        if text is None:
            yield f"{folder}: has no README.md"
        elif len(text.split()) < 30:
            yield f"{folder}/README.md: says next to nothing"


FOREIGN = re.compile(
    r"(^|[^\w.$}/])/(work|home|root|farm|Users)/[a-z]"  # a path of somebody's machine
    r"|https?://[^\s\"')]*\b(registry|mirror|proxy|packages)[.-]"  # a host to install from
    r"|https?://[^\s\"')]*\b(pypi\.org|npmjs\.org|deb\.debian\.org)"
    r'|"resolved": *"https?:',
    re.IGNORECASE,
)


def check_foreign_names(tree: Tree) -> Iterator[str]:
    for path, text in tree.items():
        if path.startswith(SELF):
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if match := FOREIGN.search(line):
                yield f"{path}:{number}: {match.group().strip()} means nothing elsewhere"


# ---- the checks and their canaries


@dataclass(frozen=True)
class Check:
    run: Callable[[Tree], Iterator[str]]
    # Bad trees, each with a word that the complaint must hold, and the same thing done right.
    canaries: tuple[tuple[Tree, str], ...]
    good: Tree = field(default_factory=dict)


MAP = """
| `core` | the standard library | nouns |
| `net` | `core` | wires |
| `sources/*` | `core` `net` | exchanges |
"""
HOUSE = {
    "ARCHITECTURE.md": MAP,
    "src/tdm/core/CMakeLists.txt": "tdm_room(core)",
    "src/tdm/net/CMakeLists.txt": "tdm_room(net DEPS core LIBS tdm::zlib)",
    "src/tdm/sources/bybit/CMakeLists.txt": "tdm_room(sources_bybit DEPS core net)",
}
LONG_README = "word " * 40


def cpp(code: str, path: str = "src/tdm/net/a.cpp") -> Tree:
    return HOUSE | {path: code}


CHECKS = {
    "room rule": Check(
        check_room_rule,
        (
            (cpp('#include "tdm/net/b.hpp"', "src/tdm/core/a.cpp"), "core may not include net"),
            (cpp('#include "tdm/sources/bybit/b.hpp"'), "net may not include sources/bybit"),
            (cpp('#include "tdm/nowhere/b.hpp"'), "lies in no room"),
            (cpp("int a;", "src/tdm/stray/a.cpp"), "lies in no room"),
        ),
        cpp('#include "tdm/net/b.hpp"\n#include "tdm/core/c.hpp"', "src/tdm/sources/bybit/a.cpp"),
    ),
    "architecture": Check(
        check_architecture,
        (
            (HOUSE | {"src/tdm/query/CMakeLists.txt": "tdm_room(query DEPS core)"}, "forgets the room query"),
            (HOUSE | {"ARCHITECTURE.md": MAP + "| `cache` | `core` | gone |\n"}, "draws cache"),
            (HOUSE | {"src/tdm/net/CMakeLists.txt": "tdm_room(net DEPS core store)"}, "is drawn on"),
        ),
        HOUSE,
    ),
    "private headers": Check(
        check_private_headers,
        ((cpp('#include "tdm/core/detail/words.hpp"'), "private"),),
        cpp('#include "tdm/net/detail/text.hpp"'),
    ),
    "library homes": Check(
        check_library_homes,
        (
            (cpp("#include <boost/beast/http.hpp>", "src/tdm/serve/a.cpp"), "has its home"),
            (cpp("#include <simdjson.h>", "src/tdm/core/a.cpp"), "has its home"),
            (cpp("#include <nlohmann/json.hpp>", "src/tdm/core/a.cpp"), "the standard library"),
            (cpp("#include <gtest/gtest.h>", "src/tdm/core/a.cpp"), "has its home"),
        ),
        cpp("#include <fmt/format.h>\n#include <vector>", "src/tdm/core/a.cpp"),
    ),
    "banned calls": Check(
        check_banned_calls,
        (
            (cpp("auto t = std::chrono::system_clock::now();"), "Clock"),
            (cpp("gettimeofday(&t, nullptr);"), "Clock"),
            (cpp("auto t = time(nullptr);"), "Clock"),
            (cpp("std::cout << 1;"), "stdout"),
            (cpp('printf("x");'), "stdout"),
            (cpp("std::this_thread::sleep_for(1s);"), "deadline"),
            (cpp("using namespace std;"), "spelled out"),
            (cpp("int a = rand();"), "seed"),
            (cpp("sprintf(a, b);"), "bounds"),
            (cpp("int* a = new int[4];"), "owned"),
            (cpp("delete a;\n"), "owned"),
            (cpp("delete[] a;\n"), "owned"),
            (cpp("void* a = malloc(4);"), "owned"),
            (cpp("try { f(); } catch (...) {}"), "silent"),
            (cpp("std::exit(1);"), "main"),
        ),
        cpp(
            'A(const A&) = delete;\nint random_ = brand(3);\n// std::cout, new and delete\nauto text = "printf(new)";\n'
            "std::unique_ptr<A> a{new A};\nstd::fprintf(stderr, x);\nsnprintf(a, 3, b);\nauto n = 1'000'000;\n"
        ),
    ),
    "pragma once": Check(
        check_pragma_once, (({"src/tdm/core/a.hpp": "int a;"}, "pragma"),), {"src/tdm/core/a.hpp": "#pragma once\n"}
    ),
    "dead files": Check(
        check_dead_files,
        (
            ({"src/tdm/core/a.hpp": "", "src/tdm/core/b.cpp": ""}, "nobody includes"),
            ({"tools/dev/forgotten.sh": "", "dev": "tools/dev/known.sh"}, "nobody names"),
            ({"tests/fuzz/corpus/gone/a": ""}, "no fuzz target"),
            ({"tests/fuzz/a_fuzz.cpp": ""}, "no corpus"),
        ),
        {
            "src/tdm/core/a.hpp": "",
            "src/tdm/core/b.cpp": '#include "tdm/core/a.hpp"',
            "tools/dev/known.sh": "",
            "dev": "exec tools/dev/known.sh",
        },
    ),
    "leftovers": Check(
        check_leftovers,
        (
            ({"src/tdm/core/a.cpp": "// FIXME later"}, "FIXME"),
            ({"python/a.py": "# todo: think"}, "todo"),
            ({"dev": 'fail "not implemented"'}, "not implemented"),
        ),
        {"docs/a.md": "Everything that is there works."},
    ),
    "readmes": Check(
        check_readmes,
        ((HOUSE, "has no README"), (HOUSE | {"src/tdm/core/README.md": "# core"}, "next to nothing")),
        {"src/tdm/core/CMakeLists.txt": "", "src/tdm/core/README.md": LONG_README},
    ),
    "foreign names": Check(
        check_foreign_names,
        (
            ({"docs/a.md": "see /home/ann/notes"}, "/home/a"),
            ({"docs/a.md": "cd /work/main"}, "/work/m"),
            ({"pip.conf": "index-url = https://packages.example.com/simple"}, "packages"),
            ({"a.lock": '"resolved": "https://x/y.tgz"'}, "resolved"),
        ),
        {"docs/a.md": "GET /api/v1/ohlcv, tests/work/a, https://api.bybit.com, $HOME/work"},
    ),
}


@pytest.fixture(scope="module")
def tree() -> Tree:
    return read_tree()


@pytest.mark.parametrize("name", CHECKS)
def test_the_tree_keeps(name: str, tree: Tree) -> None:
    found = list(CHECKS[name].run(tree))
    assert not found, "\n" + "\n".join(found)


CANARIES = [(name, number) for name, check in CHECKS.items() for number in range(len(check.canaries))]


@pytest.mark.parametrize(("name", "number"), CANARIES)
def test_a_canary_is_refused(name: str, number: int) -> None:
    bad, word = CHECKS[name].canaries[number]
    found = list(CHECKS[name].run(bad))
    assert any(word in sentence for sentence in found), found


@pytest.mark.parametrize("name", CHECKS)
def test_what_is_right_passes(name: str) -> None:
    assert list(CHECKS[name].run(CHECKS[name].good)) == []


def test_the_tree_was_read(tree: Tree) -> None:
    """An empty tree keeps every rule."""
    assert len(tree) > 100
    assert {"dev", "ARCHITECTURE.md", "src/tdm/core/time.hpp", "tests/tidy/test_source_tree.py"} <= tree.keys()
    assert {"core", "query", "store/duckdb", "sources/bybit", "sim"} <= rooms_of(tree)
