#!/usr/bin/env bash
# What the project needs of the system: finds what is missing, installs it, or says what to install.
# Used by run.sh:  packages.sh ensure SET…  |  packages.sh doctor  |  packages.sh list SET…
set -eu

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# Set; tool; oldest version; package (the first that the distribution has).
needs() {
  cat <<'END'
start  python3                3.9   python3
boot   python3                3.9   python3
boot   flock                  2.20  util-linux
boot   cmake                  3.25  cmake
boot   ninja                  1.10  ninja-build
boot   riscv64-g++            12    g++-riscv64-linux-gnu
boot   qemu-system-riscv64    7.0   qemu-system-riscv qemu-system-misc
boot   opensbi                1.0   opensbi
boot   mkfs.fat               4.1   dosfstools
boot   mcopy                  4.0   mtools
test   g++                    12    g++
test   catch2                 2.13  catch2
test   rapidcheck             0     librapidcheck-dev
test   libfdt                 1.4   libfdt-dev
test   dtc                    1.4   device-tree-compiler
test   qemu-img               7.0   qemu-utils
test   cmp                    3.0   diffutils
test   sfdisk                 2.36  fdisk
test   sgdisk                 1.0   gdisk
test   7zz                    22.01 7zip
test   fls                    4.11  sleuthkit
test   busybox                1.30  busybox
test   grub-fstest            2.06  grub-common
test   clang-format-19        19    clang-format-19
test   clang-tidy-19          19    clang-tidy-19
test   shellcheck             0.7   shellcheck
fuzz   clang++-19             19    clang-19
fuzz   libfuzzer-19           0     libclang-rt-19-dev
fuzz   libfdt                 1.4   libfdt-dev
cover  gcovr                  5.0   gcovr
bench  qemu-img               7.0   qemu-utils
chart  gnuplot                5.0   gnuplot-nox
gdb    gdb                    10    gdb-multiarch
END
}

say() { printf 'run.sh: %s\n' "$*" >&2; }

# The first RISC-V compiler that has the C++ library; Debian's riscv64-unknown-elf-g++ has none.
cross_compiler() {
  local prefix
  for prefix in riscv64-linux-gnu- riscv64-unknown-linux-gnu- riscv64-unknown-elf- riscv64-elf- riscv-none-elf-; do
    command -v "${prefix}g++" >/dev/null || continue
    # The usual one is taken at its word: this runs before every boot.
    if [ "$prefix" = riscv64-linux-gnu- ] ||
      echo '#include <expected>' | "${prefix}g++" -std=c++23 -fsyntax-only -x c++ - 2>/dev/null; then
      echo "${prefix}g++"
      return
    fi
  done
  return 1
}

riscv_gdb() {
  local name
  for name in gdb-multiarch riscv64-linux-gnu-gdb riscv64-unknown-elf-gdb riscv64-elf-gdb; do
    command -v "$name" && return
  done
  return 1
}

first_file() {
  local file
  for file in "$@"; do
    if [ -e "$file" ]; then
      echo "$file"
      return
    fi
  done
  return 1
}

header() { first_file "/usr/include/$1" "/usr/local/include/$1"; }

