#!/usr/bin/env bash
# No file of the project names a path that only one machine has. Run by CTest.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
pattern='(^|[^A-Za-z0-9_.}/-])/(work|home|root|Users)/[A-Za-z0-9]'
if grep -rnIE "$pattern" . --exclude-dir=build --exclude-dir=.git --exclude=.git; then
  echo "the lines above name a path of one machine" >&2
  exit 1
fi
