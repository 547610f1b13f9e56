#!/bin/sh
# The project, built outside the tree, and its driver judged, right and wrong: test.sh SOURCE WORK COMPILER
set -eu
source=$1 work=$2 compiler=$3
rm -rf "$work"
mkdir -p "$work"
cp "$source"/tests/foreign_driver/project/* "$work"
cmake -S "$work" -B "$work/build" -G Ninja "-DCMAKE_CXX_COMPILER=$compiler" "-DSLUICE_SOURCE=$source" \
      "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wconversion -Wshadow -Werror"
cmake --build "$work/build"

"$work/build/judge" | tee "$work/right"
grep -qx 'read, and no rule broken' "$work/right"

status=0
"$work/build/judge" wrong > "$work/wrong" || status=$?
cat "$work/wrong"
[ "$status" -eq 1 ]
grep -q '^features.version_1 (virtio 1.2, 6.1): ' "$work/wrong"
