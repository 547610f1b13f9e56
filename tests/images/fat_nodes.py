"""Files, directories and their entries as they stand on a FAT volume: the slots of the long name, then the short one's.

Used by fat_maker.py, which gives them clusters, and by tests/oracle. Reference: Microsoft "FAT: General Overview of On-Disk
Format" 1.03, "FAT Directory Structure".
"""

import struct

READ_ONLY, HIDDEN, SYSTEM, LABEL, DIRECTORY, ARCHIVE = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
LONG_NAME = 0x0F
LOWER_BASE, LOWER_EXTENSION = 0x08, 0x10  # DIR_NTRes
DELETED = 0xE5
LAST_SLOT = 0x40
UNITS_PER_SLOT = 13
DATE, TIME = (43 << 9) | (11 << 5) | 14, (22 << 11) | (13 << 5) | 10


class Node:
    """A file, or a directory where `contents` is None. `short` is the 11 bytes of DIR_Name as they stand on the disk."""

    def __init__(self, short, long_name=None, nt_flags=0, attributes=0, contents=None):
        self.short, self.long_name, self.nt_flags = short, long_name, nt_flags
        self.attributes = attributes | (DIRECTORY if contents is None else 0)
        self.contents = contents
        self.items = []  # of a directory: nodes, and bytes: slots that are no file's
        self.parent = None
        self.chain = []
        self.entry_at = 0  # where on the disk its entry stands

    @property
    def is_directory(self):
        return self.contents is None

    def add(self, node):
        node.parent = self
        self.items.append(node)
        return node

    def children(self):
        return [item for item in self.items if isinstance(item, Node)]

    def below(self):
        """Every node below this directory, each before what is in it."""
        for child in self.children():
            yield child
            if child.is_directory:
                yield from child.below()

    def path(self, name_of):
        """The names from the root on, as name_of(node) gives them."""
        above = self.parent.path(name_of) if self.parent.parent else ""
        return (above + "/" if above else "") + name_of(self)

    def slots(self, format_):
        first = self.chain[0] if self.chain else 0
        size = 0 if self.is_directory else len(self.contents)
        return long_slots(self.long_name, self.short) + entry(
            self.short, self.attributes, first, size, self.nt_flags, format_.bits
        )


def checksum(short):
    total = 0
    for byte in short:
        total = (((total & 1) << 7) + (total >> 1) + byte) & 0xFF
    return total


def entry(short, attributes, first_cluster, size, nt_flags=0, bits=32):
    high = first_cluster >> 16 if bits == 32 else 0
    tail = struct.pack("<HHHHI", high, TIME, DATE, first_cluster & 0xFFFF, size)
    return short + struct.pack("<BBBHHH", attributes, nt_flags, 150, TIME, DATE, DATE) + tail


def long_slots(long_name, short):
    """The slots before the entry of a short name, as they stand on the disk: the end of the name first."""
    if long_name is None:
        return b""
    units = long_name.encode("utf-16-le")
    if len(units) > 2 * 255:
        raise ValueError(f"{long_name}: more than 255 units")
    count = -(-len(units) // (2 * UNITS_PER_SLOT))
    padded = (units + b"\0\0").ljust(count * 2 * UNITS_PER_SLOT, b"\xff")[: count * 2 * UNITS_PER_SLOT]
    slots = b""
    for number in range(count, 0, -1):
        part = padded[(number - 1) * 2 * UNITS_PER_SLOT : number * 2 * UNITS_PER_SLOT]
        order = number | (LAST_SLOT if number == count else 0)
        slots += bytes([order]) + part[:10] + bytes([LONG_NAME, 0, checksum(short)]) + part[10:22] + bytes(2) + part[22:]
    return slots


def deleted(slots):
    """The same slots after the file was deleted."""
    return b"".join(bytes([DELETED]) + slots[at + 1 : at + 32] for at in range(0, len(slots), 32))
