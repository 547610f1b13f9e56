"""Each damage that fsck.fat knows, and some that it does not see: what inflicts it on a Volume, and what is to be said.

Used by damage.py. In the order of fsck.fat's sources: boot.c, fat.c, check.c, lfn.c.
"""

import dataclasses
from typing import Callable, Optional

from fat_nodes import ARCHIVE, DELETED, DIRECTORY, LABEL, LAST_SLOT, LONG_NAME, entry, long_slots

ALL, FAT12, FAT16, FAT32 = (12, 16, 32), (12,), (16,), (32,)
UNKNOWN = 0xFFFF_FFFF


@dataclasses.dataclass(frozen=True)
class Damage:
    name: str
    inflict: Callable  # of the Volume
    theirs: Optional[str]  # what fsck.fat says; None: it does not see it
    ours: str
    bits: tuple = ALL
    alone: bool = False  # no other damage is seen behind it, by one of the two at least


def _second_root(v):
    """As large as one of FAT16, before the clusters."""
    start = v.format.data_sector * 512
    v.data[start:start] = bytes(512)
    v.poke(17, b"\x10")
    v.poke32(32, v.format.total_sectors + 1)


def _as_directory(v):
    """An empty one, without dots, so that its bytes are nobody's names."""
    v.poke(v.at(v.c) + 11, DIRECTORY)
    for cluster in v.c.chain:
        v.poke(v.format.cluster_at(cluster), bytes(512))


