#!/usr/bin/env bash
# Fuzzes a target of tests/fuzz for some seconds, from its kept corpus on.
# Usage: fuzz.sh TARGET SECONDS [CORPUS]. What is new goes to CORPUS (default: a folder that is thrown away); an input that
# fails is printed in base64, kept in build/fuzz/failed-TARGET-…, and makes the status 1.
# The seed is SLUICE_FUZZ_SEED, or else the same each time, so that a failure repeats.
set -eu

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
target=$1
seconds=$2
kept=$root/tests/fuzz/corpus/$target
failed=$root/build/fuzz/failed-$target-
# Longer inputs cost time, and say no more.
case $target in
  fat_volume) max_len=512 ;;
  fat_*) max_len=1024 ;;
  fdt) max_len=4096 ;;
  *) max_len=2048 ;;
esac

"$root/tools/packages.sh" ensure fuzz
"$root/tools/build.sh" fuzz

rm -f "$failed"*
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/new"
if ! "$root/build/fuzz/tests/fuzz/fuzz_$target" -seed="${SLUICE_FUZZ_SEED-991}" -max_total_time="$seconds" -timeout=10 -max_len="$max_len" -print_final_stats=1 \
  -artifact_prefix="$failed" -reload=0 "${3-$scratch/new}" "$kept" >"$scratch/log" 2>&1; then
  tail -n 60 "$scratch/log" >&2
  for input in "$failed"*; do
    [ -e "$input" ] || continue
    echo "fuzz.sh: $input, in base64:" >&2
    base64 "$input" >&2
  done
  exit 1
fi
grep -E '^stat::(number|average)' "$scratch/log"
