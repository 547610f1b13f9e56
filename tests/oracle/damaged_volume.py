"""A volume of fat_maker.py with which nothing is wrong, and hands to damage it with. Used by damages.py and damage.py."""

import struct

import fat_maker
import payload
from fat_maker import Format
from fat_nodes import ARCHIVE, LABEL, Node, entry

FORMATS = {
    12: Format(12, 400),
    16: Format(16, 4200),
    # FAT32 of any size reads alike, and a small one is read at once.
    32: Format(32, 3000, reserved_sectors=32, root_cluster=7),
}


class Volume:
    """Order of calls: lay_out(), then restore(), any of the hands, and write(), as often as wanted."""

    def __init__(self, bits, random):
        self.format = FORMATS[bits]
        self.random = random
        # Files and directories in pieces, so that a chain that is cut or bent is nothing like the next file's.
        self.volume = fat_maker.Volume(self.format, random, ("scattered",))
        root = self.volume.root
        self.label = self._slots(root, entry(b"A LABEL    ", LABEL, 0, 0))
        self.a = self._file(root, b"A       BIN", 5)
        self.long = self._file(root, b"LONGNA~1BIN", 3, "long name of three slots it is.bin")
        self.empty = root.add(Node(b"EMPTY   TXT", attributes=ARCHIVE, contents=b""))
        self.dir = root.add(Node(b"DIR        "))
        self.b = self._file(self.dir, b"B       BIN", 4)
        self.inner = self._file(self.dir, b"INNERL~1TXT", 1, "inner long name.txt")
        self.sub = self.dir.add(Node(b"SUB        "))
        self.c = self._file(self.sub, b"C       BIN", 2)
        self.wide = root.add(Node(b"WIDE       "))
        for number in range(40):
            self.wide.add(Node(b"W%02d        " % number, attributes=ARCHIVE, contents=b""))
        # An entry that is nobody's, for damages that need one more; the second with room for slots.
        self.spare = self._slots(root, entry(b"\xe5PARE      ", 0, 0, 0))
        self.slots = self._slots(root, entry(b"\xe5LOT       ", 0, 0, 0) * 6)
        self.after = root.add(Node(b"AFTER   TXT", attributes=ARCHIVE, contents=b""))
        self.root = root

    @staticmethod
    def _file(parent, short, clusters, long_name=None):
        size = clusters * 512 - 12
        return parent.add(Node(short, long_name=long_name, attributes=ARCHIVE, contents=payload.contents(clusters, size)))

    @staticmethod
    def _slots(parent, slots):
        parent.items.append(slots)
        return slots

    def lay_out(self, image):
        """From now on it is bytes, which restore() brings back."""
        self.volume.write(image)
        with open(image, "rb") as file:
            self.data = bytearray(file.read())
        self.poke(self.boot_label, b"A LABEL    ")
        if self.format.bits == 32:
            self.poke(6 * 512, self.data[:512])
        self.whole = bytes(self.data)
        # Apart from each other, so that chains of them are none by accident.
        self.whole_free = sorted(self.volume.clusters.free)[::7]
        self.restore()

    def restore(self):
        self.data = bytearray(self.whole)
        self.free_clusters = list(self.whole_free)
        self.random.shuffle(self.free_clusters)

    def write(self, image):
        with open(image, "wb") as file:
            file.write(self.data)

    # Places

    @property
    def state(self):
        return 65 if self.format.bits == 32 else 37

    @property
    def boot_label(self):
        return self.state + 6

    def at(self, what):
        """Of a node's entry, or of other slots in the root, which has one cluster or lies in one piece."""
        if isinstance(what, Node):
            return what.entry_at
        size = len(what)
        start = self.whole.index(what, self.format.root_sector * 512)
        assert start % 32 == 0 and size % 32 == 0
        return start

    def slot(self, node, number):
        """Of a long name's slot, from the one right before the entry (1) on."""
        return node.entry_at - 32 * number

    def dot(self, directory, number=0):
        return self.format.cluster_at(directory.chain[0]) + 32 * number

    # Hands

    def poke(self, place, what):
        what = bytes([what]) if isinstance(what, int) else bytes(what)
        self.data[place : place + len(what)] = what

    def poke16(self, place, value):
        struct.pack_into("<H", self.data, place, value)

    def poke32(self, place, value):
        struct.pack_into("<I", self.data, place, value)

    def link(self, cluster, value, tables=(0, 1)):
        """Sets a table's entry."""
        bits = self.format.bits
        for table in tables:
            start = (self.format.reserved_sectors + table * self.format.table_sectors) * 512
            if bits == 32:
                self.poke32(start + cluster * 4, value & 0x0FFF_FFFF)
            elif bits == 16:
                self.poke16(start + cluster * 2, value & 0xFFFF)
            else:
                place = start + cluster * 3 // 2
                old = struct.unpack_from("<H", self.data, place)[0]
                odd = cluster % 2
                self.poke16(place, old & (0x000F if odd else 0xF000) | (value & 0xFFF) << 4 * odd)

    def mark(self, low):
        """0xff7 and such, in the width of the table."""
        return (1 << min(self.format.bits, 28)) - 0x1000 + low if self.format.bits != 12 else low

    def free(self):
        """A free cluster that nothing else has taken."""
        return self.free_clusters.pop()

    def start(self, what, cluster):
        """A first cluster."""
        place = what if isinstance(what, int) else self.at(what)
        self.poke16(place + 26, cluster & 0xFFFF)
        if self.format.bits == 32:
            self.poke16(place + 20, cluster >> 16)

    def size(self, what, size):
        self.poke32((what if isinstance(what, int) else self.at(what)) + 28, size)

    def add(self, short, attributes=ARCHIVE, cluster=0, size=0):
        """An entry in the root."""
        self.poke(self.at(self.spare), entry(short, attributes, cluster, size, bits=self.format.bits))

    def add_slots(self, slots):
        self.poke(self.at(self.slots), slots)

    def lose(self, *values):
        """A chain that nobody has: each value is its next's number by place, or an entry as it is."""
        clusters = [self.free() for _ in values]
        for cluster, value in zip(clusters, values):
            self.link(cluster, clusters[value] if 0 <= value < len(clusters) else value)
        return clusters

    def root_cluster(self):
        return self.root.chain[0] if self.root.chain else 0
