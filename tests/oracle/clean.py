"""Volumes that other tools make and fill, with which nothing is wrong: fat_host's check has to say so. Used by cases.py.

What each holds is the same folder: files of sizes around a sector's and a cluster's, long names, and directories, one of
them of many clusters. fsck.fat is asked first, so that what we let pass is no damage.
"""

import os

import damage
import payload
from comparing import lines_of
from comparing import run as run_tool

MANY = 150
NAMES = [
    "A.TXT",
    "lower.txt",
    "Two Words And.More.than one dot",
    "+,;=[] are in long names only",
    "naïve Ångström Ελλάς 文件.txt",
    "n" * 180 + ".bin",
    "exactly 13 ch",
    "UPPER.low",
    "with DEL\x7f in it",
]


def write_folder(folder):
    sizes = (0, 1, 511, 512, 513, 2047, 2048, 2049, 4096, 30_000)
    deep = os.path.join(folder, "a directory", "DEEP", "deeper still")
    many = os.path.join(folder, "many")
    for path in (deep, many, os.path.join(folder, "EMPTY")):
        os.makedirs(path)
    for number, size in enumerate(sizes):
        payload.write(os.path.join(folder, f"file of {size} bytes.bin"), size, number + 1)
    for number, name in enumerate(NAMES):
        payload.write(os.path.join(deep if number % 2 else folder, name), 700 * number, 100 + number)
    for number in range(MANY):
        payload.write(os.path.join(many, f"one of many, {number:03}"), number % 3, 200 + number)


def _fill(image, folder):
    names = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    return run_tool("mcopy", "-i", image, "-s", "-m", "-Q", *names, "::/")


def _new(image, kibibytes):
    with open(image, "wb") as file:
        file.truncate(kibibytes * 1024)


def mkfs_fat(image, folder, kibibytes, *options):
    _new(image, kibibytes)
    yield run_tool("mkfs.fat", "--invariant", *options, image)
    yield _fill(image, folder)


def mformat(image, folder, *options):
    yield run_tool("mformat", "-C", "-i", image, "-N", "12345678", *options, "::")
    yield _fill(image, folder)


def busybox(image, folder, kibibytes, *options):
    """FAT32 alone. It leaves zeroes for a label, which fsck.fat calls invalid: damage.MEANINGS lets it pass."""
    _new(image, kibibytes)
    yield run_tool("busybox", "mkdosfs", *options, image)
    yield _fill(image, folder)


def qemu(image, folder, options, offset):
    """QEMU's vvfat, FAT12 and FAT16: of its FAT32 it says itself that nobody has tried it. A disk's begins at sector 63."""
    source = f"driver=raw,offset={offset},file.driver=vvfat,file.dir={folder},{options}"
    yield run_tool("qemu-img", "convert", "--image-opts", source, "-O", "raw", image)


def check(run, tools, make, *arguments, fault=None):
    """Makes a volume, where the tools are there, and asks about it. `fault`: what we find wrong, and fsck.fat, too."""
    if not run.has("fsck.fat", *tools):
        return
    image = run.image()
    folder = os.path.join(run.folder, "tree")
    if not os.path.exists(folder):
        write_folder(folder)
    for result in make(image, folder, *arguments):
        if result.returncode != 0:
            run.fail(f"{make.__name__} {arguments}: {(result.stderr + result.stdout).decode('utf-8', 'replace')}")
            return
    check_image(run, image, f"{make.__name__} {arguments}", fault)


def check_image(run, image, what, fault=None):
    checkers = damage.Checkers(run, image)
    theirs = list(damage.unmatched(checkers.fsck(), []))
    ours = damage.problems(checkers.ours())
    if bool(theirs) != (fault is not None) or ours != [fault] * bool(fault):
        run.fail(f"{os.path.basename(image)} ({what}): fsck.fat says {theirs}, fat_host {ours}")


def has_applet(run):
    """Not every distribution's busybox has mkdosfs."""
    if run.has("busybox") and "mkdosfs" not in lines_of(run_tool("busybox", "--list")):
        run.missing.add("busybox mkdosfs")
        return False
    return True
