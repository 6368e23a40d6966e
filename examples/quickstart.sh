#!/usr/bin/env bash
# From a clean clone on a bare Debian 12 to a trained model, in under ten minutes on two cores: installs what is missing
# (root or sudo), builds, makes a text, checks and draws the plan, trains examples/quickstart.sched, and compares the
# model with a bigram model of the same text.
#
#   examples/quickstart.sh
#
# Leaves in out/quickstart/: train.txt and held_out.txt, timeline.txt (predicted), measured.txt (beside it), trace.json (measured; opens in
# Perfetto), timeline.html (both; opens in a browser), metrics.jsonl (a line a step) and model.safetensors.
#
# Fails unless the held-out loss ends at least 0.25 nats a byte below the bigram model's, which a model whose attention
# is broken cannot reach.
set -euo pipefail
cd "$(dirname "$0")/.."

margin=0.25
build=build/cpu
out=out/quickstart
cores=$(nproc)

say() { printf '\n== %s\n' "$*"; }
# show COMMAND...: as a reader would type it, then run.
show() {
  printf '$ %s\n' "$*"
  "$@"
}
trap 'echo "quickstart.sh: failed" >&2' ERR

say "packages"
scripts/install_packages.sh build quickstart

say "build"
mkdir -p build
cmake --preset cpu -B "$build" -DPPRUN_TESTS=OFF -DPPRUN_CUDA=OFF >"$build.log" 2>&1 || { cat "$build.log" >&2; exit 1; }
cmake --build "$build" --parallel "$cores" --target ppc pprun bigram >"$build.log" 2>&1 ||
  { cat "$build.log" >&2; exit 1; }
PATH=$PWD/$build/compiler:$PWD/$build/runtime:$PWD/$build/examples:$PATH

say "text: Debian's fortunes, every tenth saying held out"
show examples/make_text.sh "$out"
wc -c "$out/train.txt" "$out/held_out.txt"

say "plan"
show ppc check examples/quickstart.sched
ppc timeline examples/quickstart.sched >"$out/timeline.txt"
show ppc timeline examples/quickstart.sched

say "training"
show pprun examples/quickstart.sched --metrics "$out/metrics.jsonl" --trace "$out/trace.json" \
  --save "$out/model.safetensors"

ppc timeline examples/quickstart.sched --measured "$out/trace.json" --html "$out/timeline.html" >"$out/measured.txt"

say "result, nats a byte of the held-out text"
bigram=$(bigram "$out/train.txt" "$out/held_out.txt")
model=$(sed -n 's/.*"validation_loss":\([0-9.]*\).*/\1/p' "$out/metrics.jsonl" | tail -n 1)
[ -n "$model" ] || { echo "quickstart.sh: error: $out/metrics.jsonl has no held-out loss" >&2; exit 1; }
printf 'bigram model  %.4f\nthis model    %.4f\n' "$bigram" "$model"
if ! awk -v bigram="$bigram" -v model="$model" -v margin="$margin" 'BEGIN { exit !(model <= bigram - margin) }'; then
  echo "quickstart.sh: error: the model is not $margin nats below the bigram model" >&2
  exit 1
fi
printf '\nleft behind in %s:\n' "$out"
ls "$out"
