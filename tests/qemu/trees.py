"""Machines with another device tree: QEMU's own, less a node or with another hart to start on."""

import os
import re
import subprocess

from harness import Scratch, case, check, image, run

QEMU = "qemu-system-riscv64"


def _tool(*words):
    return subprocess.run(words, check=True, capture_output=True).stdout.decode()


def tree_of(words, harts=1):
    """QEMU's tree for the machine that run.sh starts, as source."""
    with Scratch() as scratch:
        full = scratch.file("full.dtb")
        options = ["-M", f"virt,dumpdtb={full}", "-m", "128M", "-smp", str(harts), "-display", "none"]
        _tool(QEMU, *options, "-kernel", os.environ["SLUICE_IMAGE"], "-append", f"console=records -- {words}")
        return _tool("dtc", "-q", "-I", "dtb", "-O", "dts", full)


def blob(scratch, text):
    source, blob = scratch.file("changed.dts", text), scratch.file("changed.dtb")
    _tool("dtc", "-q", "-f", "-I", "dts", "-O", "dtb", "-o", blob, source)
    return blob


def less(text, pattern):
    """The tree without the nodes whose names match."""
    kept, depth, removed = [], 0, 0
    for line in text.splitlines():
        opens, closes = line.rstrip().endswith("{"), line.strip() == "};"
        if depth == 0 and opens and re.match(pattern, line.strip()):
            depth = 1
            removed += 1
        elif depth > 0:
            depth += opens - closes
        else:
            kept.append(line)
    check(removed > 0, f"the tree has no node {pattern}")
    return "\n".join(kept)


def disable_hart(text, hart):
    """The tree with a hart that is not to be used."""
    start = text.index(f"cpu@{hart:x} {{")
    return text[:start] + text[start:].replace('status = "okay"', 'status = "disabled"', 1)


def _boot_without(pattern, words, disk=True):
    with Scratch() as scratch:
        tree = blob(scratch, less(tree_of(words), pattern))
        disk_words = ["--disk", image("broken.img")] if disk else []
        return run(*disk_words, "--qemu", f"-dtb '{tree}'", "--", words, timeout="20")


@case("a tree without memory is a panic that names the node")
def _no_memory():
    _boot_without(r"memory@", "ls vda:/").expect(101, out="", in_err=["panic", "memory"])


@case("a tree without an interrupt controller leaves the disk waiting, by name")
def _no_plic():
    _boot_without(r"(plic|interrupt-controller)@", "ls vda:/").expect(
        1, out="", in_err=["vda", "10008000.virtio_mmio", "waits for its interrupt controller, which the device tree lacks"]
    )


@case("a tree without a test finisher still ends with the command's status")
def _no_finisher():
    # Its own node, and the two that refer to it: the firmware knows no other way either.
    nodes = r"(test|poweroff|reboot)(@| )"
    _boot_without(nodes, "cat vda:/nothing").expect(1, in_err=["vda:/nothing", "does not switch itself off"])


@case("a tree without virtio has no disk and says so")
def _no_virtio():
    _boot_without(r"virtio_mmio@", "ls vda:/").expect(1, out="", in_err=["vda"])


@case("a hart that is not number 0 boots, and its disk interrupts it")
def _other_hart():
    # The firmware leaves a disabled hart alone, so that hart 1 starts.
    disabled = disable_hart(tree_of("ls vda:/; dmesg", harts=2), 0)
    with Scratch() as scratch:
        words = ["--smp", "2", "--disk", image("broken.img"), "--qemu", f"-dtb '{blob(scratch, disabled)}'"]
        run(*words, "--", "ls vda:/; dmesg").expect(0, in_out=["good.bin", "context 3 for hart 1"])


def _boot_with_registers(registers):
    """A machine whose first virtio slot claims to have its registers there."""
    text = tree_of("ls vda:/")
    changed = text.replace("reg = <0x00 0x10008000 0x00 0x1000>", f"reg = <{registers}>")
    check(changed != text, "the tree has no slot at 0x10008000")
    with Scratch() as scratch:
        words = ["--disk", image("broken.img"), "--qemu", f"-dtb '{blob(scratch, changed)}'"]
        return run(*words, "--", "ls vda:/; dmesg", timeout="20")


@case("registers between two words are refused with their address")
def _misaligned_registers():
    _boot_with_registers("0x00 0x10008002 0x00 0x1000").expect(
        1, in_out=["its registers at 0x10008002 (0x1000 bytes) cannot be mapped: not aligned"], in_err=["vda"]
    )


@case("registers of half the address space are refused with their size")
def _endless_registers():
    _boot_with_registers("0x00 0x10008000 0x20 0x00").expect(
        1, in_out=["its registers at 0x10008000 (0x2000000000 bytes) cannot be mapped: out of range"], in_err=["vda"]
    )


@case("registers that lie in memory are refused")
def _registers_in_memory():
    _boot_with_registers("0x00 0x86000000 0x00 0x1000").expect(
        1, in_out=["its registers at 0x86000000 (0x1000 bytes) cannot be mapped"], in_err=["vda"]
    )


def _boot_with_reservations(ranges):
    """A machine whose tree reserves these ranges: (start, bytes)."""
    entries = "".join(f"/memreserve/ {start:#x} {size:#x};\n" for start, size in ranges)
    changed = tree_of("ls vda:/").replace("/dts-v1/;", "/dts-v1/;\n" + entries, 1)
    with Scratch() as scratch:
        words = ["--disk", image("broken.img"), "--qemu", f"-dtb '{blob(scratch, changed)}'"]
        return run(*words, "--", "cksum vda:/good.bin", timeout="20")


def _pages(count):
    return [(0x86000000 + 0x2000 * number, 0x1000) for number in range(count)]


@case("memory that the tree reserves in many pieces is left alone")
def _some_reservations():
    _boot_with_reservations(_pages(30)).expect(0, in_out=["5000 vda:/good.bin"])


@case("more reserved memory than can be kept track of is a panic that says so, not memory given away")
def _too_many_reservations():
    _boot_with_reservations(_pages(80)).expect(
        101, out="", in_err=["panic", "device tree: more than 64 ranges; there is no room for reserved memory at 0x86080000"]
    )


@case("a tree that reserves all there is leaves too little memory, and says so")
def _all_reserved():
    _boot_with_reservations([(0, (1 << 64) - 1)]).expect(101, out="", in_err=["panic", "too little memory"])
