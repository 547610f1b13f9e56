"""A device tree given with `--qemu "-dtb FILE"`, looked at before the machine starts: the firmware reads it first, and stops without
a word at one that is cut short or another machine's. What the kernel can tell is left to the kernel. Used by machine.py.

Reference: Devicetree Specification 0.4, chapter 5.
"""

import struct

from guest.errors import CannotStart

MAGIC = 0xD00DFEED
BEGIN_NODE, END_NODE, PROPERTY, NOP, END = 1, 2, 3, 4, 9
MACHINE = b"riscv-virtio"


def check(words):
    if "-bios" in words or "--bios" in words:
        return  # what another firmware stops at is its own
    for word, path in zip(words, words[1:]):
        if word in ("-dtb", "--dtb"):
            try:
                with open(path, "rb") as file:
                    _check(file.read())
            except OSError as error:
                raise CannotStart(f"-dtb {path}: {error.strerror}") from None
            except ValueError as error:
                raise CannotStart(f"-dtb {path}: {error}; the firmware would stop at it, before the kernel") from None


def _check(blob):
    if len(blob) < 40 or struct.unpack_from(">I", blob)[0] != MAGIC:
        raise ValueError("no device tree")
    total = struct.unpack_from(">I", blob, 4)[0]
    if total > len(blob):
        raise ValueError(f"cut short: it claims {total} bytes and has {len(blob)}")
    try:
        properties = dict(_properties(blob))
    except (struct.error, IndexError):
        raise ValueError("its structure is broken") from None
    names = properties.get(("", b"compatible"), b"").split(b"\0")
    if MACHINE not in names:
        shown = names[0].decode("ascii", "backslashreplace")
        raise ValueError(f"another machine's ('{shown}'), not that of QEMU's virt ('{MACHINE.decode()}')")
    if ("/cpus", b"timebase-frequency") not in properties:
        raise ValueError("it has no /cpus with a timebase-frequency")


def _properties(blob):
    """((path, name), value) of each property, as far as the tree can be read."""
    at, strings = struct.unpack_from(">II", blob, 8)
    path = []
    while True:
        token = struct.unpack_from(">I", blob, at)[0]
        at += 4
        if token == BEGIN_NODE:
            end = blob.index(b"\0", at) if b"\0" in blob[at:] else len(blob)
            path.append(blob[at:end].decode("latin-1"))
            at = (end + 4) & ~3
        elif token == END_NODE:
            path.pop()
        elif token == PROPERTY:
            length, name = struct.unpack_from(">II", blob, at)
            name += strings
            yield ("/".join(path), blob[name : blob.find(b"\0", name)]), blob[at + 8 : at + 8 + length]
            at = (at + 8 + length + 3) & ~3
        elif token == END:
            return
        elif token != NOP:
            raise IndexError(token)
