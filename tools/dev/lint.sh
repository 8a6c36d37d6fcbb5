#!/usr/bin/env bash
# Judges the source: clang-format, clang-tidy, ruff, mypy, shellcheck, yamllint. Every lint runs, then the worst counts.
# Usage: tools/dev/lint.sh [--fix] [--changed]
#   --fix      the formatters, and ruff and clang-tidy where they can, rewrite what they disagree with
#   --changed  only files that differ from the main branch, or from the last commit when this is it
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

tools=$PWD/.venv/bin
fix='' changed=''
for option in "$@"; do
  case $option in
    --fix) fix=1 ;;
    --changed) changed=1 ;;
    *) printf 'lint: unknown option %s; there are --fix and --changed\n' "$option" >&2; exit 2 ;;
  esac
done

# --- which files -----------------------------------------------------------------------------------------------------

base() { git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD; }

candidates() {
  if [[ -n $changed ]]; then
    git diff --name-only --diff-filter=d -z "$(base)"
    git ls-files --others --exclude-standard -z
  else
    git ls-files --cached --others --exclude-standard -z
  fi
}

all=()
while IFS= read -r -d '' file; do [[ -f $file && ! -L $file ]] && all+=("$file"); done < <(candidates | sort -zu)

matching() { # REGEX: the files whose path matches, by line
  local file
  for file in "${all[@]}"; do [[ $file =~ $1 ]] && printf '%s\n' "$file"; done
}

shell_scripts() {
  local file first
  for file in "${all[@]}"; do
    first=$(head -c 64 "$file" 2>/dev/null | head -n 1 | tr -d '\0')
    [[ $first =~ ^#!.*(bash|/sh) ]] && printf '%s\n' "$file"
  done
}

mapfile -t cpp < <(matching '\.(cpp|hpp)$')
mapfile -t python < <(matching '\.pyi?$')
# The corpora of the fuzz targets are bad on purpose.
mapfile -t yaml < <(matching '\.ya?ml$' | grep -v '^tests/fuzz/corpus/')
mapfile -t shell < <(shell_scripts)

# --- running ---------------------------------------------------------------------------------------------------------

failed=()
run() { # NAME COMMAND...
  local name=$1 begin=$SECONDS
  shift
  if "$@" >&2; then
    printf 'lint: %-14s ok      %3d s\n' "$name" $((SECONDS - begin)) >&2
  else
    printf 'lint: %-14s FAILED  %3d s\n' "$name" $((SECONDS - begin)) >&2
    failed+=("$name")
  fi
}

# The folder whose compile_commands.json is read; configuring one takes seconds and compiles nothing.
configured() {
  local preset
  for preset in release dev; do
    [[ -f build/$preset/compile_commands.json ]] || continue
    printf 'build/%s' "$preset"
    return
  done
  cmake --preset dev >/dev/null && printf 'build/dev'
}

clang_tidy() {
  local build only=()
  build=$(configured) || { printf 'lint: cmake could not configure\n' >&2; return 1; }
  [[ -z $changed ]] || only=(--only "${cpp[@]}")
  "$tools/python" tools/dev/clang_tidy.py --build "$build" --tool "$tools/clang-tidy" ${fix:+--fix} "${only[@]}"
}

if [[ ${#cpp[@]} -gt 0 ]]; then
  if [[ -n $fix ]]; then
    run clang-format "$tools/clang-format" -i "${cpp[@]}"
  else
    run clang-format "$tools/clang-format" --dry-run --Werror "${cpp[@]}"
  fi
  run clang-tidy clang_tidy
fi
if [[ ${#python[@]} -gt 0 ]]; then
  run ruff "$tools/ruff" check --quiet ${fix:+--fix} "${python[@]}"
  if [[ -n $fix ]]; then
    run ruff-format "$tools/ruff" format --force-exclude --quiet "${python[@]}"
  else
    run ruff-format "$tools/ruff" format --force-exclude --quiet --check "${python[@]}"
  fi
  run mypy "$tools/mypy" --no-error-summary "${python[@]}"
fi
[[ ${#shell[@]} == 0 ]] || run shellcheck "$tools/shellcheck" --external-sources "${shell[@]}"
[[ ${#yaml[@]} == 0 ]] || run yamllint "$tools/yamllint" --strict "${yaml[@]}"

[[ ${#failed[@]} == 0 ]] || { printf 'lint: failed: %s\n' "${failed[*]}" >&2; exit 1; }
