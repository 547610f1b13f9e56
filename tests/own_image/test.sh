#!/bin/sh
# A user's program, built outside the tree and booted: test.sh subdirectory|package SOURCE WORK
set -eu
how=$1 source=$2 work=$3
rm -rf "$work"
mkdir -p "$work"
case $how in
subdirectory)
  set -- --toolchain "$source/toolchain/riscv64.cmake" "-DSLUICE_SOURCE=$source"
  ;;
package)
  cmake -S "$source" -B "$work/sluice" -G Ninja -DCMAKE_BUILD_TYPE=Release --toolchain "$source/toolchain/riscv64.cmake"
  cmake --build "$work/sluice"
  cmake --install "$work/sluice" --prefix "$work/prefix"
  set -- --toolchain "$work/prefix/lib/cmake/sluice/riscv64.cmake" "-DCMAKE_PREFIX_PATH=$work/prefix"
  ;;
esac
cp "$source/tests/own_image/hello/CMakeLists.txt" "$source/tests/own_image/hello/main.cpp" "$work"
cmake -S "$work" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release "$@"
cmake --build "$work/build"

status=0
timeout 60 qemu-system-riscv64 -M virt -nographic -kernel "$work/build/hello" -append "loglevel=3 -- one 'two words'" \
  > "$work/output" < /dev/null || status=$?
cat "$work/output"
[ "$status" -eq 43 ]
grep -q '^argument 0: hello' "$work/output"
grep -q '^argument 2: two words' "$work/output"
grep -q '^ram0: 65536 sectors, first read: ok' "$work/output"
