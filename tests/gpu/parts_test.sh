#!/usr/bin/env bash
# run.sh and bench.sh by programs that pretend: one that passes, fails, crashes or hangs does not stop the others, everything printed is
# in the log, and the last table and the status tell all of it. Run from anywhere: tests/gpu/parts_test.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/plans"
touch "$work/plans/a.fp32.plan" "$work/plans/zero_bubble_h1.bf16.plan" "$work/plans/gpt2_124M.b32.plan" "$work/plans/gpt2_124M.b8.plan"

# program NAME: a script, from standard input.
program() {
  { echo '#!/usr/bin/env bash'; cat; } >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}
# A GPU, a sanitizer that runs what it is given, and programs that hold.
reset_programs() {
  program nvidia-smi <<<'case $* in *noheader*) echo 9.0 ;; *) echo "name, a GPU that is none" ;; esac'
  program compute-sanitizer <<<'echo "sanitizer $*"; shift 4; exec "$@"'
  local name
  for name in kernels_check gpu_conformance_test plans_check gpu_kernels_bench gpu_step_bench; do
    program $name <<<"echo \"$name \$*\""
  done
}

failures=0
# expect STATUS PATTERN... -- COMMAND...: the command ends so, and its output and its log have lines that match.
expect() {
  local status=0 wanted=$1 patterns=() pattern
  shift
  while [ "$1" != -- ]; do patterns+=("$1"); shift; done
  shift
  PATH=$work/bin:$PATH timeout 100 "$@" >"$work/output" 2>&1 || status=$?
  [ "$status" -eq "$wanted" ] || { echo "$*: status $status, not $wanted"; failures=$((failures + 1)); cat "$work/output"; }
  for pattern in "${patterns[@]}"; do
    grep -qE -- "$pattern" "$work/output" && { [ ! -e "$log" ] || grep -qE -- "$pattern" "$log"; } && continue
    echo "$*: nothing matches: $pattern"
    failures=$((failures + 1))
    cat "$work/output"
  done
}
log=$work/out/run.log
run=(tests/gpu/run.sh --programs "$work/bin" --plans "$work/plans" --out "$work/out" --seed 7)

reset_programs
expect 0 'kernels_check --in-children --seed 7' 'plans_check --in-children .*a.fp32.plan' 'sanitizer --tool racecheck' \
  'plans_check --steps 3 .*zero_bubble_h1.bf16.plan' 'kernels_check +[0-9]+ s +ok' 'everything holds' -- "${run[@]}"
grep -q 'sanitizer --tool synccheck' "$work/out/sanitizer.log"

program kernels_check <<<'echo "row 1 of the table"; kill -SEGV $$'
program gpu_conformance_test <<<'echo "half of it"; exit 1'
# shellcheck disable=SC2016
program plans_check <<<'[ "$1" = --steps ] && exit 0; echo "a plan holds"; exit 77'
expect 1 'row 1 of the table' 'kernels_check +[0-9]+ s +FAILED: signal 11' 'half of it' 'conformance +[0-9]+ s +FAILED: status 1' \
  'plans_check +[0-9]+ s +FAILED: skipped' 'memcheck of kernels +[0-9]+ s +FAILED' 'memcheck of a plan +[0-9]+ s +ok' -- "${run[@]}"

reset_programs
program kernels_check <<<'echo "begins"; trap "" TERM; while true; do sleep 1; done'
expect 1 '^begins' 'kernels_check +[0-9]+ s +FAILED: ended after' 'synccheck of kernels +0 s +NOT RUN' -- "${run[@]}" --seconds 8
reset_programs
rm "$work/bin/compute-sanitizer"
[ -x /usr/local/cuda/bin/compute-sanitizer ] || expect 0 'compute-sanitizer +0 s +not run: it was not found' -- "${run[@]}"
program nvidia-smi <<<'exit 9'
expect 0 'everything holds' -- "${run[@]}"

# The comparison, by a pprun that writes metrics, out of memory at a batch, and a python3 whose PyTorch fails.
log=$work/out/bench-kernels-steps-compare.log
bench=(tests/gpu/bench.sh --programs "$work/bin" --plans "$work/plans" --out "$work/out" --shapes 124M --rounds 1 --reserve 0)
reset_programs
program pprun <<'P'
case $* in
  *b32*) echo "error: cudaMalloc failed: out of memory" >&2; exit 1 ;;
  *pipeline*) exit 3 ;;
  *off*) rate=90 ;;
  *) rate=100 ;;
esac
while [ $# -gt 0 ]; do
  case $1 in
    --metrics) for i in $(seq 24); do echo "{\"loss\": $i.5, \"tokens_per_second\": $rate}"; done >"$2" ;;
    --profile) echo '{"entries": [{"kind": "clip_factor", "name": "", "seconds": 0.5, "count": 7}]}' >"$2" ;;
  esac
  shift
done
P
python=$(command -v python3)
program python3 <<P
case \$* in
  *bench_torch.py*) echo "no PyTorch at all" >&2; exit 1 ;;
esac
exec $python "\$@"
P
# bench.py calls the interpreter that runs it, so PyTorch is missing there too where it is here.
expect 1 'gpu_kernels_bench' 'step of 124M.b32 +[0-9]+ s +ok' 'batch 32 +out of memory' 'batch 8 +100 tokens/s' \
  'clip_factor +500.000 ms' 'graphs on and off: 100 and 90 tokens/s, ratio 1.111; 24 losses the same bits' \
  'four pipeline ranks and one, 8 microbatches: FAILED with status 3' 'compare +[0-9]+ s +FAILED' -- "${bench[@]}"
grep -q '"batch": 8' "$work/out/bench.jsonl"

# With a PyTorch whose compiler hangs.
mkdir "$work/torch"
cat >"$work/torch/bench_torch.py" <<'P'
import json, sys, time
if "--machine" in sys.argv:
    print(json.dumps({"name": "a GPU that is none", "torch": "0", "size": 1, "flops": 1e12, "bandwidth": 1e12}))
elif "--compile" in sys.argv:
    time.sleep(1000)
else:
    print(json.dumps({"tokens_per_second": 50.0, "first_loss": 2.0, "loss": 1.0, "attention": "none"}))
P
cp tests/gpu/bench.py "$work/torch"
log=/nowhere
program pprun <<<"$(tail -n +2 "$work/bin/pprun" | sed 's/exit 3/rate=95/')"
expect 0 'PyTorch default' 'batch 8 +ended after [0-9]+ s' 'eager +8 +50 .* 2.000 ' 'GPT-2 124M: 2.000 of the faster' -- \
  "$python" "$work/torch/bench.py" --pprun "$work/bin/pprun" --plans "$work/plans" --shapes 124M --rounds 1 --reserve 5 --seconds 18

[ "$failures" -eq 0 ] && echo "no part stops another, and each is told"
exit $((failures > 0))
