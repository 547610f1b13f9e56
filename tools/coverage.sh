#!/usr/bin/env bash
# What the host tests reach of kernel/, drivers/ and fs/, by gcov: a summary on standard output, with the gaps; every line that is not
# reached goes to build/coverage/gaps.txt. The status is 1 below 95 % of the lines, or where a test fails.
# Usage: coverage.sh
set -eu

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
folder=$root/build/coverage

"$root/tools/packages.sh" ensure start boot test cover
"$root/tools/build.sh" coverage
find "$folder" -name '*.gcda' -delete
ctest --test-dir "$folder" -L quick --parallel "$(nproc)" --output-on-failure >"$folder/tests.log" 2>&1 </dev/null || {
  tail -n 40 "$folder/tests.log" >&2
  exit 1
}
gcovr --root "$root" --filter "$root/kernel/" --filter "$root/drivers/" --filter "$root/fs/" --exclude "$root/kernel/port/" \
  -j "$(nproc)" --json "$folder/lines.json" "$folder" >"$folder/gcovr.log" 2>&1 || {
  tail -n 40 "$folder/gcovr.log" >&2
  exit 1
}
exec python3 -B "$root/tools/coverage_gaps.py" "$root" "$folder/lines.json" "$folder/gaps.txt"
