#!/usr/bin/env bash
# Every C++ source is as clang-format leaves it. Run by CTest.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
find app boot docs drivers fs kernel tests \( -name '*.cpp' -o -name '*.hpp' \) -print0 |
  LC_ALL=C sort -z | xargs -0 clang-format-19 --dry-run -Werror
