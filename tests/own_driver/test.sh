#!/bin/sh
# The project of docs/write-a-driver.md, built outside the tree and run: test.sh host|image SOURCE WORK PYTHON COMPILER
set -eu
where=$1 source=$2 work=$3 python=$4 compiler=$5
rm -rf "$work"
mkdir -p "$work"
"$python" -B "$source/tests/own_driver/take_blocks.py" "$source/docs/write-a-driver.md" "$work"

case $where in
host)
  cmake -S "$work" -B "$work/build" -G Ninja "-DCMAKE_CXX_COMPILER=$compiler" "-DSLUICE_SOURCE=$source" \
        "-DSLUICE_SANITIZE=address,undefined" "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wconversion -Wshadow -Werror"
  cmake --build "$work/build" --target rtc_test
  "$work/build/rtc_test" | tee "$work/output"
  grep -qx 'all is well' "$work/output"
  ;;
image)
  cmake -S "$work" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
        --toolchain "$source/toolchain/riscv64.cmake" "-DSLUICE_SOURCE=$source" \
        "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wconversion -Wshadow -Werror"
  cmake --build "$work/build" --target clock
  for harts in 1 2; do   # with two, the other one probes
    timeout 60 qemu-system-riscv64 -M virt -nographic -smp "$harts" -kernel "$work/build/clock" -append loglevel=3 \
      > "$work/output" < /dev/null
    cat "$work/output"
    seconds=$(sed -n 's/^\([0-9]*\) seconds since 1970.*/\1/p' "$work/output")
    now=$(date +%s)
    [ "$((now - seconds))" -ge -60 ]
    [ "$((now - seconds))" -le 60 ]
    grep -q '^the alarm came' "$work/output"
  done
  ;;
esac
