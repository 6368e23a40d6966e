#!/usr/bin/env bash
# Installs the Debian packages that a task needs, those that are missing, with apt.
#
#   scripts/install_packages.sh build             to build everything
#   scripts/install_packages.sh build tests       to build and run the tests too
#   scripts/install_packages.sh build quickstart  for examples/quickstart.sh
#   scripts/install_packages.sh pictures          for the tests that look at pictures: a browser and an SVG renderer
#
# Nothing happens where all are there; otherwise it takes root, or sudo. Names are those of Debian 12; a package of
# LLVM 14 to 19 serves, so where `llvm-14-dev` is unknown the distribution's own `llvm-dev` is taken.
# Quiet: what apt prints is shown only when it fails.
set -euo pipefail

# Debian's oneDNN configuration looks for OpenCL.
build=(g++ cmake ninja-build antlr4 libantlr4-runtime-dev zlib1g-dev libdnnl-dev ocl-icd-opencl-dev)
tests=(libgtest-dev libbenchmark-dev python3)
quickstart=(fortunes)
pictures=(chromium librsvg2-bin fonts-dejavu-core)

fail() {
  echo "install_packages.sh: error: $*" >&2
  exit 1
}

installed() {
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

known() { apt-cache show "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "missing packages: ${missing[*]}; run this as root, or: apt-get install ${missing[*]}"
  fi
}

# quietly WHAT COMMAND...: its output only if it fails.
quietly() {
  local what=$1 log
  shift
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    rm -f "$log"
    fail "$what failed"
  fi
  rm -f "$log"
}

[ $# -gt 0 ] || fail "say what for: build, tests, quickstart, pictures"
command -v apt-get >/dev/null || fail "this is no Debian: there is no apt-get; README.md lists what is needed"
wanted=()
for group in "$@"; do
  case $group in
    build) wanted+=("${build[@]}") ;;
    tests) wanted+=("${tests[@]}") ;;
    quickstart) wanted+=("${quickstart[@]}") ;;
    pictures) wanted+=("${pictures[@]}") ;;
    *) fail "unknown group \`$group\`: build, tests, quickstart, pictures" ;;
  esac
done
missing=()
for package in "${wanted[@]}"; do
  installed "$package" || missing+=("$package")
done
# LLVM with its headers, FileCheck and lit: any version from 14 to 19.
llvm=
for version in 14 15 16 17 18 19; do
  if installed "llvm-$version-dev" && installed "llvm-$version-tools"; then llvm=$version; fi
done
[ -n "$llvm" ] || missing+=(llvm)
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing: ${missing[*]}"
quietly "apt-get update" as_root apt-get update
if [ -z "$llvm" ]; then
  unset 'missing[-1]'
  if known llvm-14-dev; then missing+=(llvm-14-dev llvm-14-tools); else missing+=(llvm-dev); fi
fi
quietly "apt-get install" as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
  "${missing[@]}"
