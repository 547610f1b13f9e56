"""Interrupt controllers: the PLIC, an APLIC alone, and an APLIC before an IMSIC, with one hart and with four."""

import os
import re

from harness import Scratch, case, check, image, read, run
from trees import blob, tree_of

CONTROLLERS = {
    "the PLIC": ("virt", "c000000.plic"),
    "an APLIC": ("virt,aia=aplic", "d000000.aplic"),
    "an APLIC before an IMSIC": ("virt,aia=aplic-imsic", "d000000.aplic"),
}


def _sources(result, harts):
    """lsirq's lines by (source, controller, name): the counts per hart; the last listing counts."""
    text = result.out.decode()
    listing = text[text.rindex("SOURCE CONTROLLER") :].splitlines()
    found = {}
    check(len(re.findall(r"HART +\d+", listing[0])) == harts, f"not {harts} harts: {listing[0]}")
    for line in listing[1:]:
        words = line.split(None, 2 + harts)
        found[(words[0], words[1], words[-1])] = [int(count) for count in words[2:-1]]
    return found


def _disk_counts(result, controller, harts):
    sources = _sources(result, harts)
    key = ("8", controller, "10008000.virtio_mmio")
    check(key in sources, f"no line for the disk: {sources}")
    check(any(name == "timers and other harts" for _, _, name in sources), f"no last line: {sources}")
    return sources[key]


def _reads(machine, controller, harts):
    options = ("--machine", machine, "--smp", str(harts))
    with Scratch() as scratch:
        copy = scratch.file("copy.img")
        with open(copy, "wb") as file:
            file.truncate(16 << 20)
        disks = ("--disk", image("small.img"), "--disk", f"{copy},rw")
        result = run(*options, *disks, "--", "dd if=vda of=vdb bs=64k count=256; lsdev; lsirq").expect(0, in_out=[f"{controller}  ["])
        check(read(copy) == read(image("small.img")), "the copy differs")
    counts = _disk_counts(result, controller, harts)
    check(counts[0] > 0 and sum(counts[1:]) == 0, f"hart 0 alone uses the disk: {counts}")


def _load(machine, controller):
    with Scratch() as scratch:
        target = scratch.file("target.img")
        with open(target, "wb") as file:
            file.truncate(64 << 20)
        job = "bench --filename=vda --rw=randrw --bs=4k --iodepth=16 --number_ios=3000 --numjobs=4 --verify=crc32c"
        words = ("--machine", machine, "--smp", "4", "--disk", f"{target},rw,num-queues=4")
        result = run(*words, "--", f"{job}; lsirq")
        result.expect(0, in_out=["err=0", "blocks are as they were written"])
        check(sum(_disk_counts(result, controller, 4)) > 0, "no interrupt")


for _name, (_machine, _controller) in CONTROLLERS.items():
    for _harts in (1, 4):
        _with = f"{_harts} hart{'s' if _harts > 1 else ''}"
        case(f"a disk is read by interrupts of {_name}, with {_with}")(
            lambda machine=_machine, controller=_controller, harts=_harts: _reads(machine, controller, harts)
        )
    case(f"four harts use four queues of a disk at once with {_name}")(
        lambda machine=_machine, controller=_controller: _load(machine, controller)
    )
    case(f"an interrupt goes to the hart that it is sent to with {_name}")(
        lambda machine=_machine: run(
            "--machine",
            machine,
            "--smp",
            "4",
            "--",
            "harts-interrupt",
            env={"SLUICE_IMAGE": os.path.join(os.path.dirname(os.path.dirname(os.environ["SLUICE_IMAGE"])), "tests", "boot", "boot_test")},
        ).expect(0)
    )


@case("an interrupt controller that no driver knows leaves the disk waiting, by name")
def _unknown():
    changed = tree_of("lsdev").replace('"sifive,plic-1.0.0\\0riscv,plic0"', '"somebody,irqchip"')
    changed = changed.replace('"sifive,plic-1.0.0", "riscv,plic0"', '"somebody,irqchip"')
    check("somebody,irqchip" in changed, "the tree has no PLIC")
    with Scratch() as scratch:
        words = ["--disk", image("broken.img"), "--qemu", f"-dtb '{blob(scratch, changed)}'"]
        run(*words, "--", "lsdev; ls vda:/", timeout="20").expect(
            1, in_out=["deferred: waits for its interrupt controller c000000.plic"], in_err=["vda"]
        )
