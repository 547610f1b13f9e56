#!/usr/bin/env bash
# Configures a preset where that was not done yet, and builds it; one build at a time. Used by run.sh.
# Usage: build.sh PRESET. Says nothing when all goes well but that it begins; standard output stays empty.
set -eu

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
preset=$1
folder=$root/build/$preset
log=$folder/build.log

mkdir -p "$folder"
exec 9>"$root/build/lock"
flock 9

failed() {
  tail -n 60 "$log" >&2
  echo "run.sh: $1 failed; all of its output is in build/$preset/build.log" >&2
  exit 125
}

cd "$root"
if [ ! -f "$folder/build.ninja" ]; then
  echo "run.sh: building (build/$preset)" >&2
  cmake --preset "$preset" >"$log" 2>&1 </dev/null 9>&- || failed "configuring $preset"
fi
cmake --build "$folder" >"$log" 2>&1 </dev/null 9>&- || failed "building $preset"
