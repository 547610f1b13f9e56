"""The FAT reader and the readers of others before the same volumes: cases.py --list | NAME. Called by CTest.

Volumes are made by mkfs.fat and mtools (copied_trees.py), and by fat_maker.py with what those cannot make (made_trees.py);
damaged ones are made for fsck.fat (damage.py), and whole ones by tools of all kinds (clean.py).
Every reader has to read every byte that was written; what is not asked of whom is in readers.py. SLUICE_ORACLE_SEED=N in
the environment makes other trees on the same formats, for a longer hunt.
"""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "images"))
os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"  # mkfs.fat is no user's command on Debian

import clean  # noqa: E402
import copied_trees  # noqa: E402
import damage  # noqa: E402
import made_trees  # noqa: E402
from comparing import run as run_tool  # noqa: E402
from fat_maker import Format  # noqa: E402
from harness import case, main  # noqa: E402
from made_trees import Shape  # noqa: E402

FEW = Shape(files=15, directories=5, most_clusters=3)  # where clusters are large
# Which FAT32 begins with, clusters of one sector: 33 MiB.
FAT32_CLUSTERS = 65525


def seeded(seed):
    return random.Random(int(os.environ.get("SLUICE_ORACLE_SEED", "0")) * 1_000_000 + seed)


def compare_made(run, *volumes, seed=1):
    """Of a format and a shape each."""
    for number, (format_, shape) in enumerate(volumes):
        run.compare(made_trees.Tree(format_, shape, seeded(seed * 1000 + number)))


def compare_copied(run, *volumes):
    """Of a format, KiB and options of mkfs.fat each."""
    if not run.has("mkfs.fat", "mcopy", "mdel"):
        return
    for seed, (format_, kibibytes, *options) in enumerate(volumes):
        run.compare(copied_trees.Tree(format_, kibibytes, options, seeded(seed)))


@case("trees that mtools wrote to FAT12 are read alike by all")
def _copied_fat12(run):
    compare_copied(
        run,
        (Format(12, 2800), 1440),
        (Format(12, 700, sectors_per_cluster=8), 2880, "-f", "1"),
        (Format(12, 1400, sector_bytes=2048, sectors_per_cluster=2), 5760, "-R", "3"),
    )


@case("trees that mtools wrote to FAT16 are read alike by all")
def _copied_fat16(run):
    compare_copied(
        run,
        (Format(16, 16000), 8192),
        (Format(16, 8000, sector_bytes=1024, sectors_per_cluster=4), 32768),
        (Format(16, 8000, sector_bytes=4096), 32768, "-a", "-f", "3"),
    )


@case("trees that mtools wrote to FAT32 are read alike by all")
def _copied_fat32(run):
    compare_copied(run, (Format(32, 80000), 40960), (Format(32, 70000), 36000, "-f", "1", "-R", "35"))


@case("FAT12 of any geometry is read alike by all")
def _fat12(run):
    compare_made(
        run,
        (Format(12, 4084, tables=1), Shape()),
        (Format(12, 300, tables=3, spare_table_sectors=2), Shape()),
        (Format(12, 1000, sector_bytes=2048, tables=4), Shape()),
        (Format(12, 400, sector_bytes=1024, sectors_per_cluster=8, root_entries=128), Shape()),
        (Format(12, 300, sectors_per_cluster=128, spare_sectors=5), FEW),
        (Format(12, 70, sector_bytes=4096, sectors_per_cluster=128), FEW),
    )


@case("FAT16 of any geometry is read alike by all")
def _fat16(run):
    compare_made(
        run,
        (Format(16, 4085, reserved_sectors=5, spare_table_sectors=3), Shape()),
        (Format(16, 65524, tables=4), Shape()),
        (Format(16, 9000, sector_bytes=4096), Shape()),
        (Format(16, 4500, sector_bytes=2048, sectors_per_cluster=4, tables=1, root_entries=1024), Shape()),
        (Format(16, 5000, sector_bytes=1024, sectors_per_cluster=8, spare_sectors=7), Shape()),
    )


@case("FAT32 of any geometry is read alike by all")
def _fat32(run):
    compare_made(
        run,
        (Format(32, FAT32_CLUSTERS, reserved_sectors=32, root_cluster=FAT32_CLUSTERS + 1), Shape()),
        (Format(32, 66000, reserved_sectors=2, root_cluster=40000, tables=1), Shape()),
        (Format(32, 3000, sector_bytes=4096, sectors_per_cluster=2, reserved_sectors=8, root_cluster=2900), Shape()),
        (Format(32, 600, sectors_per_cluster=128, reserved_sectors=9, root_cluster=200, tables=4), FEW),
        (Format(32, 9000, sector_bytes=1024, sectors_per_cluster=4, reserved_sectors=8), Shape()),
    )


