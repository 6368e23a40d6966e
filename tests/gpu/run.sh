#!/usr/bin/env bash
# Everything that needs a GPU, in one go: builds the tree for this machine's GPU alone and checks every kernel against the
# CPU's, times it, and checks a part again under compute-sanitizer where that is installed. Needs CUDA, CMake and a C++ compiler.
#
#   tests/gpu/run.sh [options]
#     --architecture N   compute capability without its dot (default: the first GPU's, else 90)
#     --jobs N           processes of the build at a time (default: the cores)
#     --seed N           of the checks' random data (default: a new one)
#     --plans FOLDER     also train the `.plan` files there, compiled elsewhere, and compare their losses with the CPU's
#
# Fails if a check fails, or if there is no GPU.
set -euo pipefail
cd "$(dirname "$0")/../.."

architecture=
jobs=$(nproc)
plans=
seed=$((RANDOM * 32768 + RANDOM))
fail() {
  echo "gpu/run.sh: error: $*" >&2
  exit 2
}
while [ $# -gt 0 ]; do
  case $1 in
    --architecture | --jobs | --seed | --plans)
      [ $# -ge 2 ] || fail "\`$1\` needs a value"
      printf -v "${1#--}" '%s' "$2"
      shift 2
      ;;
    --help | -h)
      sed -n '2,/^set -euo/{/^#/s/^# \{0,1\}//p}' "$0"
      exit 0
      ;;
    *) fail "unknown option \`$1\`; \`--help\` lists them" ;;
  esac
done

command -v nvidia-smi >/dev/null || fail "there is no GPU here: nvidia-smi was not found"
nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total --format=csv
[ -n "$architecture" ] || architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
[ -n "$architecture" ] || architecture=90

build=build/gpu
tests/gpu/build.sh "$architecture" "$jobs" kernels_check gpu_kernels_bench plans_check

status=0
started=$SECONDS
"$build/tests/gpu/kernels_check" --seed "$seed" || status=1
echo "kernels_check took $((SECONDS - started)) s"

if [ -n "$plans" ]; then
  started=$SECONDS
  "$build/tests/gpu/plans_check" "$plans"/*.plan || status=1
  echo "plans_check took $((SECONDS - started)) s"
fi

"$build/tests/gpu/gpu_kernels_bench" || status=1

sanitizer=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)
if [ -x "$sanitizer" ]; then
  for tool in memcheck racecheck synccheck; do
    "$sanitizer" --tool "$tool" --error-exitcode 1 "$build/tests/gpu/kernels_check" --small --seed "$seed" >"$build/$tool.log" 2>&1 ||
      { status=1; tail -n 40 "$build/$tool.log"; }
    echo "compute-sanitizer $tool: $(grep -E 'ERROR SUMMARY|RACECHECK SUMMARY' "$build/$tool.log" || echo 'no summary')"
  done
else
  echo "compute-sanitizer was not found: not run"
fi
[ "$status" -eq 0 ] && echo "everything holds"
exit "$status"
