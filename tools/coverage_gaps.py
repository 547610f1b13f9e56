#!/usr/bin/env python3
"""The lines that no host test reaches, from what gcovr counted. Used by coverage.sh.

Usage: coverage_gaps.py ROOT LINES.json GAPS. Prints the summary; GAPS gets each line with its text. Status 1: below the
bound, or a source was not measured at all.
"""

import collections
import json
import os
import sys

LEAST = 95.0  # percent
FOLDERS = ("kernel", "drivers", "fs")
ELSEWHERE = os.path.join("kernel", "port")  # the bare metal's own


def counted(root, path):
    """{source: {line: times}}; the headers are found by links (toolchain/sluice_library.cmake)."""
    with open(path, encoding="utf-8") as file:
        measured = json.load(file)
    sources = collections.defaultdict(dict)
    for entry in measured["files"]:
        name = os.path.relpath(os.path.realpath(os.path.join(root, entry["file"])), root)
        lines = sources[name]
        for line in entry["lines"]:
            if not line.get("gcovr/noncode", False):
                number = line["line_number"]
                lines[number] = max(lines.get(number, 0), line["count"])
    return sources


def unmeasured(root, build):
    """Sources that no library of the build is made of: gcov has no notes of them."""
    noted = {name for _, _, names in os.walk(build) for name in names if name.endswith(".gcno")}
    for folder in FOLDERS:
        for path, _, names in os.walk(os.path.join(root, folder)):
            source = os.path.relpath(path, root)
            if not source.startswith(ELSEWHERE):
                yield from (f"{source}/{name}" for name in names if name.endswith(".cpp") and f"{name}.gcno" not in noted)


def ranges(numbers):
    """1, 3-4 of [1, 3, 4]."""
    runs = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def main(root, lines, gaps):
    sources = counted(root, lines)
    missed = {name: sorted(n for n, times in found.items() if times == 0) for name, found in sorted(sources.items())}
    with open(gaps, "w", encoding="utf-8") as out:
        for name, numbers in missed.items():
            with open(os.path.join(root, name), encoding="utf-8") as file:
                text = file.read().splitlines()
            for number in numbers:
                print(f"{name}:{number}: {text[number - 1].strip()}", file=out)
    print("coverage by the host tests: lines that they do not reach")
    for name, numbers in missed.items():
        if numbers:
            print(f"  {name:36} {len(sources[name]) - len(numbers):4} of {len(sources[name]):4}  {ranges(numbers)}")
    total = sum(len(found) for found in sources.values())
    percent = 100 * (total - sum(map(len, missed.values()))) / total if total > 0 else 0
    absent = list(unmeasured(root, os.path.dirname(lines)))
    for name in absent:
        print(f"  {name}: no test program is built from it")
    print(f"coverage of {', '.join(FOLDERS)}: {percent:.1f} % of {total} lines; at least {LEAST:.0f} % are asked for")
    return 0 if percent >= LEAST and not absent else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