@case("FAT32 with one table in use, and with other people's bits in it, is read alike by all")
def _fat32_tables(run):
    compare_made(
        run,
        (Format(32, 65600, reserved_sectors=32, root_cluster=3, tables=3, active_table=2), Shape()),
        (Format(32, 65600, reserved_sectors=32, root_cluster=9, active_table=0), Shape()),
        (Format(32, 65600, reserved_sectors=32, top_bits=0xA), Shape()),
    )


@case("names of every kind are read alike by all")
def _names(run):
    kinds = [((kind,), ("plain",)) for kind in made_trees.LONG_KINDS[1:]]
    kinds += [(("plain",), (kind,)) for kind in made_trees.SHORT_KINDS[1:]]
    shapes = [Shape(files=18, directories=4, most_clusters=1, long_kinds=long, short_kinds=short) for long, short in kinds]
    compare_made(run, *((Format(12, 600), shape) for shape in shapes))


@case("files in one piece, in many, and backwards are read alike by all")
def _fragments(run):
    for seed, manner in enumerate(("whole", "forward", "backward", "scattered"), 2):
        shape = Shape(files=15, directories=4, most_clusters=120, manners=(manner,), deleted=False)
        formats = Format(12, 3000), Format(16, 30000), Format(32, 65600, reserved_sectors=32)
        compare_made(run, (formats[seed % 3], shape), seed=seed)


@case("slots of long names whose files are gone hide nothing and name nothing")
def _orphans(run):
    shape = Shape(orphans=True)
    compare_made(run, (Format(12, 900), shape), (Format(16, 9000), shape), (Format(32, 66000, reserved_sectors=32), shape))


@case("a deleted file's long name is not given to the next file, whose short name has the same checksum")
def _tempted(run):
    tree = made_trees.Tree(Format(12, 900), Shape(), seeded(6))
    for node in [tree.root, *tree.root.below()]:
        if node.is_directory:
            made_trees.tempt(tree, node)
    run.compare(tree)


@case("directories within directories, and directories of many clusters, are read alike by all")
def _directories(run):
    deep = Shape(files=20, directories=3, depth=70, chain_of=60, long_kinds=("plain",), most_clusters=2)
    wide = Shape(files=120, directories=1, depth=1, most_clusters=1, manners=("scattered", "backward"))
    compare_made(run, (Format(12, 2000), deep), (Format(16, 9000, root_entries=4096), wide))
    compare_made(run, (Format(32, 65600, reserved_sectors=32), wide), seed=2)


@case("directories that end with their last cluster and have no mark there are read alike by all")
def _full_directories(run):
    tree = made_trees.Tree(Format(16, 6000), Shape(), seeded(3))
    for node in list(tree.root.below()):
        if node.is_directory:
            made_trees.fill_up(tree, node)
    run.compare(tree)


@case("a file with two clusters exchanged is told by every reader, and whose bytes it has")
def _exchanged(run):
    shape = Shape(deleted=False, short_kinds=("plain",))
    tree = made_trees.Tree(Format(16, 5000, sectors_per_cluster=2), shape, seeded(4))
    image = run.write(tree)
    node = next(node for node in tree.files.values() if len(node.contents) >= 3 * tree.format.cluster_bytes)
    places = [tree.format.cluster_at(cluster) for cluster in node.chain[1:3]]
    with open(image, "r+b") as file:
        contents = []
        for place in places:
            file.seek(place)
            contents.append(file.read(tree.format.cluster_bytes))
        for place, data in zip(reversed(places), contents):
            file.seek(place)
            file.write(data)
    wanted = f"it has byte {2 * tree.format.cluster_bytes} of "
    for reader in run.readers_of(tree):
        if not any(wanted in fault for fault in reader.read(image, tree)):
            run.fail(f"{reader.name} does not tell")


@case("fsck.fat finds nothing wrong with the volumes made here")
def _fsck(run):
    if not run.has("fsck.fat"):
        return
    shape = Shape(deleted=False)
    formats = Format(12, 3000, tables=1), Format(16, 9000, sector_bytes=2048), Format(32, 66000, reserved_sectors=32)
    for seed, format_ in enumerate(formats):
        image = run.write(made_trees.Tree(format_, shape, seeded(seed)))
        result = run_tool("fsck.fat", "-n", image)
        if result.returncode != 0:
            run.fail(result.stdout.decode("utf-8", "replace"))


