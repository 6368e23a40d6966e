#!/usr/bin/env bash
# Everything that is to hold on a GPU, in one go: builds the tree for this machine's GPU alone, checks every kernel against the
# CPU's, runs the conformance suites, trains plans against the CPU's losses, and checks kernels and a short plan under
# compute-sanitizer where that is installed. Needs CUDA, CMake and a C++ compiler.
#
#   tests/gpu/run.sh [options]
#     --architecture N   compute capability without its dot (default: the first GPU's, else 90)
#     --jobs N           processes of the build at a time (default: the cores)
#     --seed N           of the checks' random data (default: a new one)
#     --plans FOLDER     also train the `.plan` files there, compiled elsewhere (make_plans.sh)
#     --out FOLDER       where run.log goes, written as it comes (default: build/gpu/out)
#     --seconds N        when to be done; what has no time left is not run (default: 470)
#     --programs FOLDER  take the programs from there, and build nothing
#
# A part that fails, crashes or hangs does not stop the others. Fails if one does, if one was not run, or if there is no GPU.
set -uo pipefail
called_from=${PPRUN_GPU_CALLED_FROM-$PWD}
cd "$(dirname "$0")/../.." || exit
source tests/gpu/parts.sh

arguments=("$@")
architecture=
jobs=$(nproc)
plans=
seed=$((RANDOM * 32768 + RANDOM))
out=build/gpu/out
seconds=470
programs=
while [ $# -gt 0 ]; do
  case $1 in
    --architecture | --jobs | --seed | --plans | --out | --seconds | --programs)
      take_value "${1#--}" "${@:2:1}"
      shift 2
      ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) die "unknown option \`$1\`; \`--help\` lists them" ;;
  esac
done
log_to "$out/run.log" ${arguments[@]+"${arguments[@]}"}
budget=$seconds
find_gpu

if [ -z "$programs" ]; then
  programs=build/gpu/tests/gpu
  part build 300 tests/gpu/build.sh "$architecture" "$jobs" kernels_check gpu_conformance_test plans_check
fi

part kernels_check 200 "$programs/kernels_check" --in-children --seed "$seed"
part conformance 60 "$programs/gpu_conformance_test"
short=
if [ -n "$plans" ]; then
  part plans_check 200 "$programs/plans_check" --in-children "$plans"/*.plan
  short=$(printf '%s\n' "$plans"/*.plan | grep -m 1 'zero_bubble_h1.bf16' || printf '%s\n' "$plans"/*.plan | head -n 1)
fi

# sanitize NAME TOOL LIMIT PROGRAM...: all of its output is in a file of its own, the end of it here.
sanitize() {
  local name=$1 tool=$2 limit=$3
  shift 3
  # shellcheck disable=SC2016
  part "$name" "$limit" bash -o pipefail -c '"$@" 2>&1 | tee -a "$0" | tail -n 25' "$out/sanitizer.log" \
    "$sanitizer" --tool "$tool" --error-exitcode 1 "$@"
}

sanitizer=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)
if [ -x "$sanitizer" ]; then
  rm -f "$out/sanitizer.log"
  sanitize 'memcheck of kernels' memcheck 120 "$programs/kernels_check" --small --seed "$seed"
  [ -z "$short" ] || sanitize 'memcheck of a plan' memcheck 90 "$programs/plans_check" --steps 3 "$short"
  sanitize 'racecheck of kernels' racecheck 120 "$programs/kernels_check" --small --seed "$seed"
  sanitize 'synccheck of kernels' synccheck 90 "$programs/kernels_check" --small --seed "$seed"
else
  record compute-sanitizer 'not run: it was not found' 0
fi
finish
