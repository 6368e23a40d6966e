#!/usr/bin/env bash
# Builds targets into build/gpu for one kind of GPU, with CUDA, CMake and a C++ compiler alone; run.sh and bench.sh call it.
#
#   tests/gpu/build.sh ARCHITECTURE JOBS TARGET...
set -euo pipefail
cd "$(dirname "$0")/../.."

architecture=$1
jobs=$2
shift 2
generator=()
command -v ninja >/dev/null && generator=(-G Ninja)
started=$SECONDS
cmake -S . -B build/gpu "${generator[@]}" -DCMAKE_BUILD_TYPE=Release -DPPRUN_CUDA=ON -DPPRUN_COMPILER=OFF -DPPRUN_ONEDNN=OFF \
  -DPPRUN_TESTS=OFF -DCMAKE_CUDA_ARCHITECTURES="$architecture-real" >/dev/null
cmake --build build/gpu --parallel "$jobs" --target "$@"
echo "built in $((SECONDS - started)) s"
