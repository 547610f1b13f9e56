"""Writes FAT volumes of any geometry, with names, fragments and leftovers that no mkfs and no mtools makes.

A tree of Node below Volume.root is laid out and written by Volume.write(); what a directory holds besides (deleted and
orphaned slots, a label) is bytes among its items. Nothing of the code under test is used. Used by tests/oracle.
Reference: Microsoft "FAT: General Overview of On-Disk Format" 1.03.
"""

import dataclasses
import struct
from typing import Optional

import payload
from fat_nodes import DIRECTORY, Node, entry

STALE = 0x7FFF_0000  # payload seeds from here on are of no file: what lies in slack and in free clusters


@dataclasses.dataclass(frozen=True)
class Format:
    """What the boot sector says. FAT32 with fewer than 65525 clusters is what mkfs.fat -F 32 makes of a small disk."""

    bits: int
    clusters: int
    sector_bytes: int = 512
    sectors_per_cluster: int = 1
    tables: int = 2
    reserved_sectors: int = 1  # FAT32: at least 2, one for FSInfo
    root_entries: int = 512  # FAT12 and FAT16
    root_cluster: int = 2  # FAT32: where the root directory's chain begins
    active_table: Optional[int] = None  # FAT32: the only table that is kept; the others hold nonsense
    top_bits: int = 0  # FAT32: of every entry, the four that are no part of it
    spare_table_sectors: int = 0
    spare_sectors: int = 0  # behind the last cluster, fewer than one has

    @property
    def cluster_bytes(self):
        return self.sector_bytes * self.sectors_per_cluster

    @property
    def table_sectors(self):
        table_bytes = ((self.clusters + 2) * self.bits + 7) // 8
        return -(-table_bytes // self.sector_bytes) + self.spare_table_sectors

    @property
    def root_sector(self):
        """Of the fixed root directory, or where cluster 2 begins on FAT32."""
        return self.reserved_sectors + self.tables * self.table_sectors

    @property
    def data_sector(self):
        root_bytes = 0 if self.bits == 32 else self.root_entries * 32
        return self.root_sector + -(-root_bytes // self.sector_bytes)

    @property
    def total_sectors(self):
        return self.data_sector + self.clusters * self.sectors_per_cluster + self.spare_sectors

    def cluster_at(self, cluster):
        return self.data_sector * self.sector_bytes + (cluster - 2) * self.cluster_bytes


class Clusters:
    """Who has which clusters; gives them out whole or in pieces."""

    MANNERS = ("whole", "forward", "backward", "scattered")

    def __init__(self, format_, random):
        self.random = random
        self.free = set(range(2, format_.clusters + 2))
        self.order = list(self.free)
        random.shuffle(self.order)
        # The last cluster there is has an owner on every volume.
        self.order.append(format_.clusters + 1)

    def _start(self):
        while self.order[-1] not in self.free:
            self.order.pop()
        return self.order[-1]

    def _run(self, start, most):
        count = 0
        while count < most and start + count in self.free:
            count += 1
        return list(range(start, start + count))

    def _whole(self, count):
        for _ in range(40):
            run = self._run(self.random.choice(self.order), count)
            if len(run) == count:
                return run
        return None

    def take(self, count, manner, first=None):
        chain = [] if first is None else [first]
        self.free.difference_update(chain)
        if manner == "whole" and not chain:
            chain = self._whole(count) or []
            self.free.difference_update(chain)
        longest = 1 if manner == "backward" else self.random.choice((1, 2, 5, 16))
        while len(chain) < count:
            run = self._run(self._start(), min(count - len(chain), longest))
            chain += run
            self.free.difference_update(run)
        if manner in ("forward", "backward"):
            rest = 0 if first is None else 1
            chain[rest:] = sorted(chain[rest:], reverse=manner == "backward")
        return chain


class Volume:
    """Order of calls: nodes are added below root, then write(). Afterwards each node knows its clusters and its place."""

    def __init__(self, format_, random, manners=Clusters.MANNERS):
        self.format, self.random, self.manners = format_, random, manners
        self.root = Node(b"", attributes=DIRECTORY)
        self.clusters = Clusters(format_, random)

    def free_clusters(self):
        return len(self.clusters.free)

    def _directory_bytes(self, node):
        """The slots of a directory, once its children have their clusters; notes where each child's entry will be."""
        data = b""
        if node is not self.root:
            above = node.parent.chain[0] if node.parent is not self.root else 0
            for name, cluster in ((b".", node.chain[0]), (b"..", above)):
                data += entry(name.ljust(11), DIRECTORY, cluster, 0, bits=self.format.bits)
        for item in node.items:
            data += item if isinstance(item, bytes) else item.slots(self.format)
            if isinstance(item, Node):
                item.entry_at = len(data) - 32
        for child in node.children():
            child.entry_at = self._place(node, child.entry_at)
        return data

    def _place(self, node, offset):
        """Where on the disk an offset in a node is."""
        if not node.chain:
            return self.format.root_sector * self.format.sector_bytes + offset
        return self.format.cluster_at(node.chain[offset // self.format.cluster_bytes]) + offset % self.format.cluster_bytes

    def _slot_count(self, node):
        own = 0 if node is self.root else 2
        return own + sum(len(i if isinstance(i, bytes) else i.slots(self.format)) // 32 for i in node.items)

    def _allocate(self):
        nodes = list(self.root.below())
        self.random.shuffle(nodes)
        if self.format.bits == 32:
            self._allocate_directory(self.root, self.format.root_cluster)
        elif self._slot_count(self.root) > self.format.root_entries:
            raise ValueError("the root directory has too many entries")
        for node in nodes:
            if node.is_directory:
                self._allocate_directory(node)
            elif node.contents:
                count = -(-len(node.contents) // self.format.cluster_bytes)
                node.chain = self.clusters.take(count, self.random.choice(self.manners))

    def _allocate_directory(self, node, first=None):
        count = max(1, -(-self._slot_count(node) * 32 // self.format.cluster_bytes))
        node.chain = self.clusters.take(count, self.random.choice(self.manners), first)

    def _table(self):
        """The entries of the table: chains, some bad clusters, end marks of every kind."""
        highest = (1 << min(self.format.bits, 28)) - 1
        table = [0] * (self.format.clusters + 2)
        table[0], table[1] = highest & ~0xFF | 0xF8, highest
        for node in [self.root, *self.root.below()]:
            for here, following in zip(node.chain, node.chain[1:]):
                table[here] = following
            if node.chain:
                table[node.chain[-1]] = highest - self.random.randrange(8)
        for _ in range(min(5, len(self.clusters.free) // 4)):
            table[self.clusters.take(1, "scattered")[0]] = highest - 8
        return table

    def _pack(self, table):
        if self.format.bits == 16:
            return struct.pack(f"<{len(table)}H", *table)
        if self.format.bits == 32:
            return struct.pack(f"<{len(table)}I", *(value | self.format.top_bits << 28 for value in table))
        pairs = zip(table[::2], table[1::2] + [0])
        return b"".join((even | odd << 12).to_bytes(3, "little") for even, odd in pairs)

    def _boot_sector(self):
        f = self.format
        small = f.bits != 32 and f.total_sectors < 0x10000
        sector = bytearray(f.sector_bytes)
        # A jump to behind all this: 7-Zip believes in no FAT32 boot sector that jumps into itself.
        sector[:11] = (b"\xeb\x58\x90" if f.bits == 32 else b"\xeb\x3c\x90") + b"MSWIN4.1"
        struct.pack_into("<HBHBHHBHHHII", sector, 11, f.sector_bytes, f.sectors_per_cluster, f.reserved_sectors, f.tables,
                         0 if f.bits == 32 else f.root_entries, f.total_sectors if small else 0, 0xF8,
                         0 if f.bits == 32 else f.table_sectors, 63, 255, 0, 0 if small else f.total_sectors)  # fmt: skip
        at = 36
        if f.bits == 32:
            flags = 0 if f.active_table is None else 0x80 | f.active_table
            backup = 6 if f.reserved_sectors > 6 else 0
            struct.pack_into("<IHHIHH", sector, at, f.table_sectors, flags, 0, f.root_cluster, 1, backup)
            at = 64
        text = f"FAT{f.bits}".ljust(8).encode()
        struct.pack_into("<BBBI11s8s", sector, at, 0x80, 0, 0x29, 0x2826F9B3, b"NO NAME    ", text)
        sector[510:512] = b"\x55\xaa"
        return bytes(sector)

    def _fs_info(self):
        sector = bytearray(self.format.sector_bytes)
        struct.pack_into("<I", sector, 0, 0x41615252)
        struct.pack_into("<III", sector, 484, 0x61417272, self.free_clusters(), 2)
        sector[510:512] = b"\x55\xaa"
        return bytes(sector)

    def _write_reserved(self, file):
        sector_bytes = self.format.sector_bytes
        file.write(self._boot_sector())
        if self.format.bits != 32:
            return
        file.write(self._fs_info())
        if self.format.reserved_sectors > 6:
            file.seek(6 * sector_bytes)
            file.write(self._boot_sector())

    def _write_tables(self, file, table):
        active = self.format.active_table
        for number in range(self.format.tables):
            file.seek((self.format.reserved_sectors + number * self.format.table_sectors) * self.format.sector_bytes)
            is_kept = active is None or active == number
            # Nonsense: every file ends after one cluster.
            file.write(self._pack(table if is_kept else [0x0FFF_FFFF] * len(table)))

    def _write_node(self, file, node, data, filler):
        """The data along the chain, in as few writes as the runs allow; the rest of the last cluster is filled."""
        cluster_bytes = self.format.cluster_bytes
        data += filler(len(node.chain) * cluster_bytes - len(data))
        for index, cluster in enumerate(node.chain):
            file.seek(self.format.cluster_at(cluster))
            file.write(data[index * cluster_bytes : (index + 1) * cluster_bytes])

    def _write_directory(self, file, node):
        data = self._directory_bytes(node)
        if node.chain:
            self._write_node(file, node, data, bytes)
        else:
            file.seek(self.format.root_sector * self.format.sector_bytes)
            file.write(data)

    def write(self, path):
        """Lays everything out and writes the image, whose size is a multiple of 4096 bytes, sparsely."""
        self._allocate()
        table = self._table()
        with open(path, "wb") as file:
            file.truncate(-(-self.format.total_sectors * self.format.sector_bytes // 4096) * 4096)
            self._write_reserved(file)
            self._write_tables(file, table)
            self._write_directory(file, self.root)
            for node in self.root.below():
                if node.is_directory:
                    self._write_directory(file, node)
                else:
                    seed = STALE + node.chain[0] % 0x8000 if node.chain else STALE
                    self._write_node(file, node, node.contents, lambda count, seed=seed: payload.contents(seed, count))
            # What a deleted file left behind.
            for cluster in sorted(self.clusters.free)[:20]:
                file.seek(self.format.cluster_at(cluster))
                file.write(payload.contents(STALE + 0x8000 + cluster % 0x8000, min(self.format.cluster_bytes, 4096)))
