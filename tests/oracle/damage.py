"""Damaged volumes before fsck.fat -n and fat_host's check: whatever fsck.fat finds, ours has to find. Used by cases.py.

Of one damage (damages.py) both have to say what is written there, so that it is known to be one. Besides, MEANINGS
translates every line of fsck.fat into what we may call the same, so that nothing it prints is left out, whatever the
combination. A line that has no translation is a fault. Written for fsck.fat 4.2.
"""

import os
import re

import fat_maker
from comparing import run as run_tool
from damaged_volume import FORMATS, Volume
from damages import DAMAGES
from fat_nodes import ARCHIVE, DELETED, Node

# What fsck.fat prints, and a pattern of what we have to print where it does: of any line of ours, unless it is the file's
# (<path>) own. None: it is no damage. What stands in a file's line is followed by what fsck.fat will do about it.
_CHAIN = r"its chain|its first cluster|its size"
_SLOT = "a slot of a long name has a cluster, or other attributes"  # what fsck.fat takes for a file
MEANINGS = [(re.compile(pattern), ours) for pattern, ours in (
    (r"fsck\.fat 4.*\n", None),
    (r".*: \d+ files, \d+/\d+ clusters\n", None),
    (r"\n|Leaving filesystem unchanged\.\n", None),
    (r"  (Auto-|Not auto|Fixing|Creating|Moving).*\n| Auto.*\n|Auto-setting to 0\.\n", None),
    # As mkfs.fat -F 32 makes a small disk.
    (r"Warning: Filesystem is FAT32 according to(.*\n){3}", None),
    # A volume does without either: 0 is none in the specification, too.
    (r"There is no backup boot sector\.\n(And there is no space.*\n)?|Created backup.*\n", None),
    (r"No FSINFO sector\n  Not automatically.*\n", None),
    (r"Free cluster summary uninitialized.*\n", None),
    # Windows writes a label to the root directory alone, BSD's newfs_msdos to the boot sector alone.
    (r"(There is no label in boot sector|Label in boot sector is '.*', but there is no).*\n", None),
    # The boot sector's label is a copy, and busybox mkdosfs leaves zeroes there.
    (r"Label '.*' stored in boot sector is not valid\.\n", None),
    (r"(Logical sector|Cluster|FAT) size .*\n|(Filesystem has|No root directory!|Root directory|Failed to read sector).*\n",
     "BPB_|the table has entries for|the disk has only|and its backup"),
    (r"Bad FAT32 root directory!.*\n", "BPB_RootClus|and its backup"),
    (r"Warning: FAT32 root dir is in a cluster chain, but a sep.*\n.*\n", "BPB_RootEntCnt"),
    (r"Dirty bit is set.*\n Auto.*\n", "not unmounted cleanly"),
    # BS_Reserved1 of the boot sector changes with each mount.
    (r"There are differences between boot.*\n.*\n  65:../..\n.*\n", None),
    (r"There are differences between boot.*\n.*\n(.*:../...*\n)*  Not automatically fixing this.\n", "and its backup"),
    (r"FSINFO sector has bad magic.*\n(  Offset.*\n)*", r"\(BPB_FSInfo\)|BPB_FSInfo is"),
    (r"Volume label '.*' stored in root directory is not valid\.\n", "cannot be in one"),
    (r"Volume label '.*' stored in root directory and label '.*different\.\n", "the label of the boot sector"),
    (r"FATs differ.*\n(  Using.*\n)?", "table 1 differs"),
    (r"Both FATs appear to be corrupt.*\n", "entry 0 of the table"),
    # A cluster that a lost chain holds is in no file's.
    (r"Cluster \d+ out of range .*\n", "breaks off|belong to no file"),
    (r"Internal error: next_cluster on bad cluster\n", r"is bad \("),
    (r"Reclaimed \d+ unused clusters?.*\n", f"belong to no file|{_CHAIN}"),
    # Or wrong only once fsck.fat has cut what it wants to cut.
    (r"Free cluster summary wrong.*\n", f"FSInfo|belong to no file|{_CHAIN}"),
    (r"(?P<path>/.*)\n  Circular cluster chain.*\n", "comes back to"),
    (r"(?P<path>/.*?) +and\n(?P<other>/.*)\n  share clusters\.\n  Truncating.*\n", "runs into another|comes back to"),
    # Or free only once fsck.fat has cut the chain of what is a label.
    (r"(?P<path>/.*)\n  Contains a (free|bad) cluster.*\n", "breaks off|is a label"),
    (r"(?P<path>/.*)\n  (Bad start cluster 1|Start cluster beyond limit).*\n", f"first cluster|and its backup|{_SLOT}"),
    (r"(?P<path>/.*)\n  File size is .*\n  Truncating.*\n", f"{_CHAIN}|{_SLOT}"),
    (r"(?P<path>/.*)\n ?Start does point to (root|containing).*\n", _CHAIN),
    (r"(?P<path>/.*)\n Start does point to (root|containing).*\n", _CHAIN),
    (r"(?P<path>/.*)\n  Directory has non-zero size.*\n", "is a directory with a size"),
    (r"(?P<path>/.*)\n  (Invalid|Expected a valid) '..?' entry.*\n", r'"\."|"\.\."'),
    (r"(?P<path>/.*)\n  Bad short file name.*\n  Auto-renaming it\.\n  Renamed to (?P<new>.*)\n",
     "characters that cannot|no short name"),
    (r"(?P<path>/.*)\n  Is a dot with no 8\.3 name flag set, clearing\.\n", "no short name"),
    (r"(?P<path>/.*)\n  Has a large number of bad entries.*\n.*\n", "characters that cannot be in one"),
    (r"(?P<path>/.*)\n  Duplicate directory entry\.\n.*\n.*\n  Auto-renaming second\.\n  Renamed to (?P<new>.*)\n",
     "several entries"),
    (r"(Orphaned long file name part|A new long file name starts|Unexpected long filename).*\n", "slots? of a long name"),
    (r"(Checksum in long filename part wrong).*\n", "slots? of a long name"),
    (r"(Wrong checksum for|Unfinished) long file name.*\n  \(.*\n", "slots? of a long name"),
    (r"Long filename fragment.*\n  \(Maybe.*\n", "slots? of a long name"),
    (r"  It could be that .*\n  if .*\n", None),
    (r"Reserved field in VFAT.*\n", "slots? of a long name"),
    (r"Start cluster field in VFAT.*\n", _SLOT),
)]  # fmt: skip


