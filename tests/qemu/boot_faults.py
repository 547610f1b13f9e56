"""What is commonly wrong with a machine or its kernel command line, and what is said then."""

import os
import subprocess

from harness import Scratch, case, check, image, run
from trees import blob, disable_hart, tree_of

DISK = ("--disk", image("broken.img"))


@case("boot_hart=N boots on hart N, with all harts and the disk's interrupt")
def _boot_hart():
    for hart in range(4):
        result = run("--smp", "4", *DISK, "--append", f"boot_hart={hart}", "--", "ls vda:/; dmesg; lsblk")
        result.expect(0, in_out=["good.bin", f"hart {hart}, 4 running"])
    without_sstc = ("--cpu", "rv64,sstc=off")
    run("--smp", "2", *without_sstc, "--append", "boot_hart=1", "--", "dmesg").expect(0, in_out=["hart 1, 2 running", "(SBI TIME)"])


@case("a boot_hart that does not exist or is no number is named, and the first hart goes on")
def _no_boot_hart():
    for value, said in (
        ("9", "boot_hart=9: the firmware does not start that hart"),
        ("4294967295", "boot_hart=4294967295: the firmware does not start that hart"),
        ("4294967296", "boot_hart=4294967296 is no number from 0 to 4294967295"),
        ("two", "boot_hart=two is no number"),
        ("-1", "boot_hart=-1 is no number"),
        ("", "boot_hart= is no number"),
    ):
        run("--smp", "2", "--append", f"boot_hart={value}", "--", "dmesg").expect(0, in_out=[said, "2 running"])


@case("a hart that the tree disables can be asked to boot, and the others are used")
def _disabled_boot_hart():
    with Scratch() as scratch:
        tree = blob(scratch, disable_hart(tree_of("dmesg", harts=3).replace("console=records", "console=records boot_hart=1"), 2))
        result = run("--smp", "3", "--append", "boot_hart=1", "--qemu", f"-dtb '{tree}'", "--", "dmesg")
        result.expect(0, in_out=["hart 1, 2 running"])


@case("an image that runs at another address than it was linked for says so and ends")
def _misplaced():
    with Scratch() as scratch:
        moved = scratch.file("moved.elf")
        subprocess.run(
            ["riscv64-linux-gnu-objcopy", "--change-addresses", "0x200000", os.environ["SLUICE_IMAGE"], moved],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        said = "this image runs at 0x0000000080400000, but is linked for 0x0000000080200000"
        run("--", "help", env={"SLUICE_IMAGE": moved}, timeout="30").expect(125, out="", in_err=[said])


@case("words of the kernel command line that mean nothing are named, and so are values out of range and repeated names")
def _unknown_words():
    words = "loglvel=7 quiet virtio_blk.queue=4 ram0.dept=2 loglevel=9 loglevel=8 virtio_blk.queue_size=1 other.x=1"
    run(*DISK, "--append", words, "--", "dmesg; ls vda:/").expect(
        0,
        in_out=[
            "loglvel=7 means nothing",
            "quiet means nothing",
            "virtio_blk.queue=4 means nothing",
            "other.x=1 means nothing",
            "NAME=VALUE with these names: boot_hart codepage",
            "loglevel= stands there 2 times",
            "loglevel=8 is no number from 0 to 7",
            "virtio_blk.queue_size=1 is no number from 2 to",
            "ram0.dept=2 means nothing",
            "good.bin",
        ],
    )


@case("a kernel command line of 60 000 bytes arrives, whether it is words of ours or of nobody")
def _long():
    for word in ("x" * 59_000, "a=1 " * 14_000, "loglevel=7 " * 5_000, "'" * 59_000, "\\" * 59_000):
        run(*DISK, "--append", word, "--", "ls vda:/", timeout="30").expect(0, out="bad.bin\ngood.bin\n")
    words = "help; " * 3_000
    run("--", words, "; cat vda:/x", timeout="60").expect(1, in_err=["vda"])
    many = " ".join(f"vda:/{number}" for number in range(6_000))
    run(*DISK, "--", "cksum", many, timeout="60").expect(1, in_err=["vda:/5999"])


@case("any bytes may stand in the kernel command line")
def _binary():
    everything = bytes(byte for byte in range(1, 256)) * 8
    for line in (everything, b"\x01o0004\x02fake", b"loglevel=\xff\x01", b"\x80" * 1000, b"\t\n\r\v=" * 100):
        result = run(*DISK, "--append", line, "--", "ls vda:/", timeout="30")
        result.expect(0, out="bad.bin\ngood.bin\n")
    run("--", b"\xff\xfe\x01 \x02", timeout="30").expect(2, out="")
    for line in ("cat 'vda:/x", 'cat "vda:/x', "cat vda:/x \\"):
        run("--", line, timeout="30").expect(2, out="", in_err=["a quote is not closed"])


@case("a legacy device is noted once, with the flag for version 2")
def _legacy():
    out = run("--legacy", *DISK, *DISK, "--", "dmesg").expect(0, in_out=["force-legacy=false"]).out
    check(out.count(b"virtio-mmio version 1 (legacy)") == 1, "not noted once")
    check(b"force-legacy" not in run(*DISK, "--", "dmesg").out, "noted for version 2")


@case("a machine without a disk is told how to have one")
def _no_drive():
    for command in ("ls vda:/", "cksum vdb:/x", "lsblk"):
        result = run("--", command)
        check(b"run.sh's --disk gives the machine one" in result.err, f"{command}: {result.err!r}")
    check(b"--disk gives" not in run(*DISK, "--", "lsblk; ls vdb:/").err, "there is a disk")


@case("too little memory for kernel and tree is refused with the size needed, and that size boots")
def _little_memory():
    run("--mem", "4M", "--", "help").expect(2, out="", in_err=["--mem 4M is too small", "5M"])
    run("--mem", "5M", "--", "help").expect(0, in_out=["help"])


@case("memory nodes that do not hold the image are a panic that says so")
def _image_outside_memory():
    text = tree_of("help")
    changed = text.replace("reg = <0x00 0x80000000 0x00 0x8000000>", "reg = <0x00 0x80000000 0x00 0x210000>")
    check(changed != text, "the tree has no memory of 128 MiB")
    with Scratch() as scratch:
        result = run("--qemu", f"-dtb '{blob(scratch, changed)}'", "--", "help", timeout="30")
        result.expect(101, out="", in_err=["panic", "the memory nodes do not hold the image at 0x80200000"])
