#!/usr/bin/env bash
# Compiles the plans that `tests/gpu/run.sh --plans FOLDER` trains on a GPU, on a machine that has the compiler's packages: every
# built-in schedule and some meshes of up to eight ranks, each in fp32 and in bf16.
#
#   tests/gpu/make_plans.sh PPC FOLDER           as in: tests/gpu/make_plans.sh build/cpu/compiler/ppc gpu_plans
#   tests/gpu/make_plans.sh --bench PPC FOLDER   those that `tests/gpu/bench.sh --plans FOLDER` times, instead
set -euo pipefail
bench=
[ "${1-}" != --bench ] || { bench=1; shift; }
[ $# -eq 2 ] || { sed -n '2,/^set -euo/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
ppc=$1
folder=$2
here=$(dirname "$0")
mkdir -p "$folder"

# gpt2 SOURCE NAME SETTING...
gpt2() {
  local source=$1 name=$2 settings=() setting
  shift 2
  for setting in "$@"; do settings+=(--set "$setting"); done
  "$ppc" "$source" "${settings[@]}" -o "$folder/gpt2_$name.plan"
}

if [ -n "$bench" ]; then
  tied=$here/gpt2.sched
  for batch in 8 16 32 64; do gpt2 "$tied" "124M.b$batch" batch=$batch; done
  for batch in 4 8 16 32; do gpt2 "$tied" "774M.b$batch" depth=36 width=1280 heads=20 batch=$batch; done
  tiny=(depth=6 width=64 heads=2 vocab=512 context=64 sequence=64)
  for batch in 4 8; do gpt2 "$tied" "tiny.b$batch" "${tiny[@]}" batch=$batch; done
  # The embedding and the head are on different ranks of a pipeline, so they share nothing.
  untied=$folder/gpt2_untied.sched
  sed 's/, tied = embed//' "$tied" >"$untied"
  for ranks in 1 4; do
    gpt2 "$untied" "pipeline$ranks" pp=$ranks microbatches=8 batch=64
    gpt2 "$untied" "tiny_pipeline$ranks" pp=$ranks microbatches=8 batch=16 "${tiny[@]}"
  done
  exit
fi

# compile NAME SETTING...
compile() {
  local name=$1 settings=() setting
  shift
  for setting in "$@"; do settings+=(--set "$setting"); done
  for precision in fp32 bf16; do
    "$ppc" "$here/plans.sched" --set precision=$precision "${settings[@]}" -o "$folder/$name.$precision.plan"
  done
}

compile one_rank pp=1
compile data_parallel pp=1 dp=4
compile mesh_4x2 pp=4 dp=2
compile eight_stages pp=8
compile naive_gradients pp=2 dp=2 gradients=naive
compile one_queue pp=4 transfers=queue_per_rank
"$ppc" show | while read -r schedule; do
  [ "$schedule" = forward_only ] || compile "$schedule" "schedule=$schedule"
done
compile dualpipe_replicas pp=4 dp=2 schedule=dualpipe