def _shown(path):
    """As we show it."""
    return re.sub(r"[\0-\x1f\x7f]", "_", path)


def _is_around(line, path):
    """Does it say why we do not look into a directory, in which fsck.fat, having cut something off, reads on?"""
    found = re.match(r"(/.*): (is a label|its chain|its first cluster)", line)
    return found is not None and path.startswith(found[1].rstrip("/") + "/")


class Renamed:
    """fsck.fat goes on with the names that it would give."""

    def __init__(self):
        self.old = {}  # path: name

    def add(self, path, new):
        above, _, name = path.rpartition("/")
        self.old[f"{above}/{new}"] = name

    def shown(self, path):
        """As we show it, without a dot in the end."""
        found = new = ""
        for name in path.split("/")[1:]:
            new += "/" + name
            found += "/" + self.old.get(new, name)
        return re.sub(r"[\0-\x1f\x7f]", "_", re.sub(r"/\.\.?$", "", found)).rstrip("/")


def _is_told(wanted, paths, ours):
    for line in ours:
        if re.search(wanted, line):
            return True
        if any(re.match(re.escape(path) + "/?: ", line) or _is_around(line, path) for path in paths):
            return True
    return False


def unmatched(theirs, ours):
    """What fsck.fat's output says is damaged and ours does not: of ours, lines."""
    at, renamed = 0, Renamed()
    while at < len(theirs):
        found = ((pattern.match(theirs, at), wanted) for pattern, wanted in [*MEANINGS, UNKNOWN_LINE])
        match, wanted = next((match, wanted) for match, wanted in found if match)
        at = match.end()
        if wanted is None:
            continue
        groups = match.groupdict()
        paths = [renamed.shown(groups[name]) for name in ("path", "other") if groups.get(name)]
        if groups.get("new"):
            renamed.add(groups["path"], groups["new"])
        if not _is_told(wanted, paths, ours):
            yield match.group()


