"""Random trees that mtools writes to a volume of mkfs.fat, some of their files into the gaps that deleted ones left.

Used by cases.py. The same seed makes the same tree. Names are of the Basic Multilingual Plane (mtools cuts others) and have
at most 255 bytes (Linux takes no more), for they lie in a folder first.
"""

import os
import subprocess
import sys

import payload
from fat_names import Names, shown
from fat_nodes import LOWER_BASE, LOWER_EXTENSION, Node

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "tools"))
from guest import fat_image  # noqa: E402

FILES, DIRECTORIES, HOLES = 30, 7, 30


class Tree:
    """To the readers what made_trees.Tree is. `options` are mkfs.fat's besides; of the format, clusters is a guess."""

    has_orphans = False
    tempts = False

    def __init__(self, format_, kibibytes, options, random):
        self.format, self.kibibytes, self.options, self.random = format_, kibibytes, options, random
        self.root = Node(b"")
        self.files = {}
        self.names = {}
        directories = [self.root]
        for _ in range(DIRECTORIES):
            parent = random.choice(directories)
            directories.append(parent.add(self._node(parent, None)))
        for seed in range(1, FILES + 1):
            parent = random.choice(directories)
            size = random.randint(0, 6) * format_.cluster_bytes + random.choice((-1, 0, 1, random.randrange(500)))
            self.files[seed] = parent.add(self._node(parent, payload.contents(seed, max(0, size))))

    def _node(self, parent, contents):
        """Which names mtools will store as short ones is known: of ASCII letters, in one case before and behind the dot."""
        names = self.names.setdefault(parent, Names(self.random))
        if self.random.random() < 0.3:
            short, flags = names.short(self.random.choice(("plain", "lower case")))
            # In lower case where there is a letter at all.
            flags &= (LOWER_BASE if short[:8].lower() != short[:8] else 0) | LOWER_EXTENSION
            flags &= LOWER_BASE | (LOWER_EXTENSION if short[8:].lower() != short[8:] else 0)
            return Node(short, nt_flags=flags, contents=contents)
        kind = self.random.choice(("plain", "plain", "longest", "whole slots"))
        while True:
            _, name = names.long(kind)
            if len(name.encode()) <= 255 and not name.isascii() and len(name) > 12:
                return Node(b"", long_name=name, contents=contents)
            kind = "plain"

    def numbered(self, found, name_of):
        """Number: node, by the paths that The Sleuth Kit has `found`: nobody else knows them."""
        numbers = {path: number for number, path in found.items()}
        return {numbers.get(node.path(name_of)): node for node in self.root.below()}

    def is_behind_orphan(self, node):
        return False

    def _write_folder(self, folder):
        for node in self.root.below():
            path = os.path.join(folder, node.path(shown))
            if node.is_directory:
                os.makedirs(path)
            else:
                with open(path, "wb") as file:
                    file.write(node.contents)

    def _copy(self, image, folder, names):
        if names:
            paths = [os.path.join(folder, name) for name in names]
            fat_image.run_tool(["mcopy", "-i", image, "-s", "-m", "-Q", *paths, "::/"])

    def write(self, image):
        """Makes the volume; beside it lies the folder afterwards."""
        folder = image + ".tree"
        os.makedirs(folder)
        self._write_folder(folder)
        units = ["-s", str(self.format.sectors_per_cluster), "-S", str(self.format.sector_bytes)]
        fat_image.format_image(image, self.kibibytes * 1024, self.format.bits, "--invariant", *units, *self.options)
        holes = [f"::/hole{number:02}" for number in range(HOLES)]
        filler = image + ".filler"
        for number, hole in enumerate(holes):
            payload.write(filler, self.format.cluster_bytes * (1 + number % 3), 0x7FFF_0000 + number)
            fat_image.run_tool(["mcopy", "-i", image, filler, hole])
        fat_image.run_tool(["mdel", "-i", image, *holes[::2]])
        if self.format.bits == 32:
            fat_image.forget_free_hint(image)
        top = sorted(os.listdir(folder))
        self._copy(image, folder, top[::2])
        fat_image.run_tool(["mdel", "-i", image, *holes[1::2]])
        self._copy(image, folder, top[1::2])
