# shellcheck shell=bash disable=SC2154
# What run.sh and bench.sh share; sourced. A run is made of parts. Each has a time limit, prints as it goes, and never stops those
# after it; what is printed is written to a file too as it comes; a table of all parts is last, and its worst is the exit status.

started=$SECONDS
budget=100000
part_table=
worst=0
# A hang or a crash of a part is its own, without a core file.
ulimit -c 0

die() {
  echo "gpu/$(basename "$0"): error: $*" >&2
  exit 2
}

# usage: the script's first comment.
usage() {
  sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "tests/gpu/$(basename "$0")"
}

# folder_of PATH: as it is from the root of the tree.
folder_of() {
  local path=$1
  [[ $path == /* ]] || path=$called_from/$path
  realpath -m --relative-base="$PWD" "$path"
}

# take_value NAME VALUE: sets what `--NAME VALUE` gave; a folder is one from where the script was called.
take_value() {
  [ $# -ge 2 ] || die "\`--$1\` needs a value"
  case $1 in
    plans | out | programs) printf -v "$1" '%s' "$(folder_of "$2")" ;;
    *) printf -v "$1" '%s' "$2" ;;
  esac
}

# log_to FILE ARGUMENT...: starts the script again with its output written to the file too; a second time it returns.
log_to() {
  local file=$1 status
  shift
  [ -z "${PPRUN_GPU_LOGGED-}" ] || return 0
  mkdir -p "$(dirname "$file")"
  PPRUN_GPU_LOGGED=1 PPRUN_GPU_CALLED_FROM=$called_from "tests/gpu/$(basename "$0")" "$@" 2>&1 | tee "$file"
  status=${PIPESTATUS[0]}
  exit "$status"
}

# record NAME RESULT SECONDS
record() {
  part_table+=$(printf '%-26s %5s s  %s' "$1" "$3" "$2")$'\n'
}

# left: seconds until the whole is to be over.
left() { echo $((budget - (SECONDS - started))); }

# part NAME LIMIT COMMAND...: at most so many seconds, and none that the whole does not have.
part() {
  local name=$1 limit=$2 began=$SECONDS status result
  shift 2
  if [ "$(left)" -lt 5 ]; then
    record "$name" 'NOT RUN: time was up' 0
    worst=1
    return 1
  fi
  [ "$limit" -le "$(left)" ] || limit=$(left)
  echo
  echo "== $name, at most $limit s"
  status=0
  timeout --kill-after=5 "$limit" "$@" || status=$?
  case $status in
    0) result=ok ;;
    77) result='FAILED: skipped itself' ;;
    124 | 137) result="FAILED: ended after $((SECONDS - began)) s of $limit" ;;
    *) result="FAILED: status $status" ;;
  esac
  [ "$status" -le 128 ] || [ "$status" -eq 137 ] || result="FAILED: signal $((status - 128))"
  [ "$status" -eq 0 ] || worst=1
  record "$name" "$result" $((SECONDS - began))
  return "$status"
}

# finish: the table, and the end.
finish() {
  printf '\n%s%s\n' "$part_table" "all of it took $((SECONDS - started)) s"
  [ "$worst" -ne 0 ] || echo "everything holds"
  exit "$worst"
}

# find_gpu: prints what it is, and sets `architecture` unless it is given.
find_gpu() {
  command -v nvidia-smi >/dev/null || die "there is no GPU here: nvidia-smi was not found"
  nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total,clocks.sm,clocks.mem --format=csv || true
  [ -n "$architecture" ] || architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d '. ')
  case $architecture in '' | *[!0-9a-z]*) architecture=90 ;; esac
}
