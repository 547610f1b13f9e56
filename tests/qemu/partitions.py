"""Partitions: seen by lsblk, read through FAT, and kept apart."""

import os
import sys

from harness import ROOT, Scratch, case, check, image, read, run

sys.path.insert(0, os.path.join(ROOT, "tools"))
sys.path.insert(0, os.path.join(ROOT, "tests", "images"))
from partitioned import PARTITIONS  # noqa: E402

SECTOR = 512


def _read_all(disk, name):
    """where.txt of every partition, and all of them in lsblk."""
    numbers = [number for number, _, _ in PARTITIONS[disk]]
    command = "; ".join(f"cat vda{number}:/where.txt" for number in numbers)
    expected = "".join(f"{disk} {number}\n" for number in numbers)
    run("--disk", image(name), "--", command).expect(0, out=expected)
    run("--disk", image(name), "--", "lsblk").expect(0, in_out=[f"\n  vda{number} " for number in numbers])


@case("each partition of a GPT holds its own volume")
def _gpt():
    _read_all("gpt", "gpt.img")


@case("a GPT whose first header is gone is read from the backup, which the log says")
def _gpt_backup():
    _read_all("gpt", "gpt_backup.img")
    run("--disk", image("gpt_backup.img"), "--", "dmesg").expect(
        0, in_out=["vda: its GPT is damaged; the backup at block 65535 is used"]
    )


@case("primary and logical partitions of an MBR hold their own volumes")
def _logical():
    _read_all("logical", "logical.img")


@case("what is written to a partition stays inside it")
def _bounds():
    number, first, sectors = PARTITIONS["gpt"][1]
    with Scratch() as scratch:
        target = scratch.copy("gpt.img")
        run("--disk", f"{target},rw", "--", f"dd if=ram0 of=vda{number} bs=64k; ls vda{number}:/").expect(
            1, in_err=[f"vda{number}", "no space left on the device"]
        )
        before, after = read(image("gpt.img")), read(target)
    begin, end = first * SECTOR, (first + sectors) * SECTOR
    check(after[:begin] == before[:begin], "something before the partition changed")
    check(after[end:] == before[end:], "something behind the partition changed")
    check(after[begin:end] == bytes(end - begin), "the partition is not all zeroes")
