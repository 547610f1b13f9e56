"""Writes the code blocks of a page to files: take_blocks.py PAGE FOLDER.

A block is a file where the paragraph before it begins with the file's name in backquotes: "`main.cpp`, ...".
"""

import pathlib
import re
import sys

BLOCK = re.compile(r"^`([\w.]+)`[^\n]*(?:\n[^\n`][^\n]*)*\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main(page, folder):
    blocks = BLOCK.findall(pathlib.Path(page).read_text(encoding="utf-8"))
    for name, text in blocks:
        (pathlib.Path(folder) / name).write_text(text, encoding="utf-8")
        print(name, text.count("\n"), "lines")
    return 0 if blocks else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
