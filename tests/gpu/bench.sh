#!/usr/bin/env bash
# Times pprun against PyTorch on this machine's GPU: GPT-2 124M and 774M in bf16, one rank, by tokens a second; and graphs on and
# off, and four pipeline ranks against one. Needs what tests/gpu/run.sh needs, and a python3 with PyTorch.
#
#   tests/gpu/bench.sh --plans FOLDER [options]
#     --plans FOLDER     what `tests/gpu/make_plans.sh --bench` compiled elsewhere
#     --architecture N   compute capability without its dot (default: the first GPU's)
#     --jobs N           processes of the build at a time (default: the cores)
#   all other options are bench.py's: --shapes 124M,774M  --modes default,max-autotune  --steps N  --rounds N
set -euo pipefail
cd "$(dirname "$0")/../.."

plans=
architecture=
jobs=$(nproc)
options=()
while [ $# -gt 0 ]; do
  case $1 in
    --plans | --architecture | --jobs)
      [ $# -ge 2 ] || { echo "gpu/bench.sh: error: \`$1\` needs a value" >&2; exit 2; }
      printf -v "${1#--}" '%s' "$2"
      shift 2
      ;;
    --help | -h)
      sed -n '2,/^set -euo/{/^#/s/^# \{0,1\}//p}' "$0"
      exit 0
      ;;
    *)
      options+=("$1")
      shift
      ;;
  esac
done
[ -n "$plans" ] || { echo "gpu/bench.sh: error: give \`--plans FOLDER\`; \`--help\` says more" >&2; exit 2; }
command -v nvidia-smi >/dev/null || { echo "gpu/bench.sh: error: there is no GPU here: nvidia-smi was not found" >&2; exit 2; }
[ -n "$architecture" ] || architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)

nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem --format=csv
tests/gpu/build.sh "$architecture" "$jobs" pprun
python3 tests/gpu/bench.py --pprun build/gpu/runtime/pprun --plans "$plans" "${options[@]}"
