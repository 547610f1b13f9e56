"""Device trees that are broken, and those of other machines: a message and a status, never a hang.

What the firmware itself stops at is told by run.sh, before the machine starts; the rest by the kernel.
"""

import os
import re

from harness import ROOT, Scratch, case, check, image, read, run
from trees import blob, less, tree_of

SLOT = re.compile(r"^\t+virtio_mmio@10008000 \{\n(?:.*\n)*?\t+\};\n", re.MULTILINE)


def _boot(change, words="ls vda:/; dmesg"):
    """The machine with its tree changed."""
    text = tree_of(words)
    changed = change(text)
    check(changed != text, "nothing of the tree was changed")
    with Scratch() as scratch:
        options = ["--disk", image("broken.img"), "--qemu", f"-dtb '{blob(scratch, changed)}'"]
        return run(*options, "--", words, timeout="20")


def _before_soc(text):
    return lambda tree: tree.replace("\tsoc {", f"\t{text}\n\tsoc {{", 1)


def _slot(change):
    """The tree with the first disk's slot changed."""
    return lambda tree: SLOT.sub(lambda found: change(found[0]), tree, count=1)


def _on_bus(properties):
    return _slot(lambda slot: f'\t\tother-bus {{ compatible = "simple-bus"; {properties}\n{slot}\t\t}};\n')


# --- What the firmware would stop at -------------------------------------------------------------


def _refused(path, reason):
    run("--qemu", f"-dtb '{path}'", "--", "lsdev", timeout="20").expect(125, out="", in_err=[path, reason])


@case("the tree of another machine is refused with the machine's name")
def _other_machines():
    _refused(os.path.join(ROOT, "tests/images/trees/arm-virt.dtb"), "another machine's ('linux,dummy-virt')")
    for name, shown in (("sifive_u-minimal", "sifive,hifive-unleashed-a00"), ("spike", "ucbbar,spike-bare-dev")):
        _refused(os.path.join(ROOT, f"tests/fuzz/corpus/fdt/{name}.dtb"), f"another machine's ('{shown}')")


@case("a tree that is cut short is refused with its size")
def _cut_short():
    with Scratch() as scratch:
        whole = read(blob(scratch, tree_of("lsdev")))
        _refused(scratch.file("cut.dtb", whole[: len(whole) // 2]), f"it claims {len(whole)} bytes and has {len(whole) // 2}")


@case("a tree without harts, or without the frequency of their clock, is refused")
def _no_clock():
    text = tree_of("lsdev")
    with Scratch() as scratch:
        for changed in (less(text, r"cpus \{"), re.sub(r".*timebase-frequency.*\n", "", text)):
            _refused(blob(scratch, changed), "it has no /cpus with a timebase-frequency")


# --- What the kernel finds -----------------------------------------------------------------------


@case("a clock of no frequency is said to be taken for QEMU's")
def _no_frequency():
    _boot(lambda tree: re.sub(r"timebase-frequency = <.*>", "timebase-frequency = <0>", tree), "dmesg").expect(
        0, in_out=["/cpus has no timebase-frequency; 10000000 Hz is taken"]
    )


@case("nodes a thousand deep are a panic that says so")
def _deep():
    _boot(_before_soc("d { " * 1000 + "};" * 1000)).expect(101, out="", in_err=["panic", "device tree: malformed"])


@case("a property's name of 10 kB is a panic that says so")
def _long_property():
    _boot(_before_soc("x { " + "p" * 10240 + " = <0>; };")).expect(
        101, out="", in_err=["panic", "device tree: malformed"]
    )


@case("a node's name of 10 kB is cut, and the disk beside it is read")
def _long_node():
    _boot(_before_soc("n" * 10240 + ' { compatible = "x"; };')).expect(0, in_out=["good.bin"])


@case("a device_type without its end is no memory, and a panic says that there is none")
def _unterminated_memory():
    _boot(lambda tree: tree.replace('device_type = "memory"', "device_type = [6d 65 6d 6f 72 79]")).expect(
        101, out="", in_err=["panic", "no usable memory node"]
    )


@case("a compatible without its end is no virtio slot, and the disk is missing by name")
def _unterminated_compatible():
    _boot(lambda tree: tree.replace('"virtio,mmio"', "[76 69 72 74 69 6f 2c 6d 6d 69 6f]")).expect(1, in_err=["vda"])


@case("memory without an end is a panic that names it")
def _endless_memory():
    memory = r"(memory@80000000 \{\n(?:.*\n)*?\s*reg = )<.*>"
    _boot(lambda tree: re.sub(memory, r"\1<0 0x80000000 0xffffffff 0xffffffff>", tree)).expect(
        101, out="", in_err=["panic", "no usable memory node"]
    )


@case("a bus with addresses of no cells or of five has no registers for the disk, and says so")
def _cells():
    for cells in (0, 5):
        _boot(_on_bus(f"#address-cells = <{cells}>; #size-cells = <2>; ranges;")).expect(
            1, in_out=[f"its reg makes no sense with {cells} #address-cells and 2 #size-cells"], in_err=["vda"]
        )


@case("a bus whose ranges are cut short leads nowhere, and says so")
def _cut_ranges():
    _boot(_on_bus("#address-cells = <2>; #size-cells = <2>; ranges = <1 2 3>;")).expect(
        1, in_out=["registers at 0x10008000, 4096 bytes: no `ranges` leads there"], in_err=["vda"]
    )


@case("a device that is its own interrupt parent has no interrupt, and says so")
def _own_parent():
    own = _slot(lambda slot: re.sub(r"interrupt-parent = <.*>", "phandle = <0x77>; interrupt-parent = <0x77>", slot))
    _boot(own).expect(1, in_out=["its interrupts are of no usable controller (0x77)"], in_err=["vda"])


@case("two slots that are each other's interrupt parents have no interrupts, and say so")
def _parents_in_a_circle():
    def change(tree):
        tree = SLOT.sub(lambda found: re.sub(r"interrupt-parent = <.*>", "phandle = <0x77>; interrupt-parent = <0x78>", found[0]), tree)
        other = re.compile(SLOT.pattern.replace("10008000", "10007000"), re.MULTILINE)
        return other.sub(
            lambda found: re.sub(r"interrupt-parent = <.*>", "phandle = <0x78>; interrupt-parent = <0x77>", found[0]), tree
        )

    _boot(change).expect(
        1, in_out=["of no usable controller (0x77)", "of no usable controller (0x78)"], in_err=["vda"]
    )