BAD_FOLLOWED = "next_cluster on bad cluster"  # where fsck.fat gives up
DAMAGES = [
    # The boot sector, FSInfo, the label.
    Damage("dirty", lambda v: v.poke(v.state, 1), "Dirty bit is set", "marked as not unmounted cleanly"),
    Damage("dirty in the table", lambda v: v.link(1, v.mark(0xFFF) & ~(0x8000 if v.format.bits == 16 else 0x800_0000)),
           "Dirty bit is set", "marked as not unmounted cleanly", (16, 32)),
    Damage("had errors", lambda v: v.poke(v.state, 2), None, "I/O errors"),
    Damage("backup differs", lambda v: v.poke(6 * 512 + 3, b"OTHER"), "There are differences", "its backup", FAT32),
    Damage("backup is none", lambda v: v.poke(6 * 512, bytes(512)), "There are differences", "its backup", FAT32),
    Damage("FSInfo begins otherwise", lambda v: v.poke(512, 0), "FSINFO sector has bad magic", "its FSInfo sector", FAT32),
    Damage("FSInfo's middle is otherwise", lambda v: v.poke(512 + 484, 0), "bad magic", "its FSInfo sector", FAT32),
    Damage("FSInfo ends otherwise", lambda v: v.poke(512 + 510, 0), "bad magic", "its FSInfo sector", FAT32),
    Damage("free clusters miscounted", lambda v: v.poke32(512 + 488, 77), "summary wrong (77 ", "FSInfo counts 77", FAT32),
    Damage("more free clusters than clusters", lambda v: v.poke32(512 + 488, 99_999), "summary wrong (99999 ",
           "its FSInfo sector", FAT32),
    Damage("labels differ", lambda v: v.poke(v.at(v.label), b"ANOTHER"), "and different", "the label of the boot sector"),
    Damage("label with a cluster", lambda v: v.start(v.label, v.free()), "Contains a free cluster",
           "/A LABEL: is a label with"),
    Damage("label with a size", lambda v: v.size(v.label, 100), "File size is 100 bytes", "/A LABEL: is a label with"),
    *(Damage(f"label with {byte:#04x}", lambda v, byte=byte: v.poke(v.at(v.label) + 3, byte), "root directory is not valid",
             "its short name holds") for byte in (0x01, 0x22, 0x2B, 0x3F, 0x7C)),
    # The tables.
    Damage("tables differ", lambda v: v.link(v.a.chain[1], v.a.chain[3], (1,)), "FATs differ", "table 1 differs"),
    Damage("tables differ in their last entry", lambda v: v.link(v.format.clusters + 1, 3, (1,)), "FATs differ",
           "table 1 differs"),
    Damage("first table begins otherwise", lambda v: v.link(0, 0, (0,)), "using second", "table 1 differs", alone=True),
    Damage("second table begins otherwise", lambda v: v.link(0, 0, (1,)), "using first", "table 1 differs"),
    Damage("tables are both none", lambda v: (v.link(0, 0), v.link(v.free(), 5, (1,))), "Both FATs appear to be corrupt",
           "entry 0", alone=True),
    # What nobody can mount, and FAT32 by its backup only.
    *(Damage(f"{name} of {value}", lambda v, place=place, data=data: v.poke(place, data), theirs, ours, bits, alone=True)
      for name, value, place, data, theirs, ours, bits in (
          ("sectors", 0, 11, bytes(2), "Logical sector size is zero", "BPB_BytsPerSec is 0", ALL),
          ("sectors", 100, 11, b"\x64\0", "is not a multiple of the physical", "BPB_BytsPerSec is 100", ALL),
          ("clusters", 0, 13, b"\0", "Cluster size is zero", "BPB_SecPerClus is 0", ALL),
          ("tables", 0, 22, bytes(2), "has no space for any data clusters", "BPB_FATSz", (12, 16)),
          ("tables", 0, 36, bytes(4), "FAT size is zero", "both 0", FAT32),
          ("tables", 1, 22, b"\1\0", "but only space for", "the table has entries for", (12, 16)),
          ("tables", 1, 36, b"\1\0", "but only space for", "the table has entries for", FAT32),
          ("root", 0, 17, bytes(2), "Root directory has zero size", "BPB_RootEntCnt is 0", (12, 16)),
          ("root", 511, 17, b"\xff\1", "span an integral number of sectors", "BPB_RootEntCnt is 511", (12, 16)),
          ("root in cluster", 0, 44, bytes(4), "No root directory", "BPB_RootClus", FAT32),
          ("root in cluster", 1, 44, b"\1\0\0\0", "Bad FAT32 root directory", "BPB_RootClus", FAT32),
          ("root in cluster", 9999, 44, b"\x0f\x27\0\0", "Bad FAT32 root directory", "BPB_RootClus", FAT32),
          ("volume", 0, 19, bytes(2), "Failed to read sector", "BPB_TotSec16 and BPB_TotSec32 are both 0", (12, 16)),
          ("volume", 60000, 19, b"\x60\xea", "Failed to read sector", "the disk has only", (12, 16)),
          ("volume", 99999, 32, b"\x9f\x86\1\0", "Failed to read sector", "the disk has only", FAT32),
      )),
    Damage("a second root directory", _second_root, "a separate root dir", "BPB_RootEntCnt is 16", FAT32, alone=True),
    # Chains.
    Damage("cycle", lambda v: v.link(v.a.chain[-1], v.a.chain[1]), "Circular", "/A.BIN: its chain comes back to"),
    Damage("cycle of one", lambda v: v.link(v.c.chain[0], v.c.chain[0]), "Circular",
           "/DIR/SUB/C.BIN: its chain comes back"),
    Damage("cycle through the start", lambda v: v.link(v.b.chain[2], v.b.chain[0]), "Circular",
           "/DIR/B.BIN: its chain comes"),
    Damage("directory in a cycle", lambda v: v.link(v.wide.chain[-1], v.wide.chain[0]), "Circular",
           "/WIDE: its chain comes"),
    Damage("root in a cycle", lambda v: v.link(v.root.chain[-1], v.root.chain[0]), "Circular", "/: its chain comes", FAT32,
           alone=True),
    Damage("file runs into a file", lambda v: v.link(v.a.chain[1], v.b.chain[1]), "share clusters", "runs into another"),
    Damage("file begins as another", lambda v: v.start(v.c, v.a.chain[0]), "share clusters", "/C.BIN: its chain runs into"),
    Damage("file begins in another", lambda v: v.start(v.c, v.b.chain[2]), "share clusters", "/C.BIN: its chain runs into"),
    Damage("file runs into a directory", lambda v: v.link(v.a.chain[2], v.wide.chain[1]), "share clusters", "runs into"),
    Damage("file begins as a directory", lambda v: v.start(v.c, v.dir.chain[0]), "share clusters", "runs into another"),
    Damage("directory runs into a file", lambda v: v.link(v.dir.chain[-1], v.a.chain[3]), "share clusters", "runs into",
           alone=True),  # fsck.fat reads on behind the mark of a directory's end
    Damage("directory runs into another", lambda v: v.link(v.dir.chain[-1], v.wide.chain[1]), "share clusters",
           "runs into"),
    Damage("directory begins as another", lambda v: v.start(v.sub, v.wide.chain[0]), "share clusters", "runs into"),
    Damage("directory in itself", lambda v: v.start(v.sub, v.dir.chain[0]), "Start does point to containing directory",
           "/DIR/SUB: its chain runs into"),
    Damage("file begins at the root", lambda v: v.start(v.a, v.root_cluster()), "share clusters",
           "/A.BIN: its chain runs into",
           FAT32),
    Damage("file runs into the root", lambda v: v.link(v.a.chain[2], v.root_cluster()), "share clusters",
           "/A.BIN: its chain runs into", FAT32),
    Damage("directory is the root", lambda v: v.start(v.wide, v.root_cluster()), "point to", "/WIDE: its chain runs into",
           FAT32),
    Damage("directory in another is the root", lambda v: v.start(v.sub, v.root_cluster()), "share clusters", "/SUB: its",
           FAT32),
    Damage("free cluster in a file", lambda v: v.link(v.a.chain[2], 0), "Contains a free", "/A.BIN: its chain breaks off"),
    Damage("bad cluster in a file", lambda v: v.link(v.a.chain[2], v.mark(0xFF7)), BAD_FOLLOWED,
           "/A.BIN: its chain breaks"),
    Damage("reserved cluster in a file", lambda v: v.link(v.a.chain[2], v.mark(0xFF3)), "A.BIN",
           "/A.BIN: its chain breaks"),
    Damage("lowest reserved cluster in a file", lambda v: v.link(v.a.chain[2], v.mark(0xFF0)), "/A.BIN",
           "/A.BIN: its chain"),
    Damage("cluster 1 in a file", lambda v: v.link(v.a.chain[2], 1), "out of range (1)", "/A.BIN: its chain breaks off"),
    Damage("cluster beyond the volume in a file", lambda v: v.link(v.a.chain[2], v.format.clusters + 2), "out of range (",
           "/A.BIN: its chain breaks off"),
    Damage("free cluster in a directory", lambda v: v.link(v.wide.chain[1], 0), "Contains a free",
           "/WIDE: its chain breaks"),
    Damage("bad cluster in a directory", lambda v: v.link(v.wide.chain[1], v.mark(0xFF7)), BAD_FOLLOWED,
           "/WIDE: its chain"),
    Damage("cluster 1 in a directory", lambda v: v.link(v.wide.chain[0], 1), "out of range (1)",
           "/WIDE: its chain breaks off"),
    Damage("cluster beyond the volume in a directory", lambda v: v.link(v.wide.chain[0], v.format.clusters + 9),
           "out of range (", "/WIDE: its chain breaks off"),
    Damage("free cluster in the root", lambda v: v.link(v.root.chain[-1], 0), "/", "/: its chain breaks off", FAT32,
           alone=True),
    Damage("cluster 1 in the root", lambda v: v.link(v.root.chain[-1], 1), "out of range (1)", "/: its chain breaks",
           FAT32),
    Damage("chain too short", lambda v: v.link(v.a.chain[3], v.mark(0xFFF)), "chain length is 2048",
           "/A.BIN: its size is 2548"),
    Damage("chain too long", lambda v: v.link(v.a.chain[4], v.lose(v.mark(0xFFF))[0]), "chain length is > 2560",
           "/A.BIN: its size is 2548"),
    Damage("size too large", lambda v: v.size(v.b, 99_999), "File size is 99999", "/DIR/B.BIN: its size is 99999"),
    Damage("largest size", lambda v: v.size(v.b, UNKNOWN), "File size is 4294967295", "/DIR/B.BIN: its size is 4294967295"),
    Damage("size too small", lambda v: v.size(v.b, 512), "File size is 512", "/DIR/B.BIN: its size is 512"),
    Damage("size without a cluster", lambda v: v.start(v.c, 0), "chain length is 0", "/DIR/SUB/C.BIN: its size is 1012"),
    Damage("cluster without a size", lambda v: v.size(v.c, 0), "File size is 0", "/DIR/SUB/C.BIN: its size is 0"),
    Damage("file begins at a free cluster", lambda v: v.start(v.c, v.free()), "Contains a free",
           "/C.BIN: its chain breaks off"),
    Damage("file begins at a bad cluster", lambda v: v.start(v.c, v.lose(v.mark(0xFF7))[0]), BAD_FOLLOWED,
           "/C.BIN: its chain breaks off"),
    Damage("file begins at cluster 1", lambda v: v.start(v.c, 1), "Bad start cluster 1",
           "/C.BIN: its first cluster is 0x1,"),
    Damage("file begins beyond the volume", lambda v: v.start(v.c, v.format.clusters + 2), "beyond limit",
           "/C.BIN: its first cluster is"),
    Damage("directory begins at a free cluster", lambda v: v.start(v.sub, v.free()), "Contains a free",
           "/DIR/SUB: its chain breaks off"),
    Damage("directory begins at cluster 1", lambda v: v.start(v.sub, 1), "Bad start cluster 1",
           "/DIR/SUB: its first cluster"),
    Damage("directory begins beyond the volume", lambda v: v.start(v.sub, v.format.clusters + 2), "beyond limit",
           "/DIR/SUB: its first cluster is"),
    Damage("directory without a cluster", lambda v: v.start(v.sub, 0), "Start does point to root",
           "/DIR/SUB: its first cluster is 0x0"),
    Damage("lost chain", lambda v: v.lose(1, 2, v.mark(0xFFF)), "Reclaimed 3 unused",
           "3 clusters are in use and belong to no"),
    Damage("lost cycle", lambda v: v.lose(1, 2, 0), "Reclaimed 3 unused", "3 clusters are in use and belong to no file"),
    Damage("lost clusters run into one", lambda v: v.lose(2, 2, v.mark(0xFF8)), "Reclaimed 3", "3 clusters are in use"),
    Damage("lost chain into a file", lambda v: v.lose(1, v.a.chain[0]), "Reclaimed 2", "2 clusters are in use"),
    Damage("lost cluster before cluster 1", lambda v: v.link(v.free(), 1), "out of range (1)", "1 clusters are in use"),
    Damage("lost cluster that leaves the volume", lambda v: v.link(v.free(), v.format.clusters + 2), "out of range (",
           "1 clusters are in use"),
    # Names.
    *(Damage(f"{name} with {byte:#04x} in byte {place} of its name",
             lambda v, node=name, place=place, byte=byte: v.poke(getattr(v, node).entry_at + place, byte),
             "Bad short file name", "its short name holds")
      for name, place, byte in (("a", 1, 0x2A), ("a", 3, 0x01), ("a", 9, 0x3F), ("sub", 2, 0x22), ("b", 0, 0x7C),
                                ("empty", 5, 0x7F), ("c", 10, 0x1F), ("after", 0, 0x20), ("wide", 1, 0x3A))),
    Damage("name of blanks", lambda v: v.poke(v.at(v.empty), b" " * 11), "Bad short file name", "its short name holds"),
    Damage("blank in a name", lambda v: v.poke(v.at(v.empty) + 2, b" "), None, "its short name holds"),
    Damage("same name twice", lambda v: v.add(b"A       BIN"), "Duplicate directory entry", "/A.BIN: several entries"),
    Damage("file has a directory's name", lambda v: v.add(b"DIR        "), "Duplicate", "/DIR: several entries"),
    Damage("same name twice, one of them long", lambda v: v.add(b"LONGNA~1BIN"), "Duplicate",
           "/LONGNA~1.BIN: several entries"),
    # Directories.
    Damage("directory with a size", lambda v: v.size(v.dir, 512), "Directory has non-zero size",
           "/DIR: is a directory with a"),
    Damage('"." names another', lambda v: v.start(v.dot(v.dir), v.wide.chain[0]), "Invalid '.' entry",
           '/DIR/: its entry "." names'),
    Damage('".." names another', lambda v: v.start(v.dot(v.sub, 1), v.wide.chain[0]), "Invalid '..' entry",
           '/DIR/SUB/: its entry ".." names'),
    Damage('".." does not name the root', lambda v: v.start(v.dot(v.wide, 1), v.dir.chain[0]), "Invalid '..' entry",
           '/WIDE/: its entry ".." names'),
    Damage('".." names the root', lambda v: v.start(v.dot(v.sub, 1), 0), "Invalid '..'", '/DIR/SUB/: its entry ".." names'),
    Damage('no "."', lambda v: v.poke(v.dot(v.sub), DELETED), "Expected a valid '.'", "/DIR/SUB/: does not begin with"),
    Damage('no ".."', lambda v: v.poke(v.dot(v.sub, 1), DELETED), "Expected a valid '..'",
           "/DIR/SUB/: does not begin with"),
    Damage("a file in the place of \".\"", lambda v: v.poke(v.dot(v.sub), b"OTHER   TXT"), "'.' entry",
           "/DIR/SUB/: does not"),
    Damage("a file in the place of \"..\"", lambda v: v.poke(v.dot(v.sub, 1), b"OTHER      "), "'..' entry",
           "/DIR/SUB/: does"),
    Damage("neither dot, nor anything", lambda v: v.poke(v.dot(v.sub), bytes(64)), "Expected a valid '.'",
           "/DIR/SUB/: does not",
           alone=True),  # as above
    Damage("dots exchanged", lambda v: (v.poke(v.dot(v.sub), b".."), v.poke(v.dot(v.sub, 1), b". ")), "entry",
           '/DIR/SUB/: the entry "'),
    Damage('"." is a file', lambda v: v.poke(v.dot(v.sub) + 11, ARCHIVE), "Invalid '.' entry", '/DIR/SUB/: '),
    Damage('".." is a file', lambda v: v.poke(v.dot(v.sub, 1) + 11, ARCHIVE), "Invalid '..' entry", '/DIR/SUB/: '),
    Damage('".." is a label', lambda v: v.poke(v.dot(v.sub, 1) + 11, LABEL), "Invalid '..' entry", "/DIR/SUB/: does not"),
    Damage('"." in the root', lambda v: v.add(b".          ", DIRECTORY, 0), "Bad short file name (.)",
           '/: the entry "." is not where'),
    Damage('".." in the root', lambda v: v.add(b"..         ", DIRECTORY, 0), "Bad short file name (..)",
           '/: the entry ".." is not where'),
    Damage('a second "."', lambda v: v.poke(v.at(v.b), b".          "), ".", '/DIR/: '),
    # Long names.
    Damage("orphan before another name", lambda v: v.add_slots(long_slots("an orphan", b"ORPHAN~1   ")
                                                               + entry(b"OTHER      ", ARCHIVE, 0, 0)),
           "Wrong checksum", "/: 1 slots of a long name before OTHER"),
    Damage("orphan before a deleted one", lambda v: v.add_slots(long_slots("an orphan again", b"ORPHAN~1   ")),
           "Orphaned long file name part", "/: 2 slots of a long name before an entry"),
    Damage("orphan's slot in the place of its own",
           lambda v: v.poke(v.slot(v.inner, 2), long_slots("other", b"OTHER      ")), "Orphaned long file name part",
           "/DIR/: 2 slots of a long name before INNERL~1.TXT"),
    Damage("orphan before another long name", lambda v: v.add_slots(long_slots("an orphan", b"ORPHAN~1   ")
           + long_slots("another", b"OTHER      ") + entry(b"OTHER      ", ARCHIVE, 0, 0)),
           "Orphaned long file name part", "/: 2 slots of a long name before OTHER"),
    Damage("slot with the checksum of another", lambda v: v.poke(v.slot(v.long, 2) + 13, 0),
           "Checksum in long filename part",
           "slots of a long name before LONGNA~1.BIN"),
    Damage("slots with the checksum of another", lambda v: [v.poke(v.slot(v.long, n) + 13, 7) for n in (1, 2, 3)],
           "Wrong checksum for long", "3 slots of a long name before LONGNA~1.BIN"),
    Damage("short name changed behind a long one", lambda v: v.poke(v.at(v.long), b"M"), "Wrong checksum for long",
           "3 slots of a long name before MONGNA~1.BIN"),
    Damage("slots in the wrong order", lambda v: (v.poke(v.slot(v.long, 2), 1), v.poke(v.slot(v.long, 1), 2)),
           "Unexpected long filename sequence", "slots of a long name before LONGNA~1.BIN"),
    Damage("slot twice", lambda v: v.poke(v.slot(v.long, 1), 2), "Unexpected long filename sequence",
           "slots of a long name"),
    Damage("number too high", lambda v: v.poke(v.slot(v.long, 1), 30), "Unexpected long filename sequence",
           "slots of a long"),
    Damage("number 0", lambda v: v.poke(v.slot(v.long, 3), LAST_SLOT), "equence", "slots of a long name"),
    Damage("first slot does not say so", lambda v: v.poke(v.slot(v.long, 3), 3), "found outside a LFN",
           "3 slots of a long name"),
    Damage("another slot says so, too", lambda v: v.poke(v.slot(v.long, 2), LAST_SLOT | 2), "starts within an old one",
           "slots of a long name before LONGNA~1.BIN belong"),
    Damage("first slot deleted", lambda v: v.poke(v.slot(v.long, 3), DELETED), "found outside a LFN",
           "2 slots of a long name"),
    Damage("slot in the midst deleted", lambda v: v.poke(v.slot(v.long, 2), DELETED), "rphaned", "slots of a long name"),
    Damage("last slot deleted", lambda v: v.poke(v.slot(v.long, 1), DELETED), "Orphaned",
           "2 slots of a long name before an"),
    Damage("last slot is a file", lambda v: v.poke(v.slot(v.long, 1), entry(b"NEW        ", ARCHIVE, 0, 0)),
           "Unfinished long",
           "2 slots of a long name before NEW"),
    Damage("entry of a long name deleted", lambda v: v.poke(v.at(v.inner), DELETED), "Orphaned", "2 slots of a long name"),
    Damage("slot with a type", lambda v: v.poke(v.slot(v.long, 1) + 12, 5), "Reserved field in VFAT",
           "slots of a long name"),
    Damage("slot with a cluster", lambda v: v.poke16(v.slot(v.long, 2) + 26, 5), "Start cluster field in VFAT",
           "long name"),
    Damage("slash in a long name", lambda v: v.poke16(v.slot(v.long, 1) + 5, ord("/")), None,
           "slots of a long name before"),
    Damage("control character in a long name", lambda v: v.poke16(v.slot(v.long, 1) + 5, 7), None,
           "slots of a long name before"),
    # Attributes.
    Damage("directory is a file", lambda v: v.poke(v.at(v.sub) + 11, ARCHIVE), "File size is 0", "/DIR/SUB: its size is 0"),
    Damage("file is a directory", _as_directory, "non-zero size", "/DIR/SUB/C.BIN: is a directory"),
    Damage("file is a label", lambda v: v.poke(v.at(v.c) + 11, LABEL), None, "/DIR/SUB/C.BIN: is a label"),
    Damage("directory is a label", lambda v: v.poke(v.at(v.dir) + 11, LABEL), "Reclaimed",
           "/DIR: is a label with clusters"),
    Damage("directory is a label, too", lambda v: v.poke(v.at(v.dir) + 11, LABEL | DIRECTORY), None,
           "/DIR: is a label with",
           alone=True),
    Damage("file is a slot", lambda v: v.poke(v.at(v.a) + 11, LONG_NAME), "Start cluster field in VFAT",
           "clusters are in use and belong to no file"),
    Damage("slot is a file", lambda v: v.poke(v.slot(v.long, 2) + 11, ARCHIVE), "Unfinished", "long name before"),
]  # fmt: skip
