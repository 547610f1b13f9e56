"""How much memory a machine needs, with an initrd or without. Used by machine.py.

QEMU loads the kernel at 2 MiB, the initrd at 2 MiB + min(half the memory, 128 MiB) and the tree on a 2 MiB boundary near
the end, but below 3 GiB; newer ones take 512 MiB, and put the tree behind the initrd. Where these overlap, it refuses or
the guest finds rubbish.
"""

import re

from guest.errors import CannotStart, UsageError

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
RAM_BASE = 0x8000_0000
DEFAULT = 128 * MIB
KERNEL_OFFSET = 2 * MIB
TREE_LIMIT = 3 * GIB - RAM_BASE
TREE_BYTES = 1 * MIB
UNITS = {"": MIB, "K": KIB, "M": MIB, "G": GIB, "T": GIB << 10}


def parse(text):
    """Bytes in QEMU's notation (a bare number is in MiB; `size=` may stand before it)."""
    match = re.fullmatch(r"(?:size=)?(\d+)([KMGT]?)B?", text, re.IGNORECASE)
    if match is None or int(match[1]) == 0:
        raise UsageError(f"--mem: '{text}' is no size (such as 64M or 1G)")
    return int(match[1]) * UNITS[match[2].upper()]


def show(size):
    return f"{size // GIB}G" if size % GIB == 0 else f"{-(-size // MIB)}M"


def _fits(memory, kernel_end, image, farthest_start):
    top = min(memory, TREE_LIMIT)
    tree = (top - TREE_BYTES) // (2 * MIB) * (2 * MIB)  # of QEMU before version 10
    if image is None:
        return kernel_end <= tree
    start = KERNEL_OFFSET + min(memory // 2, farthest_start)
    end = start + image
    tree_behind = -(-end // (2 * MIB)) * (2 * MIB)  # of newer ones
    return kernel_end <= start and end <= tree and tree_behind + TREE_BYTES <= top


def _is_enough(memory, kernel_end, image, qemu_major):
    layouts = (128 * MIB,) if qemu_major < 9 else (128 * MIB, 512 * MIB)
    return all(_fits(memory, kernel_end, image, farthest) for farthest in layouts)


def needed(kernel_end, image, qemu_major):
    """(the smallest power of two from the default size on, the smallest number of MiB) that holds all of it."""
    power = DEFAULT
    while not _is_enough(power, kernel_end, image, qemu_major):
        power *= 2
        if power > 64 * GIB:
            raise CannotStart(f"--ram: an image of {image} bytes is too large: the device tree must lie below 3 GiB")
    low, high = 0, power // MIB
    while high - low > 1:
        middle = (low + high) // 2
        enough = _is_enough(middle * MIB, kernel_end, image, qemu_major)
        low, high = (low, middle) if enough else (middle, high)
    return power, high * MIB


def choose(asked, elf_end, image, qemu_major):
    """The value for -m. `asked`: --mem or None; `elf_end`: the kernel's end address; `image`: bytes of initrd or None."""
    if asked is not None:
        asked_bytes = parse(asked)
    power, smallest = needed(elf_end - RAM_BASE, image, qemu_major)
    if asked is None:
        return show(power)
    if not _is_enough(asked_bytes, elf_end - RAM_BASE, image, qemu_major):
        what = "this kernel" if image is None else f"the image of {image} bytes"
        raise UsageError(f"--mem {asked} is too small for {what}: it needs {show(smallest)}")
    return asked
