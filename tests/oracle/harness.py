"""What the cases are written with: a folder for images, and the comparison of all readers. Used by cases.py."""

import os
import re
import shutil
import sys

import readers

SHOWN_FAULTS = 5  # of a reader on a volume

cases = {}  # name: function


def case(name):
    """Makes a function a test; it gets a Run."""
    if name in cases or ";" in name:
        raise ValueError(f"bad or repeated name: {name}")

    def register(function):
        cases[name] = function
        return function

    return register


class Run:
    """A case on its way: its folder, which stays where the case fails, and what it found."""

    def __init__(self, name):
        self.folder = os.path.join(os.getcwd(), re.sub(r"\W+", "-", name))
        self.faults = []
        self.missing = set()
        self.volumes = 0
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    def has(self, *tools):
        """Are they there? Where not, the case is skipped."""
        missing = [tool for tool in tools if not shutil.which(tool)]
        self.missing.update(missing)
        return not missing

    def image(self):
        self.volumes += 1
        return os.path.join(self.folder, f"volume{self.volumes}.img")

    def write(self, tree):
        """The image of a tree."""
        image = self.image()
        tree.write(image)
        return image

    def readers_of(self, tree):
        """Those that are there and are to be asked about it."""
        for reader in readers.all_readers():
            tool, limit = reader.missing(), reader.limit(tree)
            if tool is not None:
                self.missing.add(tool)
            elif limit is None:
                yield reader

    def compare(self, tree):
        """Writes the tree to a volume, and reads it with everything."""
        image = self.write(tree)
        for reader in self.readers_of(tree):
            faults = list(reader.read(image, tree))
            if faults:
                shown = "\n  ".join(faults[:SHOWN_FAULTS])
                self.fail(f"{reader.name}, {os.path.basename(image)} ({tree.format}), {len(faults)} faults:\n  {shown}")

    def fail(self, reason):
        self.faults.append(reason)

    def end(self):
        """The exit status. CTest takes a test as skipped that says so: only where nothing failed."""
        if self.faults:
            print("\n".join(self.faults), f"the images are in {self.folder}", sep="\n", file=sys.stderr)
            return 1
        shutil.rmtree(self.folder)
        if self.missing:
            print(f"skipped: {', '.join(sorted(self.missing))} is not there; all that was asked agrees")
        return 0


def main(words):
    if words == ["--list"]:
        print("\n".join(cases))
        return 0
    run = Run(words[0])
    cases[words[0]](run)
    return run.end()
