#!/usr/bin/env bash
# Builds the image, boots it in QEMU and runs commands there; runs the tests; see ./run.sh --help.
# Installs what is missing (tools/packages.sh), then hands over to tools/run.py.
set -eu

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# mkfs.fat is no user's command on Debian.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

case "${1-}" in
  -h | --help | help) exec cat "$root/tools/help.txt" ;;
  doctor)
    [ $# -eq 1 ] || { echo "run.sh: doctor takes no '$2'" >&2; exit 2; }
    exec "$root/tools/packages.sh" doctor
    ;;
esac

"$root/tools/packages.sh" ensure start || exit 125
exec python3 -B "$root/tools/run.py" "$@"
