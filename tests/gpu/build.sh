#!/usr/bin/env bash
# Builds targets into build/gpu for one kind of GPU, with CUDA, CMake and a C++ compiler alone; run.sh and bench.sh call it.
#
#   tests/gpu/build.sh ARCHITECTURE JOBS TARGET...
#
# Any compiler will do, so warnings are no errors here. If a target fails with cuDNN and NCCL, all are built without them; what
# can be built is built. PPRUN_CMAKE_OPTIONS: further options of CMake, as -DPPRUN_CUDNN_FRONTEND=FOLDER.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit

architecture=$1
jobs=$2
shift 2
generator=()
[ -e build/gpu/CMakeCache.txt ] || ! command -v ninja >/dev/null || generator=(-G Ninja)
# The python3 of the PATH is asked for pip's wheels, not the newest one that CMake finds.
python=()
! command -v python3 >/dev/null || python=(-DPython3_EXECUTABLE="$(command -v python3)")

# build OPTION...: configures and builds, going on past what fails.
build() {
  local keep_going=-k options
  read -ra options <<<"${PPRUN_CMAKE_OPTIONS-}"
  cmake -S . -B build/gpu "${generator[@]}" "${python[@]}" -DCMAKE_BUILD_TYPE=Release -DPPRUN_CUDA=ON -DPPRUN_COMPILER=OFF \
    -DPPRUN_ONEDNN=OFF -DPPRUN_TESTS=OFF -DPPRUN_WERROR=OFF -DCMAKE_CUDA_ARCHITECTURES="$architecture-real" "$@" \
    ${options[@]+"${options[@]}"} || return
  [ ! -e build/gpu/build.ninja ] || keep_going=-k0
  cmake --build build/gpu --parallel "$jobs" --target "${targets[@]}" -- "$keep_going"
}

targets=("$@")
started=$SECONDS
build -DPPRUN_CUDNN=AUTO -DPPRUN_NCCL=AUTO
status=$?
if [ "$status" -ne 0 ]; then
  echo "gpu/build.sh: that failed; again without cuDNN and NCCL"
  build -DPPRUN_CUDNN=OFF -DPPRUN_NCCL=OFF
  status=$?
fi
echo "built in $((SECONDS - started)) s, status $status"
exit "$status"
