"""Disks as devices: writing, not writing, options, formats."""

import os
import subprocess
import time

from harness import Scratch, case, check, image, is_same, read, run

SECTOR = 512


@case("16 MiB go from disk to RAM disk to another disk and are the same")
def _round_trip():
    with Scratch() as scratch:
        target = scratch.file("target.img")
        with open(target, "wb") as file:
            file.truncate(16 << 20)
        run(
            *("--disk", image("small.img"), "--disk", f"{target},rw"),
            *("--", "dd if=vda of=ram0 bs=64k count=256; dd if=ram0 of=vdb bs=64k count=256"),
        ).expect(0)
        check(is_same(image("small.img"), target), "the copy differs from small.img")


@case("what is written without rw does not reach the host")
def _no_writes():
    with Scratch() as scratch:
        target = scratch.copy("small.img")
        run("--disk", target, "--", "dd if=ram0 of=vda bs=64k count=256; cksum vda:/fill.bin").expect(1)
        check(is_same(image("small.img"), target), "the host's image changed")


@case("a disk with ro is read-only for the guest")
def _read_only():
    with Scratch() as scratch:
        target = scratch.copy("small.img")
        run("--disk", f"{target},ro", "--", "dd if=ram0 of=vda bs=4k count=1").expect(1, in_err=["vda", "read-only"])
        check(is_same(image("small.img"), target), "the host's image changed")


@case("a qcow2 image is one by its ending, and by format= without it")
def _qcow2():
    expected = read(image("fat16.tree/lower.txt"))
    with Scratch() as scratch:
        converted = scratch.file("disk.qcow2")
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", image("fat16.img"), converted], check=True)
        run("--disk", converted, "--", "cat vda:/lower.txt").expect(0, out=expected)
        renamed = scratch.file("disk.img")
        os.rename(converted, renamed)
        run("--disk", f"{renamed},format=qcow2", "--", "cat vda:/lower.txt").expect(0, out=expected)
        run("--disk", renamed, "--", "cat vda:/lower.txt").expect(1, in_err=["vda"])


@case("an image with a comma in its name is given with two")
def _comma():
    with Scratch() as scratch:
        os.rename(scratch.copy("broken.img"), scratch.file("a,b.img"))
        name = scratch.file("a,b.img").replace(",", ",,")
        run("--disk", name, "--", "cksum vda:/good.bin").expect(0)


@case("a disk comes over NBD")
def _nbd():
    with Scratch() as scratch:
        path = scratch.file("s")
        # A unix socket's path is short: the server gets it relative to its folder.
        server = subprocess.Popen(
            ["qemu-nbd", "-t", "-r", "-f", "raw", "-k", os.path.relpath(path), image("broken.img")] if len(path) > 100
            else ["qemu-nbd", "-t", "-r", "-f", "raw", "-k", path, image("broken.img")]
        )
        try:
            deadline = time.monotonic() + 20
            while not os.path.exists(path) and server.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            run("--disk", f"nbd+unix:///?socket={path},ro", "--", "cksum vda:/good.bin").expect(0)
        finally:
            server.kill()
            server.wait()


@case("disks are named in the order in which they were given")
def _order():
    result = run("--disk", image("fat12.img"), "--disk", image("fat16.img"), "--", "fsinfo vda; fsinfo vdb")
    result.expect(0, in_out=["type: FAT12", "type: FAT16"])
    check(result.out.index(b"FAT12") < result.out.index(b"FAT16"), "vda is not the first disk")


@case("a disk is suspended and resumed, unbound and bound, and reads the same")
def _driver_life():
    expected = run("--disk", image("small.img"), "--", "cksum -r vda:/").expect(0).out
    for legacy in ([], ["--legacy"]):
        commands = "suspend virtio0; lsdev; resume virtio0; cksum -r vda:/; unbind virtio0; lsblk; bind virtio0; cksum -r vda:/"
        result = run(*legacy, "--disk", image("small.img"), "--", commands).expect(0, in_out=["suspended"])
        check(result.out.count(expected) == 2, "the files read otherwise afterwards")
        run(*legacy, "--disk", image("small.img"), "--", "unbind virtio0; cksum vda:/fill.bin").expect(1, in_err=["no such disk"])
        commands = "cksum -r vda:/; suspend virtio0 ram0; cksum -r vda:/; hexdump ram0; resume virtio0 ram0; cksum -r vda:/"
        result = run(*legacy, "--disk", image("small.img"), "--", commands).expect(1, in_err=["vda: suspended", "ram0: suspended"])
        check(result.out == 2 * expected, "the files read otherwise afterwards")


@case("the whole tree is suspended and resumed, the console lives, and disks read the same")
def _all_asleep():
    disk = ("--disk", image("small.img"))
    expected = run(*disk, "--", "cksum -r vda:/").expect(0).out
    for words in ([], ["--legacy"], ["--smp", "4"]):
        commands = "suspend; lsdev; resume virtio0; resume all; cksum -r vda:/; lsdev"
        result = run(*words, *disk, "--", commands).expect(1, in_err=["virtio0: what it needs is suspended"])
        asleep, awake = result.out.split(expected)
        check(b"virtio0  [virtio_blk]  suspended" in asleep, "the disk is awake")
        check(b"[plic]  0xc000000" in asleep and b" bound" not in asleep, "something is awake")
        check(b"suspended" not in awake, "something sleeps")


@case("devices are listed by class, and with what supplies them")
def _classes():
    result = run("--disk", image("small.img"), "--", "lsdev --class; lsdev -v")
    result.expect(0, in_out=["block\n  ram0", "irqchip\n  c000000.plic", "power\n", "tty\n  10000000.serial",
                             "supplier: c000000.plic, its interrupt controller"])


@case("without an image the RAM disk reads as zeroes")
def _empty_ram_disk():
    run("--", "hexdump ram0 -n 32").expect(0, in_out=["00000000  00 00 00 00 00 00 00 00"])


@case("a RAM image that ends within a sector is filled up")
def _ragged_ram_image():
    with Scratch() as scratch:
        ragged = scratch.file("ragged.img", b"A" * (4 * SECTOR + 1))
        run("--ram", ragged, "--", "hexdump ram0 -s 4 -n 512").expect(
            0, in_out=["00000800  41 00 00 00", "00000a00"], in_err=["filled up"]
        )