UNKNOWN_LINE = re.compile(r".*(\n|$)"), "no line of ours is like this"


class Checkers:
    """fsck.fat and fat_host on one image."""

    def __init__(self, run, image):
        self.run, self.image = run, image

    def ask(self, words):
        result = run_tool(*words)
        return result, (result.stdout + result.stderr).decode("utf-8", "replace")

    def fsck(self):
        return self.ask(["fsck.fat", "-n", self.image])[1]

    def ours(self):
        """The lines, where the exit status is as it should be."""
        result, text = self.ask([os.environ["SLUICE_FAT_HOST"], self.image, "check"])
        is_wrong = bool(result.stdout) or result.returncode != 0
        if result.returncode not in (0, 1) or is_wrong != (result.returncode == 1):
            self.run.fail(f"fat_host's exit status is {result.returncode}: {text}")
        return text.splitlines()


def _faults(damages, theirs, ours):
    """Of one damage what is promised, of all what fsck.fat finds: a note is no problem."""
    if len(damages) == 1:
        damage = damages[0]
        if damage.theirs is not None and damage.theirs not in theirs:
            yield f"fsck.fat does not say {damage.theirs!r}"
        if not any(damage.ours in line for line in ours):
            yield f"fat_host does not say {damage.ours!r}"
        if damage.theirs is None and any(unmatched(theirs, [])):
            yield "fsck.fat finds it, too"
    yield from (f"only fsck.fat says {text!r}" for text in unmatched(theirs, problems(ours)))


def compare(run, bits, seeded_random, sets):
    """Each set of damages on a volume of its own."""
    if not run.has("fsck.fat"):
        return
    image = run.image()
    volume = Volume(bits, seeded_random)
    volume.lay_out(image)
    checkers = Checkers(run, image)
    for damages in [(), *sets]:
        volume.restore()
        for damage in damages:
            damage.inflict(volume)
        volume.write(image)
        theirs, ours = checkers.fsck(), checkers.ours()
        if damages:
            faults = list(_faults(damages, theirs, ours))
        else:
            faults = [*unmatched(theirs, []), *problems(ours)]
        if faults:
            names = " + ".join(damage.name for damage in damages) or "nothing"
            shown = "\n  ".join(faults + ["fsck.fat:"] + theirs.splitlines()[1:20] + ["fat_host:"] + ours[:20])
            run.fail(f"FAT{bits}, {names}:\n  {shown}")
            volume.write(f"{image}.{len(run.faults)}")


def compare_bytes(run, seeded_random):
    """Each byte in the places where a part of a name begins, goes on and ends; three digits of each name are its number."""
    for place in (0, 3, 7, 8, 10):
        image = run.image()
        volume = fat_maker.Volume(FORMATS[16], seeded_random)
        directory = volume.root.add(Node(b"BYTES      "))
        for byte in range(1, 256):
            name = b"ABCD%03dHXYZ" % byte
            name = name[:place] + bytes([byte]) + name[place + 1 :]
            if name[0] != DELETED:
                directory.add(Node(name, attributes=ARCHIVE, contents=b""))
        volume.write(image)
        checkers = Checkers(run, image)
        theirs = set(re.findall(r"Bad short file name \(.{0,5}(\d{3})", checkers.fsck(), re.DOTALL))
        ours = set(re.findall(r"/BYTES/.{0,5}(\d{3}).*: its short name holds", "\n".join(checkers.ours())))
        if theirs - ours or len(theirs) < 40:
            run.fail(f"in byte {place} of a name fsck.fat does not want {len(theirs)} bytes, and only it {theirs - ours}")


def problems(ours):
    return [line for line in ours if not line.startswith("fat_host: note: ")]


def single(bits):
    return [(damage,) for damage in DAMAGES if bits in damage.bits]


def combinations(bits, random, count):
    known = [damage for damage in DAMAGES if bits in damage.bits and not damage.alone]
    return [random.sample(known, random.randint(2, 6)) for _ in range(count)]
