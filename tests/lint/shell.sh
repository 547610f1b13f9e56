#!/usr/bin/env bash
# Every shell script passes shellcheck. Run by CTest.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
find . -path ./build -prune -o -path ./.git -prune -o -name '*.sh' -print0 | xargs -0 shellcheck .ci/run
