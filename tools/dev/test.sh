#!/usr/bin/env bash
# Every test the tree has, stage by stage. A failed stage does not keep the next from running; one failure fails all.
# Usage: tools/dev/test.sh [--quick] [--stage NAME]
#   --quick       without sanitizers and the fuzz targets
#   --stage NAME  that one alone: setup build lint python unit fuzz
# TDM_JOBS: how many compilers run at once. TDM_FUZZ_SECONDS: how long each fuzz target runs (30).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

stage_limit=2400 # seconds: a stage that hangs is a failure, too
jobs=${TDM_JOBS:-$(nproc)}
export TDM_JOBS=$jobs

say() { printf 'test: %s\n' "$*" >&2; }

build_preset() { # PRESET
  cmake --preset "$1" >/dev/null && cmake --build --preset "$1" --parallel "$jobs"
}

stage_setup() { if [[ -n ${TDM_TEST_QUICK:-} ]]; then tools/dev/setup.sh; else tools/dev/setup.sh asan; fi; }

stage_build() { ./dev build; }

# The unit tests are built once: with both sanitizers, of the objects that the fuzz targets are made of, too.
unit_preset() { if [[ -n ${TDM_TEST_QUICK:-} ]]; then echo dev; else echo asan; fi; }

stage_unit() { build_preset "$(unit_preset)" && ctest --preset "$(unit_preset)" --parallel "$jobs"; }

stage_lint() { tools/dev/lint.sh; }

# Many of these tests wait more than they compute, and two are long because they must be: three groups side by side.
python_group() { # NAME PATH...
  local log=build/python-$1.log failed=0
  shift
  .venv/bin/python -m pytest -q --durations=5 "$@" >"$log" 2>&1 || failed=1
  cat "$log"
  return "$failed"
}

stage_python() {
  local long=(tests/e2e/test_many_processes.py tests/e2e/test_kill.py) groups=() failed=0 group ahead=''
  # In a whole run the compilers take meanwhile what the tests leave of the processors; the next stage goes on from there.
  if [[ -n ${TDM_TEST_WHOLE:-} ]] && cmake --preset "$(unit_preset)" >/dev/null; then
    nice -n 19 ninja -C "build/$(unit_preset)" -j "$jobs" >build/ahead.log 2>&1 & ahead=$!
  fi
  python_group long "${long[@]}" & groups+=("$!")
  python_group e2e tests/e2e "${long[@]/#/--ignore=}" & groups+=("$!")
  python_group others python/tests tests/tidy sim/tests & groups+=("$!")
  for group in "${groups[@]}"; do wait "$group" || failed=1; done
  if [[ -n $ahead ]]; then
    kill "$ahead" 2>/dev/null
    wait "$ahead"
  fi
  return "$failed"
}

# One target: what it learned stays in the build folder, and what it found is named.
fuzz_target() { # NAME
  local name=$1 work=build/asan/corpus/$1 found=build/asan/findings/$1/
  mkdir -p "$work" "$found"
  if "build/asan/bin/fuzz_$name" -max_total_time="${TDM_FUZZ_SECONDS:-30}" -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="$found" -print_final_stats=1 "$work" "tests/fuzz/corpus/$name" >"$found/log" 2>&1; then
    say "fuzz $name: $(awk '/stat::number_of_executed_units/ { print $2 }' "$found/log") inputs, no finding"
  else
    tail -n 40 "$found/log" >&2
    say "fuzz $name: FOUND something, see $found"
    return 1
  fi
}

stage_fuzz() {
  build_preset asan || return
  export -f fuzz_target say
  local source
  for source in tests/fuzz/*_fuzz.cpp; do basename "$source" _fuzz.cpp; done |
    xargs -P "$jobs" -I {} bash -c 'fuzz_target {}'
}

# --- the run ---------------------------------------------------------------------------------------------------------

stages=(setup build lint python unit fuzz)
while [[ $# -gt 0 ]]; do
  case $1 in
    --quick) stages=(setup build lint python unit); export TDM_TEST_QUICK=1; shift ;;
    --stage)
      [[ " ${stages[*]} " == *" ${2:-} "* ]] || { say "there is no stage '${2:-}'; there are: ${stages[*]}"; exit 2; }
      "stage_$2"
      exit
      ;;
    *) say "unknown option $1; there are --quick and --stage"; exit 2 ;;
  esac
done

report=() failures=0
export TDM_TEST_WHOLE=1
for stage in "${stages[@]}"; do
  say "--- $stage"
  begin=$SECONDS
  if timeout --foreground --kill-after=30 "$stage_limit" tools/dev/test.sh --stage "$stage" >&2; then verdict=ok; else
    verdict=FAILED
    failures=$((failures + 1))
  fi
  report+=("$(printf '%-8s %-6s %5d s' "$stage" "$verdict" $((SECONDS - begin)))")
  # Nothing can be judged that was not built.
  [[ $verdict == ok || ($stage != setup && $stage != build) ]] || break
done

say "--- summary"
for line in "${report[@]}"; do say "$line"; done
say "$(printf '%-8s %-6s %5d s' all "$([[ $failures == 0 ]] && echo ok || echo FAILED)" "$SECONDS")"
[[ $failures == 0 ]]
