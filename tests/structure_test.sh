#!/usr/bin/env bash
# Who may include whom (CONTRIBUTING.md): fails with every include that crosses a wall, with every type that is defined
# twice, with every source file over 400 lines, and with every one that nothing says what it is. Run from anywhere: tests/structure_test.sh
set -euo pipefail
cd "$(dirname "$0")/.."

failures=0
report() {
  echo "$1"
  failures=$((failures + 1))
}

# check FOLDER_PATTERN ALLOWED_PATTERN: project includes of these files match the pattern.
check() {
  local files=$1 allowed=$2 hits
  # shellcheck disable=SC2086
  hits=$(grep -HnE '^#include "' $files 2>/dev/null | grep -vE "#include \"($allowed)" || true)
  [ -z "$hits" ] || while IFS= read -r line; do report "not allowed here: $line"; done <<<"$hits"
}

# forbid FILES PATTERN: system includes that must stay behind their wall.
forbid() {
  local files=$1 pattern=$2 hits
  # shellcheck disable=SC2086
  hits=$(grep -HnE "^#include [<\"]($pattern)" $files 2>/dev/null || true)
  [ -z "$hits" ] || while IFS= read -r line; do report "behind a wall: $line"; done <<<"$hits"
}

sources() { find "$@" -name '*.h' -o -name '*.cc' -o -name '*.cu' | sort | tr '\n' ' '; }

check "$(sources dsl)" 'dsl/|compiler/plan/base/|Sched(Lexer|Parser)\.h'
check "$(sources compiler/plan)" 'compiler/plan/'
check "$(sources compiler/verify)" 'compiler/(plan|verify)/'
check "$(sources compiler/simulate)" 'compiler/(plan|simulate)/'
check "$(sources compiler/report)" 'compiler/(plan|simulate|report)/'
check "$(sources compiler/model compiler/schedule compiler/passes)" 'dsl/|compiler/(plan|model|schedule|passes)/'
check "$(sources kernels)" 'kernels/|compiler/plan/(types|operation)\.h|compiler/plan/base/'
check "$(sources runtime | tr ' ' '\n' | grep -v '^runtime/main.cc$' | tr '\n' ' ')" \
  'runtime/|kernels/|compiler/(plan|verify|simulate|report)/'
# Independent of what they judge.
check "$(sources tests/verify/oracle* tests/verify/interleavings.h tests/verify/interleavings.cc)" \
  'compiler/plan/|tests/verify/(oracle|interleavings)'
check runtime/main.cc 'runtime/|kernels/|compiler/(plan|verify|simulate|report)/|compiler/compile\.h|dsl/'

everything=$(sources dsl compiler runtime kernels)
without() { tr ' ' '\n' <<<"$everything" | grep -vE "$1" | tr '\n' ' '; }
forbid "$(without '^dsl/')" 'antlr4|Sched(Lexer|Parser)'
forbid "$(without '^(dsl|compiler/(model|schedule|passes|compile|main))')" 'llvm/'
forbid "$(without '^runtime/cuda/|^kernels/cuda_|_cuda\.cu$')" 'cuda|cublas|cudnn'
forbid "$(without 'nccl')" 'nccl'
forbid "$(without 'mpi')" 'mpi\.h'
forbid "$(without '_onednn\.cc$')" '(oneapi/dnnl|dnnl)'

# types FILE...: the types that other files can see, each with its namespace and file.
types() {
  awk '
    FNR == 1 { hidden = 0; space = "" }
    /^namespace \{/ { hidden = 1 }
    /^\}  \/\/ namespace$/ { hidden = 0 }
    /^namespace [a-z_:]+ \{/ { space = space $2 "::" }
    /^\}  \/\/ namespace [a-z]/ { space = ""; }
    !hidden && /^(struct|class|enum class) [A-Za-z0-9_]+( |$)/ && !/;$/ {
      print space ($2 == "class" ? $3 : $2), FILENAME
    }' "$@"
}

# One name, one type: the linker joins what is inlined of two types of one name, and so makes one of them wrong.
# shellcheck disable=SC2086
while read -r name files; do
  report "two types are named $name: $files"
done < <(types $everything | sort -u | awk '{ files[$1] = files[$1] " " $2; n[$1]++ } END { for (t in n) if (n[t] > 1) print t files[t] }')

# A first comment says what a file is. One speaks for all files named after it: that of `add.h` for `add.cc`, `add_cpu.cc`
# and `add_test.cc`.
declare -A speaks=()
silent=()
while read -r file; do
  stem=$(basename "$file") stem=${stem%.*}
  read -r -n2 start <"$file" || true
  if [ "$start" = // ]; then speaks[$stem]=1; else silent+=("$file"); fi
done < <(find dsl compiler runtime kernels tests -name '*.h' -o -name '*.cc' -o -name '*.cu')
for file in "${silent[@]}"; do
  stem=$(basename "$file") stem=${stem%.*}
  until [ -n "${speaks[$stem]:-}" ] || [ "$stem" = "${stem%_*}" ]; do stem=${stem%_*}; done
  [ -n "${speaks[$stem]:-}" ] || report "$file has no first comment, nor has one that it is named after"
done

while read -r lines file; do
  [ "$file" = total ] || [ "$lines" -le 400 ] || report "$file has $lines lines; one idea a file, at most 400"
done < <(find dsl compiler runtime kernels tests -name '*.h' -o -name '*.cc' -o -name '*.cu' -o -name '*.g4' | xargs wc -l)

[ "$failures" -eq 0 ] && echo "every include is allowed, every type has a name of its own, every file has one idea and says which"
exit $((failures > 0))
