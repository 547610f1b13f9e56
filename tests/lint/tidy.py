"""clang-tidy over everything that runs on the target: tidy.py [--shard K/N] TARGET-BUILD [FILE…]. Run by CTest.

The commands are the bare-metal build's, made ready for clang: its own target, and without the options that only GCC
knows. With files only those are checked.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
FOLDERS = ("kernel", "drivers", "fs", "boot", "app")
TIDY = "clang-tidy-19"
GCC_ONLY = ("-mabi=", "-mtune=", "-malign-data=", "-fno-tree-", "-flto=auto", "-fno-ipa-")


def ready_for_clang(entry):
    words = shlex.split(entry["command"])
    words = [word for word in words[1:] if not word.startswith(GCC_ONLY)]
    return {
        "directory": entry["directory"],
        "file": os.path.realpath(os.path.join(entry["directory"], entry["file"])),
        "arguments": ["clang++-19", "--target=riscv64-linux-gnu", "-mabi=lp64d", *words],
    }


def commands(build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = map(ready_for_clang, json.load(file))
        mine = {}
        for entry in entries:
            folder = os.path.relpath(entry["file"], ROOT).split(os.sep)[0]
            if folder in FOLDERS and entry["file"].endswith(".cpp"):
                mine[entry["file"]] = entry
    return [mine[path] for path in sorted(mine)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("build")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    shard, shards = map(int, options.shard.split("/"))
    entries = commands(options.build)
    if options.files:
        wanted = set(map(os.path.realpath, options.files))
        entries = [entry for entry in entries if entry["file"] in wanted]
    entries = entries[shard - 1 :: shards]
    if not entries:
        sys.exit(f"tidy.py: {options.build} has no sources to check")
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "compile_commands.json"), "w", encoding="utf-8") as file:
            json.dump(entries, file)
        words = [TIDY, "--quiet", "-p", folder, *(entry["file"] for entry in entries)]
        result = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False)
    # Progress and counts of suppressed warnings come with every file: only errors are worth showing.
    noise = re.compile(r"^\[\d+/\d+\] |(warnings?|errors?) generated\.$|^Suppressed |^Use -header-filter")
    sys.stderr.write("".join(line + "\n" for line in result.stderr.splitlines() if not noise.search(line)))
    return 1 if result.returncode != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
