"""Random trees on volumes of fat_maker.py. Every file's bytes name the file and their place in it.

Used by cases.py. The same seed makes the same tree.
"""

import dataclasses

import fat_maker
import payload
from fat_names import Names
from fat_nodes import ARCHIVE, DELETED, HIDDEN, LABEL, LONG_NAME, READ_ONLY, SYSTEM
from fat_nodes import Node, checksum, deleted, entry, long_slots

LONG_KINDS = ("plain", "longest", "emoji", "longest emoji", "whole slots", "punctuation")
SHORT_KINDS = ("plain", "lower case", "punctuation", "code page", "e5")


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a tree is like."""

    files: int = 30
    directories: int = 7
    depth: int = 4
    long_kinds: tuple = LONG_KINDS
    short_kinds: tuple = SHORT_KINDS
    most_clusters: int = 12  # of a file
    deleted: bool = True  # deleted slots between the others, and a label in the midst of the root
    orphans: bool = False  # slots of long names that belong to no file
    manners: tuple = fat_maker.Clusters.MANNERS
    chain_of: int = 0  # so many directories within each other besides


class Tree:
    """Fills a volume with a random tree, as far as there is room. `files` by their payload seeds: who owns which bytes."""

    def __init__(self, format_, shape, random):
        self.format, self.shape, self.random = format_, shape, random
        self.volume = fat_maker.Volume(format_, random, shape.manners)
        self.root = self.volume.root
        self.names = {}  # of each directory
        self.files = {}
        self.tempts = False
        # A quarter stays free: for directories, bad clusters and what is deleted.
        self.room = format_.clusters * 3 // 4
        self._fill()

    def _name(self, directory):
        names = self.names.setdefault(directory, Names(self.random))
        if self.random.random() < 0.6:
            short, long_name = names.long(self.random.choice(self.shape.long_kinds))
            return {"short": short, "long_name": long_name}
        short, flags = names.short(self.random.choice(self.shape.short_kinds))
        return {"short": short, "nt_flags": flags}

    def _fill(self):
        directories = [self.root]
        for number in range(self.shape.directories + self.shape.chain_of):
            is_chain = number >= self.shape.directories
            shallow = [d for d in directories if self._depth(d) < self.shape.depth]
            directories.append(self.add_directory(directories[-1] if is_chain else self.random.choice(shallow)))
        for _ in range(self.shape.files):
            self.add_file(self.random.choice(directories), self._size())
        self.add_file(directories[-1], self.format.cluster_bytes + 1)
        if self.shape.deleted:
            self._label()

    def _depth(self, directory):
        return 0 if directory.parent is None else 1 + self._depth(directory.parent)

    def _size(self):
        cluster = self.format.cluster_bytes
        whole = self.random.randint(0, self.shape.most_clusters) * cluster
        return max(0, whole + self.random.choice((0, 0, 1, -1, self.random.randrange(cluster), -cluster // 2)))

    def add_directory(self, parent):
        self.room -= 2
        return self._add(parent, Node(**self._name(parent), attributes=self._attributes() & ~ARCHIVE))

    def _add(self, parent, node):
        self._leave_over(parent, node)
        return parent.add(node)

    def add_file(self, parent, size):
        clusters = -(-size // self.format.cluster_bytes)
        if clusters > self.room:
            size = clusters = 0
        self.room -= clusters
        seed = len(self.files) + 1
        contents = payload.contents(seed, size)
        node = Node(**self._name(parent), attributes=self._attributes(), contents=contents)
        self.files[seed] = node
        return self._add(parent, node)

    def _attributes(self):
        return self.random.choice((0, ARCHIVE, ARCHIVE, READ_ONLY, ARCHIVE | HIDDEN | SYSTEM))

    def gone_file(self, directory):
        """Slots of a file that is not there, and its short name."""
        short, long_name = self.names.setdefault(directory, Names(self.random)).long("plain")
        cluster = self.random.randrange(2, self.format.clusters + 2)
        return long_slots(long_name, short), entry(short, ARCHIVE, cluster, 1000, bits=self.format.bits)

    def _leave_over(self, directory, node):
        """Sometimes, before the next node: what deleting files and crashing leaves in directories."""
        if self.random.random() > 0.3:
            return
        slots, last = self.gone_file(directory)
        if checksum(last[:11]) == checksum(node.short):
            return  # the long name would be the node's, or look so: that is tempt()
        choices = []
        if self.shape.deleted:
            choices += [deleted(slots + last), slots + deleted(last)]
        if self.shape.orphans:
            # Whole, and without its end or its beginning.
            choices += [slots, slots[32:] or slots, slots[:-32] or slots]
        if choices:
            directory.items.append(self.random.choice(choices))

    def numbered(self, _found, _name_of):
        """Number: node, by the places of the entries, as The Sleuth Kit numbers them."""
        start = self.format.root_sector * self.format.sector_bytes
        return {3 + (node.entry_at - start) // 32: node for node in self.root.below()}

    def write(self, image):
        self.volume.write(image)

    @property
    def has_orphans(self):
        return self.shape.orphans

    def is_behind_orphan(self, node):
        """Do slots of another file's long name stand before this one's only entry, behind the previous file?"""
        if node.long_name is not None:
            return False
        items = node.parent.items
        at = items.index(node)
        while at > 0 and isinstance(items[at - 1], bytes):
            at -= 1
            slots = items[at]
            if any(slots[n] != DELETED and slots[n + 11] == LONG_NAME for n in range(0, len(slots), 32)):
                return True
        return False

    def _label(self):
        items = self.root.items
        at = self.random.randrange(len(items) + 1)
        items.insert(at, entry(b"A LABEL    ", LABEL, 0, 0, bits=self.format.bits))


def fill_up(tree, directory):
    """Deleted slots until the directory's last cluster is full: nothing marks its end."""
    per_cluster = tree.format.cluster_bytes // 32
    used = 2 + sum(len(i if isinstance(i, bytes) else i.slots(tree.format)) // 32 for i in directory.items)
    while used % per_cluster != 0:
        _, last = tree.gone_file(directory)
        directory.items.append(deleted(last))
        used += 1


def tempt(tree, directory):
    """A long name whose file was deleted, and right behind it a file without one whose short name has the same checksum."""
    tree.tempts = True
    slots, last = tree.gone_file(directory)
    numbers = (b"%05d      " % number for number in range(100_000))
    short = next(short for short in numbers if checksum(short) == checksum(last[:11]))
    directory.items.append(slots + deleted(last))
    seed = len(tree.files) + 1
    tree.files[seed] = directory.add(Node(short, contents=payload.contents(seed, 100)))
