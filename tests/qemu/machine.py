"""The machine beneath: protections, traps, timer, heap, panic. Boots tests/boot's image, which does one such thing."""

import os

from harness import case, check, read, run


def _image():
    build = os.path.dirname(os.path.dirname(os.environ["SLUICE_IMAGE"]))
    return os.path.join(build, "tests", "boot", "boot_test")


def _boot(word, *options):
    return run(*options, "--", word, env={"SLUICE_IMAGE": _image()}, timeout="30")


PANICS = {
    "a write through a null pointer": ("null", "null page"),
    "a write to code": ("text", ".text"),
    "a write to a constant": ("constant", ".rodata"),
    "an instruction fetched from data": ("execute", "instruction page fault"),
    "an illegal instruction": ("illegal", "illegal instruction"),
    "a stack that overflows": ("stack", "stack overflow"),
    "an assertion that fails": ("assertion", "assertion failed: variable == 8"),
    "a wait in an interrupt": ("wait-in-irq", "panic"),
    "plain new without memory": ("new", "panic"),
}

for _title, (_word, _named) in PANICS.items():
    case(f"{_title} is a panic that says so, status 101")(
        lambda word=_word, named=_named: _boot(word).expect(101, in_err=["panic: hart", named, "backtrace:"])
    )


@case("a panic in the middle loses no output, status 101")
def _record():
    _boot("record").expect(101, out="before\n", in_err=["panic: hart 0: on purpose"])


@case("a timer ends a wait in time")
def _timer():
    _boot("timer").expect(0)


@case("a timer ends a wait in time through the firmware, too")
def _firmware_timer():
    _boot("timer", "--cpu", "rv64,sstc=off").expect(0)


@case("an interrupt leaves the registers as they were")
def _registers():
    _boot("registers").expect(0)


@case("all memory can be taken, given back and taken again")
def _heap():
    _boot("heap").expect(0)


@case("the firmware's seed is used, and wiped from the tree")
def _seed():
    _boot("seed").expect(0)


@case("an image with a virtio device that is no disk has nothing of disks in it")
def _no_disks():
    _boot("entropy", "--qemu", "-device virtio-rng-device").expect(0, out="64 bytes\n")
    names = b"_ZN6sluice3blk"
    check(names in read(os.environ["SLUICE_IMAGE"]) and names not in read(_image()), "it has functions of the request layer")