COMBINATIONS = 40
for _bits in (12, 16, 32):

    @case(f"fat_host finds every damage to FAT{_bits} that fsck.fat finds")
    def _damage(run, bits=_bits):
        damage.compare(run, bits, seeded(bits), damage.single(bits))

    @case(f"fat_host finds what fsck.fat finds where several things of FAT{_bits} are damaged")
    def _damages(run, bits=_bits):
        damage.compare(run, bits, seeded(bits), damage.combinations(bits, seeded(bits + 1), COMBINATIONS))


@case("fat_host finds each byte that fsck.fat does not want in a short name")
def _bytes(run):
    if run.has("fsck.fat"):
        damage.compare_bytes(run, seeded(1))


@case("fat_host finds nothing wrong with volumes of mkfs.fat and mcopy")
def _clean_mkfs(run):
    tools = ("mkfs.fat", "mcopy")
    clean.check(run, tools, clean.mkfs_fat, 1440, "-F", "12")
    clean.check(run, tools, clean.mkfs_fat, 2880, "-F", "12", "-f", "1", "-n", "A LABEL")
    clean.check(run, tools, clean.mkfs_fat, 20_000, "-F", "16", "-S", "1024", "-n", "A LABEL")
    clean.check(run, tools, clean.mkfs_fat, 9_000, "-F", "16", "-s", "2", "-r", "112")
    clean.check(run, tools, clean.mkfs_fat, 40_000, "-F", "32", "-s", "1", "-n", "A LABEL")
    clean.check(run, tools, clean.mkfs_fat, 300_000, "-F", "32", "-S", "4096", "-s", "1", "-b", "0")


@case("fat_host finds nothing wrong with volumes of mformat and mcopy")
def _clean_mformat(run):
    tools = ("mformat", "mcopy")
    clean.check(run, tools, clean.mformat, "-f", "720")
    clean.check(run, tools, clean.mformat, "-f", "1440")
    clean.check(run, tools, clean.mformat, "-T", "40000", "-h", "16", "-s", "63", "-v", "A LABEL")
    clean.check(run, tools, clean.mformat, "-T", "40000", "-h", "16", "-s", "63", "-c", "4", "-d", "1")
    clean.check(run, tools, clean.mformat, "-F", "-T", "80000", "-h", "16", "-s", "63", "-c", "1")
    clean.check(run, tools, clean.mformat, "-F", "-T", "300000", "-h", "16", "-s", "63", "-c", "4", "-v", "A LABEL")


@case("fat_host finds nothing wrong with volumes of busybox mkdosfs and mcopy")
def _clean_busybox(run):
    if clean.has_applet(run):
        clean.check(run, ("busybox", "mcopy"), clean.busybox, 40_000)
        clean.check(run, ("busybox", "mcopy"), clean.busybox, 600_000)
        # Padded with zeroes in the root directory, where the specification has blanks.
        fault = "/A LABEL_.___: its short name holds characters that cannot be in one"
        clean.check(run, ("busybox", "mcopy"), clean.busybox, 40_000, "-n", "A LABEL", fault=fault)


@case("fat_host finds nothing wrong with volumes that QEMU makes of a folder")
def _clean_qemu(run):
    clean.check(run, ("qemu-img",), clean.qemu, "file.fat-type=12,file.floppy=on", 0)
    clean.check(run, ("qemu-img",), clean.qemu, "file.fat-type=12", 63 * 512)
    clean.check(run, ("qemu-img",), clean.qemu, "file.fat-type=16", 63 * 512)


@case("fat_host finds nothing wrong with the volumes made here")
def _clean_made(run):
    formats = (
        Format(12, 3000, tables=1),
        Format(12, 4084, sectors_per_cluster=8, spare_sectors=3),
        Format(16, 9000, sector_bytes=2048),
        Format(16, 65524),
        Format(32, FAT32_CLUSTERS, reserved_sectors=32, root_cluster=900),
        Format(32, 66000, reserved_sectors=2, top_bits=0xA, tables=1),
    )
    for seed, format_ in enumerate(formats):
        image = run.write(made_trees.Tree(format_, Shape(deleted=False), seeded(seed)))
        if run.has("fsck.fat"):
            clean.check_image(run, image, format_)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
