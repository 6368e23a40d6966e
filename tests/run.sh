#!/usr/bin/env bash
# Builds everything and runs every test, from a clean clone on a bare Debian 12 too: installs what is missing (root or
# sudo). Its last lines are ctest's. Under 20 minutes on two cores, which it holds itself to.
#
#   tests/run.sh [options]
#     --preset NAME      cpu (default), asan, tsan or coverage: see CMakePresets.json
#     --only PATTERN     the tests whose names match (ctest -R)
#     --no-install       take the packages as they are
#     --jobs N           processes of the build and tests at a time (default: the cores)
#     --minutes N        the time budget (default 20); beyond it the run ends and fails
#
# Also by environment: CMAKE_ARGS, further arguments of the configuration.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=cpu
only=
install=yes
jobs=$(nproc)
minutes=20
usage() { sed -n '2,/^set -euo/{/^#/s/^# \{0,1\}//p}' "$0"; }
fail() {
  echo "run.sh: error: $*" >&2
  exit 2
}
while [ $# -gt 0 ]; do
  case $1 in
    --preset | --only | --jobs | --minutes)
      [ $# -ge 2 ] || fail "\`$1\` needs a value"
      printf -v "${1#--}" '%s' "$2"
      shift 2
      ;;
    --no-install)
      install=no
      shift
      ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) fail "unknown option \`$1\`; \`--help\` lists them" ;;
  esac
done

deadline=$((SECONDS + minutes * 60))
# within COMMAND...: in what is left of the budget.
within() {
  local left=$((deadline - SECONDS)) status=0
  [ "$left" -gt 0 ] || fail "the budget of $minutes minutes is used up"
  timeout --foreground "$left" "$@" || status=$?
  [ "$status" -ne 124 ] || echo "run.sh: error: not done within $minutes minutes" >&2
  return "$status"
}

[ "$install" = no ] || within scripts/install_packages.sh build tests
build=build/$preset
# shellcheck disable=SC2086
within cmake --preset "$preset" -B "$build" -DPPRUN_TESTS=ON ${CMAKE_ARGS:-}
within cmake --build "$build" --parallel "$jobs"
within ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel "$jobs" ${only:+-R "$only"}
