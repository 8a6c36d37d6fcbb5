"""Makes the wheel of trading_data_market from the built extension, or installs it into this environment.

    build_wheel.py [--output DIR]     the wheel, into dist/
    build_wheel.py --install          the same files into the environment that runs this script

The shared libraries that the extension needs and that a bare system lacks travel along, each under a name of its own:
the loader knows a library by its name, so another libarrow in the same process can neither replace ours nor be replaced
by it. It is also a PEP 517 build backend, so that ``pip wheel`` works.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "python"
PACKAGE = "trading_data_market"
LIBRARIES = f"{PACKAGE}.libs"  # beside the package, as other wheels do it
BUILT = ROOT / "build/release/python"
CACHE = ROOT / "build/wheel"

# What every Linux with a loader has, in at least the version that the tag of the wheel promises.
SYSTEM = re.compile(r"^(ld-linux.*|lib(c|m|dl|rt|pthread|util|resolv|gcc_s|stdc\+\+|z))\.so\.\d+$")
EPOCH = (2020, 1, 1, 0, 0, 0)  # of every file in the wheel, so that the same inputs give the same bytes


class BuildError(Exception):
    """Something that is needed is not there."""


# ---- shared libraries


@dataclass(frozen=True)
class Library:
    """A library that travels along: the file it is, the name it had, and the name it gets."""

    source: Path
    soname: str
    name: str


def run(*command: str | Path) -> str:
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def patchelf(*arguments: str | Path) -> str:
    beside = Path(sys.executable).parent / "patchelf"
    tool = str(beside) if beside.exists() else shutil.which("patchelf")
    if tool is None:
        raise BuildError("patchelf is missing: run ./dev setup")
    return run(tool, *arguments)


def needed_libraries(extension: Path) -> list[Library]:
    """What the loader brings for ``extension``, through all levels, but for what the system has."""
    found = []
    for line in run("ldd", extension).splitlines():
        match = re.match(r"\s*(\S+) => (\S+)", line)
        if match is None or SYSTEM.match(match[1]):
            continue
        if match[2] == "not":
            raise BuildError(f"{match[1]}, which {extension.name} needs, is not found")
        found.append(named(Path(match[2]).resolve(), match[1]))
    return sorted(found, key=lambda library: library.soname)


def named(source: Path, soname: str) -> Library:
    """``source`` under a name that says which file it is."""
    with source.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()[:8]
    stem, dot, rest = soname.partition(".so")
    return Library(source, soname, f"{stem}-{digest}{dot}{rest}")


def rename_needs(file: Path, libraries: Sequence[Library]) -> list[str]:
    needed = patchelf("--print-needed", file).split()
    renames = {library.soname: library.name for library in libraries}
    return [word for name in needed if name in renames for word in ("--replace-needed", name, renames[name])]


def make_private(file: Path) -> None:
    """Turns GNU_UNIQUE symbols into weak ones.

    The loader binds a unique symbol once in a process, whoever loaded it: the one way in which two libraries of
    different versions would still share their variables.
    """
    from elftools.elf.elffile import ELFFile

    stb_gnu_unique, stb_weak = 10, 2
    with file.open("r+b") as stream:
        table = ELFFile(stream).get_section_by_name(".dynsym")
        if table is None:
            return
        begin, size, entry = table["sh_offset"], table["sh_size"], table["sh_entsize"]
        stream.seek(begin)
        symbols = bytearray(stream.read(size))
        info = 4  # offset of st_info in an entry of a 64-bit table
        for at in range(info, size, entry):
            if symbols[at] >> 4 == stb_gnu_unique:
                symbols[at] = stb_weak << 4 | symbols[at] & 0xF
        stream.seek(begin)
        stream.write(symbols)


def prepared(libraries: Sequence[Library]) -> Iterator[Path]:
    """The libraries under their new names. Patching takes seconds, so it is done once for the same set."""
    recipe = hashlib.sha256(Path(__file__).read_bytes() + repr(sorted(map(str, libraries))).encode()).hexdigest()[:16]
    folder = CACHE / f"libraries-{recipe}"
    if not folder.exists():
        for old in CACHE.glob("libraries-*"):
            shutil.rmtree(old)
        scratch = CACHE / f"scratch-{os.getpid()}"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        for library in libraries:
            file = scratch / library.name
            shutil.copyfile(library.source, file)
            file.chmod(0o755)
            needs = rename_needs(file, libraries)
            patchelf("--set-soname", library.name, "--force-rpath", "--set-rpath", "$ORIGIN", *needs, file)
            make_private(file)
        scratch.rename(folder)
    for library in libraries:
        yield folder / library.name


def private_extension(extension: Path, libraries: Sequence[Library]) -> Path:
    file = CACHE / extension.name
    file.unlink(missing_ok=True)  # an installed copy may be the same file, and in use
    shutil.copyfile(extension, file)
    file.chmod(0o755)
    run("strip", "--strip-unneeded", file)
    needs = rename_needs(file, libraries)
    patchelf("--force-rpath", "--set-rpath", f"$ORIGIN/../{LIBRARIES}", *needs, file)
    make_private(file)
    return file


# ---- what lies in the wheel


def find_extension() -> Path:
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    extension = BUILT / f"_engine{suffix}"
    if not extension.exists():
        raise BuildError(f"{extension.relative_to(ROOT)} is missing: run ./dev build")
    return extension


def project() -> dict[str, Any]:
    fields: dict[str, Any] = tomllib.loads((PYTHON / "pyproject.toml").read_text())["project"]
    return fields


def glibc_tag(files: Sequence[Path]) -> str:
    """The manylinux tag of the newest glibc that any of the files asks for."""
    from elftools.elf.elffile import ELFFile
    from elftools.elf.gnuversions import GNUVerNeedSection

    newest = (2, 17)
    for file in files:
        with file.open("rb") as stream:
            for section in ELFFile(stream).iter_sections():
                if not isinstance(section, GNUVerNeedSection):
                    continue
                for _, versions in section.iter_versions():
                    for version in versions:
                        match = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(\.\d+)?", version.name)
                        if match:
                            newest = max(newest, (int(match[1]), int(match[2])))
    # libstdc++ is not bundled, and that of g++ 12 is what manylinux_2_35 promises.
    newest = max(newest, (2, 35))
    return f"manylinux_{newest[0]}_{newest[1]}_{platform.machine()}"


def wheel_tag(platform_tag: str) -> str:
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return f"{python}-{python}-{platform_tag}"


def metadata(fields: dict[str, Any]) -> str:
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {fields['name']}",
        f"Version: {fields['version']}",
        f"Summary: {fields['description']}",
        f"Keywords: {','.join(fields['keywords'])}",
        f"License-Expression: {fields['license']}",
        "License-File: LICENSE",
        *(f"Classifier: {classifier}" for classifier in fields["classifiers"]),
        f"Requires-Python: {fields['requires-python']}",
    ]
    for extra, requirements in fields["optional-dependencies"].items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {requirement} ; extra == '{extra}'" for requirement in requirements]
    lines += ["Description-Content-Type: text/markdown", "", (PYTHON / fields["readme"]).read_text()]
    return "\n".join(lines)


def dist_info() -> str:
    fields = project()
    return f"{fields['name'].replace('-', '_')}-{fields['version']}.dist-info"


def collect() -> tuple[str, dict[str, Path | str]]:
    """The tag of the wheel, and its files: path in the wheel to a file, or to a text."""
    extension = find_extension()
    CACHE.mkdir(parents=True, exist_ok=True)
    libraries = needed_libraries(extension)
    files: dict[str, Path | str] = {}
    for source in sorted((PYTHON / PACKAGE).iterdir()):
        if source.suffix in (".py", ".pyi", ".typed"):
            files[f"{PACKAGE}/{source.name}"] = source
    binaries = [private_extension(extension, libraries), *prepared(libraries)]
    files[f"{PACKAGE}/{binaries[0].name}"] = binaries[0]
    files |= {f"{LIBRARIES}/{library.name}": library for library in binaries[1:]}
    tag = wheel_tag(glibc_tag(binaries))
    info = dist_info()
    files[f"{info}/METADATA"] = metadata(project())
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: build_wheel\nRoot-Is-Purelib: false\nTag: {tag}\n"
    files[f"{info}/licenses/LICENSE"] = ROOT / "LICENSE"
    return tag, files


def content(source: Path | str) -> bytes:
    return source.read_bytes() if isinstance(source, Path) else source.encode()


def record_line(path: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}\n"


def make_wheel(folder: Path, level: int = 6) -> Path:
    tag, files = collect()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{dist_info().removesuffix('.dist-info')}-{tag}.whl"
    unfinished = wheel.with_suffix(".part")
    record = ""
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:

        def add(path: str, data: bytes) -> None:
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.external_attr = (0o755 if ".so" in Path(path).name else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data, compresslevel=level)

        for path, source in files.items():
            data = content(source)
            record += record_line(path, data)
            add(path, data)
        own = f"{dist_info()}/RECORD"
        add(own, f"{record}{own},,\n".encode())
    unfinished.rename(wheel)
    return wheel


# ---- installing without the detour of a zip


def uninstall(site: Path) -> None:
    for path in (PACKAGE, LIBRARIES, dist_info()):
        shutil.rmtree(site / path, ignore_errors=True)
    for old in site.glob(f"{PACKAGE}-*.dist-info"):
        shutil.rmtree(old)


def place(source: Path | str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(source, Path) and source.is_relative_to(CACHE):
        try:
            os.link(source, target)  # the libraries are large and never change under their names
            return
        except OSError:
            pass  # another file system
    target.write_bytes(content(source))
    if ".so" in target.name:
        target.chmod(0o755)


def install() -> Path:
    _, files = collect()
    site = Path(sysconfig.get_path("platlib"))
    if not os.access(site, os.W_OK):
        raise BuildError(f"{site} cannot be written")
    uninstall(site)
    for path, source in files.items():
        place(source, site / path)
    info = site / dist_info()
    (info / "INSTALLER").write_text("build_wheel\n")
    (info / "direct_url.json").write_text(json.dumps({"url": PYTHON.as_uri(), "dir_info": {}}))
    names = [*files, f"{info.name}/INSTALLER", f"{info.name}/direct_url.json", f"{info.name}/RECORD"]
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in names))
    return site / PACKAGE


# ---- PEP 517


def get_requires_for_build_wheel(config_settings: object = None) -> list[str]:  # noqa: ARG001 (the hook's signature)
    return []


def build_wheel(
    wheel_directory: str,
    config_settings: object = None,  # noqa: ARG001 (the hook's signature)
    metadata_directory: str | None = None,  # noqa: ARG001 (the hook's signature)
) -> str:
    return make_wheel(Path(wheel_directory)).name


def build_sdist(sdist_directory: str, config_settings: object = None) -> str:  # noqa: ARG001 (the hook's signature)
    raise BuildError(
        "there is no source distribution: the engine is built with ./dev build, the wheel with ./dev wheel"
    )


# ---- command line


def check(wheel: Path) -> None:
    """Lets auditwheel, which knows the rules of the tags, judge the wheel."""
    tool = Path(sys.executable).parent / "auditwheel"
    if tool.exists():
        judge(wheel.name, run(tool, "show", wheel))


def judge(name: str, verdict: str) -> None:
    """Refuses a wheel whose name promises to run on older systems than auditwheel's verdict allows."""
    allowed = re.search(r'platform tag:\s+"manylinux_(\d+)_(\d+)_', verdict)
    claimed = re.search(r"manylinux_(\d+)_(\d+)_", name)
    if allowed is None or claimed is None or tuple(map(int, claimed.groups())) < tuple(map(int, allowed.groups())):
        raise BuildError(f"auditwheel does not agree with the tag of {name}:\n{verdict}")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Makes the wheel of trading_data_market, or installs it.")
    parser.add_argument("--install", action="store_true", help="into the environment that runs this script; no wheel")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder of the wheel (dist)")
    options = parser.parse_args(arguments)
    try:
        if options.install:
            print(f"installed {install()}")
        else:
            wheel = make_wheel(options.output)
            check(wheel)
            print(wheel)
    except BuildError as error:
        print(f"build_wheel: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"build_wheel: {error}\n{error.stderr}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
