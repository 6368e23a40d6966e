#!/usr/bin/env bash
# Builds everything and runs every test, from a clean clone on a bare Debian 12 too: installs what is missing (root or
# sudo). Its last lines are ctest's, unless it fuzzes.
#
#   tests/run.sh [options]
#     --preset NAME      cpu (default), asan, tsan or coverage: see CMakePresets.json
#     --only PATTERN     the tests whose names match (ctest -R)
#     --pictures         install a browser and an SVG renderer too, without which the tests that look at pictures skip
#     --no-install       take the packages as they are
#     --jobs N           processes of the build and tests at a time (default: the cores)
#     --fuzz SECONDS     then run each libFuzzer target for so long, built with clang++-19 (tests/fuzz/README.md); the
#                        tests themselves run the targets for a moment in any case
#     --minutes N        beyond this time the run ends and fails (default 80): against a hang, not a goal. With nothing in a
#                        compiler cache the build took 12 minutes on two cores that several other builds shared, the
#                        tests half a minute
#
# Also by environment: CMAKE_ARGS, further arguments of the configuration.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=cpu
only=
install=yes
groups=(build tests)
jobs=$(nproc)
minutes=80
fuzz=
usage() { sed -n '2,/^set -euo/{/^#/s/^# \{0,1\}//p}' "$0"; }
fail() {
  echo "run.sh: error: $*" >&2
  exit 2
}
while [ $# -gt 0 ]; do
  case $1 in
    --preset | --only | --jobs | --minutes | --fuzz)
      [ $# -ge 2 ] || fail "\`$1\` needs a value"
      printf -v "${1#--}" '%s' "$2"
      shift 2
      ;;
    --pictures)
      groups+=(pictures)
      shift
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

[ "$install" = no ] || within scripts/install_packages.sh "${groups[@]}"
build=build/$preset
# shellcheck disable=SC2086
within cmake --preset "$preset" -B "$build" -DPPRUN_TESTS=ON -DPPRUN_CUDA=AUTO ${CMAKE_ARGS:-}
within cmake --build "$build" --parallel "$jobs"
within ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel "$jobs" ${only:+-R "$only"}

[ -n "$fuzz" ] || exit 0
command -v clang++-19 >/dev/null || fail "\`--fuzz\` needs clang++-19 with libFuzzer (packages clang-19, libclang-rt-19-dev)"
within cmake --preset fuzz
within cmake --build --preset fuzz --parallel "$jobs"
targets=build/fuzz/tests/fuzz
corpus=$targets/corpus
mkdir -p "$corpus"/{parse,compile,plan}
# fuzz TARGET MAX_LEN SEEDS...: from what earlier runs found and from the seeds. What fails is left in $targets.
fuzz() {
  local target=$1 longest=$2
  shift 2
  within "$targets/${target}_fuzz" -max_total_time="$fuzz" -max_len="$longest" -timeout=20 -verbosity=0 \
    -print_final_stats=1 -dict=tests/fuzz/sched.dict -artifact_prefix="$targets/" "$corpus/$target" "$@"
}
fuzz parse 4096 tests/fuzz/found/sched examples schedules tests/golden/{ast,checked,errors,tasks}
fuzz compile 4096 tests/fuzz/found/sched examples schedules tests/golden/{checked,run,tasks}
fuzz plan 65536 tests/fuzz/found/plan "$targets/plans"
