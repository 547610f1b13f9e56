"""Machines with a device tree that lacks something: QEMU's own tree, less a node."""

import os
import re
import subprocess

from harness import Scratch, case, check, image, run

QEMU = "qemu-system-riscv64"


def _tool(*words):
    return subprocess.run(words, check=True, capture_output=True).stdout.decode()


def _without(scratch, pattern, words):
    """QEMU's tree for the machine that run.sh starts, without the nodes whose names match."""
    full = scratch.file("full.dtb")
    options = ["-M", f"virt,dumpdtb={full}", "-m", "128M", "-display", "none", "-kernel", os.environ["SLUICE_IMAGE"]]
    _tool(QEMU, *options, "-append", f"console=records -- {words}")
    kept, depth, removed = [], 0, 0
    for line in _tool("dtc", "-q", "-I", "dtb", "-O", "dts", full).splitlines():
        opens, closes = line.rstrip().endswith("{"), line.strip() == "};"
        if depth == 0 and opens and re.match(pattern, line.strip()):
            depth = 1
            removed += 1
        elif depth > 0:
            depth += opens - closes
        else:
            kept.append(line)
    check(removed > 0, f"the tree has no node {pattern}")
    source = scratch.file("less.dts", "\n".join(kept))
    less = scratch.file("less.dtb")
    _tool("dtc", "-q", "-f", "-I", "dts", "-O", "dtb", "-o", less, source)
    return less


def _boot_without(pattern, words, disk=True):
    with Scratch() as scratch:
        tree = _without(scratch, pattern, words)
        disk_words = ["--disk", image("broken.img")] if disk else []
        return run(*disk_words, "--qemu", f"-dtb '{tree}'", "--", words, timeout="20")


@case("a tree without memory is a panic that names the node")
def _no_memory():
    _boot_without(r"memory@", "ls vda:/").expect(101, out="", in_err=["panic", "memory"])


@case("a tree without an interrupt controller leaves the disk waiting, by name")
def _no_plic():
    _boot_without(r"(plic|interrupt-controller)@", "ls vda:/").expect(1, out="", in_err=["vda"])


@case("a tree without a test finisher still ends with the command's status")
def _no_finisher():
    # Its own node, and the two that refer to it: the firmware knows no other way either.
    nodes = r"(test|poweroff|reboot)(@| )"
    _boot_without(nodes, "cat vda:/nothing").expect(1, in_err=["vda:/nothing", "does not switch itself off"])


@case("a tree without virtio has no disk and says so")
def _no_virtio():
    _boot_without(r"virtio_mmio@", "ls vda:/").expect(1, out="", in_err=["vda"])