# Where a tool is; fails where it is not.
locate() {
  case $1 in
    riscv64-g++) cross_compiler ;;
    gdb) riscv_gdb ;;
    opensbi) first_file {/usr/share,/usr/local/share}/qemu/opensbi-riscv64-generic-fw_dynamic.bin ;;
    catch2) header catch2/catch_all.hpp || header catch2/catch.hpp ;;
    rapidcheck) header rapidcheck.h ;;
    libfdt) header libfdt.h ;;
    libfuzzer-19) first_file /usr/lib/llvm-19/lib/clang/19/lib/*/libclang_rt.fuzzer*.a ;;
    *) command -v "$1" ;;
  esac
}

# The version of a tool that was found at $2, or "present" where it does not say.
version() {
  local text
  case $1 in
    # Its banner alone says it; a machine without a kernel stays there.
    opensbi)
      text=$(timeout 2 qemu-system-riscv64 -M virt -bios "$2" -display none -nodefaults -serial stdio </dev/null 2>/dev/null |
        grep -a -o 'OpenSBI v[0-9.]*' || true)
      ;;
    catch2)
      text=$(sed -n 's/^#define CATCH_VERSION_[MP].* //p' "$(dirname "$2")"/catch{,_version_macros}.hpp 2>/dev/null |
        paste -s -d . || true)
      ;;
    libfdt | libfuzzer-19 | rapidcheck) text='' ;;
    mkfs.fat) text=$("$2" --help 2>&1 || true) ;;
    fls) text=$("$2" -V 2>&1 || true) ;;
    7zz | busybox) text=$("$2" 2>&1 </dev/null || true) ;;
    *) text=$("$2" --version 2>&1 || true) ;;
  esac
  text=$(printf '%s' "$text" | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1 || true)
  echo "${text:-present}"
}

is_at_least() { [ "$1" = present ] || [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# The distribution's name for a package that has had several.
offered() {
  local name
  for name in "$@"; do
    if command -v apt-cache >/dev/null && apt-cache show --no-all-versions "$name" 2>/dev/null | grep -q '^Package:'; then
      echo "$name"
      return
    fi
  done
  echo "${!#}"
}

# Lines of the sets named: "tool package…" for each tool that is not there.
missing() {
  local set tool oldest packages
  needs | while read -r set tool oldest packages; do
    case " $* " in
      *" $set "*) locate "$tool" >/dev/null 2>&1 || echo "$tool $packages" ;;
    esac
  done
}

package_names() {
  local tool packages
  while read -r tool packages; do
    # shellcheck disable=SC2086 # several names
    offered $packages
  done | sort -u | tr '\n' ' '
}

ensure() {
  local absent tools names log as_root=''
  absent=$(missing "$@")
  [ -n "$absent" ] || return 0
  # Without Python nothing of the boot set can be expected either: fetch all of it at once.
  [ "$*" != start ] || absent=$(missing start boot)
  tools=$(printf '%s\n' "$absent" | cut -d ' ' -f 1 | sort -u | tr '\n' ' ')
  names=$(printf '%s\n' "$absent" | package_names)
  if ! command -v apt-get >/dev/null; then
    say "missing: ${tools}(Debian's packages: ${names% }); there is no apt-get here, install them by hand"
    return 1
  fi
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      say "missing: ${tools% }; as root: apt-get install ${names% }"
      return 1
    fi
    as_root=sudo
  fi
  mkdir -p "$root/build"
  log=$root/build/packages.log
  say "missing: ${tools% }; installing packages"
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get update >"$log" 2>&1 </dev/null || true
  names=$(printf '%s\n' "$absent" | package_names) # again: the lists of packages may be new
  # shellcheck disable=SC2086 # several names
  if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    -o DPkg::Lock::Timeout=600 $names >>"$log" 2>&1 </dev/null; then
    tail -n 5 "$log" >&2
    say "could not install: ${names% } (needed for: ${tools% }); the whole message is in build/packages.log"
    return 1
  fi
  absent=$(missing "$@")
  if [ -n "$absent" ]; then
    say "still missing after the packages were installed: $(printf '%s\n' "$absent" | cut -d ' ' -f 1 | tr '\n' ' ')"
    return 1
  fi
}

# What is wrong with the machine itself, a line each.
machine_troubles() {
  local free
  [ -w "$root" ] || echo "$root cannot be written: the build goes there"
  free=$(df -Pk "$root" | awk 'NR == 2 { print $4 }')
  [ "${free:-0}" -ge 1048576 ] || echo "$((free / 1024)) MiB are free below $root; all builds together take about 1 GiB"
  locate qemu-system-riscv64 >/dev/null 2>&1 || return 0
  qemu-system-riscv64 -machine help 2>&1 | grep -q '^virt ' || echo "this qemu-system-riscv64 has no machine 'virt'"
}

doctor() {
  local set tool oldest packages path found how wanted='' troubles
  printf '%-22s %-10s %-8s %-6s %s\n' tool found needed for 'how to get it'
  while read -r set tool oldest packages; do
    [ "$set" != start ] || continue
    how=''
    if path=$(locate "$tool" 2>/dev/null); then
      found=$(version "$tool" "$path")
      is_at_least "$found" "$oldest" || how=' (too old)'
    else
      found=missing
    fi
    if [ "$found" = missing ] || [ -n "$how" ]; then
      # shellcheck disable=SC2086 # several names
      packages=$(offered $packages)
      how="apt-get install $packages$how"
      case " $wanted " in *" $packages "*) ;; *) wanted="$wanted $packages" ;; esac
    fi
    [ "$oldest" != 0 ] || oldest=any
    printf '%-22s %-10s %-8s %-6s %s\n' "$tool" "$found" "$oldest" "$set" "$how" | sed 's/ *$//'
  done < <(needs)
  troubles=$(machine_troubles)
  [ -z "$troubles" ] || printf '\n%s\n' "$troubles"
  if [ -n "$wanted" ]; then
    printf '\nAll of it at once: apt-get install%s\n' "$wanted"
  elif [ -z "$troubles" ]; then
    printf '\nAll is there.\n'
  fi
  [ -z "$wanted$troubles" ]
}

case "${1-}" in
  ensure) shift && ensure "$@" ;;
  doctor) doctor ;;
  list) shift && needs | while read -r set _ _ packages; do
    # shellcheck disable=SC2086 # several names
    case " $* " in *" $set "*) offered $packages ;; esac
  done | sort -u ;;
  *)
    say "packages.sh: ensure SET…, doctor or list SET…"
    exit 2
    ;;
esac
