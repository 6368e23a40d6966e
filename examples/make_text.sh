#!/usr/bin/env bash
# Makes the quickstart's text from Debian's `fortunes`: real English, a few megabytes of sayings, each ended in the
# package by a line `%`, here by an empty line. Every tenth saying is held out.
#
#   examples/make_text.sh FOLDER     writes FOLDER/train.txt and FOLDER/held_out.txt
set -euo pipefail
export LC_ALL=C

folder=$1
source=${FORTUNES:-/usr/share/games/fortunes}
mkdir -p "$folder"
# *.dat is an index, *.u8 a link to the text.
files=()
for file in "$source"/*; do
  case $file in
    *.dat | *.u8) ;;
    *) [ ! -f "$file" ] || files+=("$file") ;;
  esac
done
if [ ${#files[@]} -eq 0 ]; then
  echo "make_text.sh: error: no text in \`$source\`; install the package \`fortunes\`" >&2
  exit 1
fi
: >"$folder/train.txt"
: >"$folder/held_out.txt"
awk -v train="$folder/train.txt" -v held_out="$folder/held_out.txt" '
  # A saying also ends with its file.
  FNR == 1 && NR > 1 && !ended { end() }
  $0 == "%" { end(); next }
  { print > out(); ended = 0 }
  function out() { return sayings % 10 == 9 ? held_out : train }
  function end() { print "" > out(); sayings++; ended = 1 }
' "${files[@]}"
