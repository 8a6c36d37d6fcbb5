#!/usr/bin/env bash
# Every test the tree has: set up, build, run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
./dev build
ctest --preset release
