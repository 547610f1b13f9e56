"""`--disk WHAT[,OPT=VAL…]` and `--ram IMAGE`: from the words to QEMU's arguments. Used by machine.py.

Writes go to a temporary overlay that QEMU removes by itself (snapshot=on), unless `rw`; the format is never probed.
"""

import os
import stat
import sys
from dataclasses import dataclass, field

from guest import fat_image
from guest.errors import CannotStart, UsageError

SECTOR = 512
URL_SCHEMES = ("nbd://", "nbd+tcp://", "nbd+unix://", "nbds://")


def doubled(text):
    """A value as QEMU's option syntax wants it."""
    return text.replace(",", ",,")


@dataclass
class Disk:
    what: str
    writable: bool = False
    read_only: bool = False
    format: str = None
    direct: bool = False  # cache=none and Linux' own asynchronous I/O: for measuring
    device: list = field(default_factory=list)  # (option, value) for virtio-blk


def _split(word):
    """At single commas; a doubled one stands for itself."""
    pieces, current, at = [], "", 0
    while at < len(word):
        if word[at] != ",":
            current += word[at]
        elif word[at + 1 : at + 2] == ",":
            current += ","
            at += 1
        else:
            pieces.append(current)
            current = ""
        at += 1
    return pieces + [current]


def parse(word):
    what, *options = _split(word)
    disk = Disk(what)
    if not what:
        raise UsageError(f"--disk: '{word}' names no image")
    for option in options:
        name, equals, value = option.partition("=")
        if option == "rw":
            disk.writable = True
        elif option == "ro":
            disk.read_only = True
        elif option == "direct":
            disk.direct = True
        elif not equals or not name or not value:
            raise UsageError(f"--disk {word}: '{option}' is neither rw, ro, direct nor OPT=VAL")
        elif name == "format":
            disk.format = value
        elif name in ("drive", "id"):
            raise UsageError(f"--disk {word}: '{name}' is run.sh's own")
        else:
            disk.device.append((name, value))
    if disk.writable and disk.read_only:
        raise UsageError(f"--disk {word}: rw and ro exclude each other")
    if disk.direct and not (disk.writable or disk.read_only):
        raise UsageError(f"--disk {word}: direct needs rw or ro (what vanishes is written through the page cache)")
    names = [name for name, _ in disk.device]
    if "logical_block_size" in names and "physical_block_size" not in names:
        disk.device.append(("physical_block_size", dict(disk.device)["logical_block_size"]))
    return disk


def device_name(index):
    """vda … vdz, then vdaa: as the guest counts."""
    letters = ""
    index += 1
    while index > 0:
        index, letter = divmod(index - 1, 26)
        letters = chr(ord("a") + letter) + letters
    return "vd" + letters


def _check_image(path, option):
    if not os.path.exists(path):
        raise CannotStart(f"{option}: no such image: {path}")
    if not os.access(path, os.R_OK):
        raise CannotStart(f"{option}: {path} cannot be read")


def _source(disk, folder, name):
    """QEMU's options for where the bytes are; makes the image of a folder."""
    if disk.what.startswith(URL_SCHEMES):
        return f"file={doubled(disk.what)}"
    path = disk.what
    if os.path.isdir(path):
        if disk.writable:
            raise UsageError(f"--disk {path}: rw: what the guest writes cannot reach a folder (its image is made anew)")
        path = os.path.join(folder, f"{name}.img")
        fat_image.make_from_folder(disk.what, path)
    else:
        _check_image(path, "--disk")
    driver = "host_device" if stat.S_ISBLK(os.stat(path).st_mode) else "file"
    return f"file.driver={driver},file.filename={doubled(os.path.abspath(path))}"


def _format(disk):
    if disk.format is not None:
        return disk.format
    return "qcow2" if disk.what.lower().endswith(".qcow2") else "raw"


def qemu_arguments(disks, folder):
    """-drive and -device for each disk. `folder` is the run's own."""
    arguments = []
    for index, disk in enumerate(disks):
        name = device_name(index)
        drive = f"if=none,id={name},format={doubled(_format(disk))},{_source(disk, folder, name)}"
        if disk.read_only:
            drive += ",readonly=on"
        elif not disk.writable:
            drive += ",snapshot=on"
        if disk.direct:
            drive += ",cache=none,aio=native"
        options = "".join(f",{option}={doubled(value)}" for option, value in disk.device)
        arguments += ["-drive", drive, "-device", f"virtio-blk-device,drive={name}{options}"]
    return arguments


def ram_image(path, folder):
    """The image for -initrd: itself, or a copy filled up to whole sectors."""
    if os.path.isdir(path):
        raise CannotStart(f"--ram: {path} is a folder, not an image")
    _check_image(path, "--ram")
    excess = os.path.getsize(path) % SECTOR
    if os.path.getsize(path) == 0:
        raise CannotStart(f"--ram: {path} is empty")
    if excess == 0:
        return path
    padded = os.path.join(folder, "ram0.img")
    with open(path, "rb") as source, open(padded, "wb") as copy:
        while piece := source.read(1 << 20):
            copy.write(piece)
        copy.write(bytes(SECTOR - excess))
    print(f"run.sh: {path} was filled up with zeroes to whole sectors", file=sys.stderr)
    return padded
