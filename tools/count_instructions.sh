#!/usr/bin/env bash
# The guest's instructions per I/O of a bench job: unlike a time, hardly changed by what else the machine does.
# Each round runs the job with N and with 3N I/Os and divides one difference by the other, so that the boot does not count;
# the median of the rounds is shown. For jobs with interrupts: who polls spins for as long as the disk takes.
# Used by people and by docs/performance.md. Needs a QEMU with plugins (Debian's has them) and a C compiler.
set -eu

usage() {
  cat <<'END'
Usage: tools/count_instructions.sh [--ios N] [--rounds R] [run.sh's options] -- bench JOB…
       tools/count_instructions.sh [--ios N] [--rounds R] --floor IMAGE [ring.depth=N] [ring.batch=N]

  --ios N      I/Os of the shorter run, of each job with --numjobs (10000; 2000 suits ram0's 8192 blocks)
  --rounds R   pairs of runs (5)
  --floor IMAGE
               count the bare ring (tests/bench/bare_ring) with this raw image as its disk

The job stands without --number_ios, --size and --runtime.

  tools/count_instructions.sh --disk disk.img,ro,direct -- bench --filename=vda --rw=randread --bs=4k --iodepth=32
  tools/count_instructions.sh --floor disk.img ring.depth=32 ring.batch=32

Environment: SLUICE_IMAGE=ELF boots that image and builds nothing.
END
}

fail() {
  echo "count_instructions.sh: $*" >&2
  exit 2
}

is_count() { [[ $1 =~ ^[1-9][0-9]{0,8}$ ]] || fail "'$1' is no count"; }

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
ios=10000 rounds=5 floor=''
while [ $# -gt 1 ]; do
  case $1 in
    --ios) is_count "$2" && ios=$2 ;;
    --rounds) is_count "$2" && rounds=$2 ;;
    --floor) floor=$2 ;;
    *) break ;;
  esac
  shift 2
done
# What is left goes to each run: run.sh's words, or the ring's.
words=" $* "
case "${1-}" in -h | --help) usage && exit 0 ;; esac
[ -n "$floor" ] || [[ $words == *' -- bench '* ]] || { usage >&2 && exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
plugin="$work/insn.so,out=$work/count"
"${CC:-cc}" -O2 -shared -fPIC -o "$work/insn.so" "$root/tests/bench/insn_plugin.c" ||
  fail "QEMU's plugin could not be compiled (apt-get install gcc libc6-dev)"

run_job() {
  "$root/run.sh" --qemu "-plugin '$plugin'" "${@:2}" "--number_ios=$1 --output-format=json" >"$work/log" </dev/null
}

cache=cache=none,aio=native
if [ -n "$floor" ]; then
  ring=${SLUICE_IMAGE:-$root/build/riscv64/tests/bench/bare_ring}
  [ -n "${SLUICE_IMAGE-}" ] || "$root/tools/build.sh" riscv64
  qemu-img bench -f raw -t none -i native -c 1 "$floor" >/dev/null 2>&1 || cache=cache=writeback
fi

run_floor() {
  qemu-system-riscv64 -M virt -display none -nodefaults -serial stdio -global virtio-mmio.force-legacy=false \
    -plugin "$plugin" -kernel "$ring" -append "ring.ios=$1 ${*:2}" -device virtio-blk-device,drive=vda \
    -drive "if=none,id=vda,format=raw,file=${floor//,/,,},readonly=on,$cache" >"$work/log" </dev/null
}

# I/Os of the run whose output is in the log.
ios_done() {
  if [ -n "$floor" ]; then
    sed -n 's/.*ios=\([0-9]*\) elapsed_ns=.*/\1/p' "$work/log"
  else
    python3 -c 'import json, sys
print(sum(job[kind]["total_ios"] for job in json.load(sys.stdin)["jobs"] for kind in ("read", "write", "trim")))' <"$work/log"
  fi
}

# One run's line: instructions, boot included, and I/Os.
count() {
  rm -f "$work/count"
  if [ -n "$floor" ]; then run_floor "$@"; else run_job "$@"; fi || {
    local status=$?
    tail -n 5 "$work/log" >&2
    exit $status
  }
  [ -s "$work/count" ] || fail "QEMU counted nothing: does it take plugins?"
  printf '%s %s ' "$(cat "$work/count")" "$(ios_done)"
}

for ((round = 0; round < rounds; ++round)); do
  count "$ios" "$@"
  count $((3 * ios)) "$@"
  echo
done >"$work/pairs"
awk '$4 <= $2 { exit 1 } { printf "%.1f\n", ($3 - $1) / ($4 - $2) }' "$work/pairs" >"$work/all" ||
  fail "the longer run did no more I/Os than the shorter: there are no more blocks (take a smaller --ios)"
sort -n -o "$work/all" "$work/all"
echo "$(sed -n "$(((rounds + 1) / 2))p" "$work/all") instructions per I/O (median of $(paste -s -d ' ' "$work/all"))"
