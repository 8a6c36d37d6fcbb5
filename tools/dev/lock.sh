#!/usr/bin/env bash
# Computes cmake/deps/python.lock again from python.in: exact versions, with the hashes of every file that the registry
# has of them. Usage: tools/dev/lock.sh [--upgrade]
# Debian's packages need no lock (a release keeps its versions), and npm's few are pinned by hand.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The resolver is a guest: it is not installed where the project's own packages are.
.venv/bin/python -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'pip-tools==7.6.2' >&2
# Begun from the old lock, so that only what python.in asks for moves; --upgrade moves all.
cp cmake/deps/python.in cmake/deps/python.lock "$scratch"
(cd "$scratch" && venv/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file python.lock "$@" python.in >&2)
cp "$scratch/python.lock" cmake/deps/python.lock
git diff --stat -- cmake/deps/python.lock >&2
