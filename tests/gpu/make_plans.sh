#!/usr/bin/env bash
# Compiles the plans that `tests/gpu/run.sh --plans FOLDER` trains on a GPU, on a machine that has the compiler's packages: every
# built-in schedule and some meshes of up to eight ranks, each in fp32 and in bf16.
#
#   tests/gpu/make_plans.sh PPC FOLDER      as in: tests/gpu/make_plans.sh build/cpu/compiler/ppc gpu_plans
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,/^set -euo/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
ppc=$1
folder=$2
source=$(dirname "$0")/plans.sched
mkdir -p "$folder"

# compile NAME SETTING...
compile() {
  local name=$1 settings=() setting
  shift
  for setting in "$@"; do settings+=(--set "$setting"); done
  for precision in fp32 bf16; do
    "$ppc" "$source" --set precision=$precision "${settings[@]}" -o "$folder/$name.$precision.plan"
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
