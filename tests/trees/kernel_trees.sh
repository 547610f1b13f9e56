#!/usr/bin/env bash
# Every .dtb of a Debian kernel package through tree_host. The package is fetched as apt is set up here, for another
# architecture and into a folder of its own: nothing is installed. What was fetched is kept for the next time.
# Usage: kernel_trees.sh TREE_HOST FOLDER
set -eu

host=$1
folder=$2
# The smallest that has trees of many machines.
architecture=armel
package=linux-image-marvell

skip() {
  echo "skipped: $*"
  exit 0
}

for tool in apt-get apt-cache dpkg-deb; do
  command -v "$tool" >/dev/null || skip "there is no $tool"
done
mkdir -p "$folder/state/lists/partial" "$folder/cache/archives/partial"
: >"$folder/status"

apt() {
  local tool=$1
  shift
  "$tool" -q -o "Dir::State=$folder/state" -o "Dir::Cache=$folder/cache" -o "Dir::State::status=$folder/status" \
    -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" -o Acquire::Languages=none \
    -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false -o APT::Sandbox::User=root "$@"
}

if ! compgen -G "$folder/*.deb" >/dev/null; then
  apt apt-get update >"$folder/log" 2>&1 </dev/null || skip "the lists of packages for $architecture are not to be had"
  # The package of that name is empty, and depends on the newest kernel.
  kernel=$(apt apt-cache depends "$package" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[^ ]*\).*/\1/p' | head -n 1)
  [ -n "$kernel" ] || skip "this distribution has no $package"
  (cd "$folder" && apt apt-get download "$kernel" >>"$folder/log" 2>&1 </dev/null) || skip "$kernel is not to be had"
fi

rm -rf "$folder/trees"
mkdir "$folder/trees"
dpkg-deb --fsys-tarfile "$folder"/*.deb | tar -x -C "$folder/trees" --wildcards '*.dtb'
mapfile -t trees < <(find "$folder/trees" -name '*.dtb' | sort)
[ "${#trees[@]}" -gt 20 ] || { echo "only ${#trees[@]} trees in the package" && exit 1; }
"$host" "${trees[@]}"
echo "${#trees[@]} trees"
