#!/usr/bin/env bash
# Times on this machine's GPU: every kernel against the bandwidth of a copy, a step's calls alone against the step and a block, and
# pprun against PyTorch: GPT-2 124M and 774M in bf16, one rank, by tokens a second; graphs on and off; four pipeline ranks against
# one. Needs what tests/gpu/run.sh needs, and a python3 with PyTorch for the comparison.
#
#   tests/gpu/bench.sh --plans FOLDER [options]
#     --plans FOLDER     what `tests/gpu/make_plans.sh --bench` compiled elsewhere
#     --parts LIST       of kernels,steps,compare (default: all three)
#     --architecture N   compute capability without its dot (default: the first GPU's)
#     --jobs N           processes of the build at a time (default: the cores)
#     --out FOLDER       where bench-PARTS.log and the comparison's bench.jsonl go, as they come (default: build/gpu/out)
#     --seconds N        when to be done; what has no time left is not run (default: 570)
#     --programs FOLDER  take pprun and the bench programs from there, and build nothing
#   all other options are bench.py's: --shapes 124M,774M  --modes default,max-autotune  --steps N  --rounds N
#
# A part that fails, crashes or hangs does not stop the others. Fails if one does, or was not run.
set -uo pipefail
called_from=${PPRUN_GPU_CALLED_FROM-$PWD}
cd "$(dirname "$0")/../.." || exit
source tests/gpu/parts.sh

arguments=("$@")
plans=
parts=kernels,steps,compare
architecture=
jobs=$(nproc)
out=build/gpu/out
seconds=570
programs=
options=()
while [ $# -gt 0 ]; do
  case $1 in
    --plans | --parts | --architecture | --jobs | --out | --seconds | --programs)
      take_value "${1#--}" "${@:2:1}"
      shift 2
      ;;
    --help | -h)
      usage
      exit 0
      ;;
    *)
      options+=("$1")
      shift
      ;;
  esac
done
[ -n "$plans" ] || die "give \`--plans FOLDER\`; \`--help\` says more"
log_to "$out/bench-${parts//,/-}.log" ${arguments[@]+"${arguments[@]}"}
budget=$seconds
find_gpu

wants() { [[ ,$parts, == *,$1,* ]]; }
kernels_bench=${programs:-build/gpu/tests/gpu}/gpu_kernels_bench
step_bench=${programs:-build/gpu/tests/gpu}/gpu_step_bench
pprun=${programs:-build/gpu/runtime}/pprun
targets=()
! wants kernels || targets+=(gpu_kernels_bench)
! wants steps || targets+=(gpu_step_bench)
! wants compare || targets+=(pprun)
[ "${#targets[@]}" -gt 0 ] || die "\`--parts $parts\` has none of kernels, steps, compare"
[ -n "$programs" ] || part build 300 tests/gpu/build.sh "$architecture" "$jobs" "${targets[@]}"

! wants kernels || part kernels 120 "$kernels_bench"
if wants steps; then
  for plan in 124M.b32 774M.b8; do
    [ ! -e "$plans/gpt2_$plan.plan" ] || part "step of $plan" 120 "$step_bench" "$plans/gpt2_$plan.plan"
  done
fi
if wants compare; then
  # What one command of torch.compile has compiled, the next one finds, and the next run on this machine.
  export TORCHINDUCTOR_CACHE_DIR=${TORCHINDUCTOR_CACHE_DIR:-$PWD/build/gpu/inductor} PYTHONUNBUFFERED=1
  part compare 100000 python3 tests/gpu/bench.py --pprun "$pprun" --plans "$plans" --out "$out/bench.jsonl" \
    --seconds $(($(left) - 10)) ${options[@]+"${options[@]}"}
fi
finish
