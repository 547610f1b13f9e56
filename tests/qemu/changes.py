"""Disks that change or hold back while they are used: resized, trimmed, too slow for the driver's patience."""

import contextlib
import os
import socket
import subprocess
import sys
import time

from harness import ROOT, RUN_SH, Result, Scratch, case, check, image, is_same, read, run

sys.path.insert(0, os.path.join(ROOT, "tools"))

from guest.qmp import Qmp  # noqa: E402

SECONDS = 100  # for all of one machine's life
MIB = 1 << 20


class Running:
    """run.sh with these words, and a QMP connection of ours to its QEMU."""

    def __init__(self, *words):
        name = f"sluice-case-{os.getpid()}"
        chardev = f"socket,id=case,path={name},abstract=on,server=on,wait=off"
        separator = words.index("--")
        more = ("--timeout", str(SECONDS), "--qemu", f"-chardev {chardev} -mon chardev=case,mode=control")
        self.words = (RUN_SH, *more, *words[:separator], *words[separator:])
        environment = dict(os.environ, SLUICE_GUEST_ERRORS="fail")
        self._process = subprocess.Popen(
            self.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        connection = socket.socket(socket.AF_UNIX)

        def connected():
            with contextlib.suppress(ConnectionRefusedError):
                connection.connect("\0" + name)
                return True

        self.wait_until(connected, "QEMU's socket")
        self.qmp = Qmp(connection, SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.communicate()

    def wait_until(self, condition, what):
        end = time.monotonic() + SECONDS
        while not condition():
            if self._process.poll() is not None or time.monotonic() > end:
                self.end().fail(f"no {what}")
            time.sleep(0.01)

    def operations(self, kind):
        """How many of them ("rd", "wr") the first disk has ended."""
        return self.qmp.execute("query-blockstats")[0]["stats"][f"{kind}_operations"]

    def end(self):
        out, err = self._process.communicate(timeout=2 * SECONDS)
        return Result(self.words, self._process.returncode, out, err)


def _empty(scratch, name, megabytes):
    path = scratch.file(name)
    with open(path, "wb") as file:
        file.truncate(megabytes * MIB)
    return path


@case("a disk that is resized while bench runs has its new size afterwards, in lsblk and to its end")
def _resize():
    ios = 60_000
    job = f"bench --filename=vda --rw=randread --bs=4k --iodepth=8 --number_ios={ios} --time_based --runtime=60"
    with Scratch() as scratch:
        disk = _empty(scratch, "disk.img", 16)
        commands = f"lsblk; {job}; lsblk; dd if=vda of=ram0 bs=1m skip=23 count=1; dmesg"
        with Running("--disk", f"{disk},rw", "--", commands) as machine:
            machine.wait_until(lambda: machine.operations("rd") > 100, "reads")
            machine.qmp.execute("block_resize", device="vda", size=24 * MIB)
            check(machine.operations("rd") < ios, "the job was over before the disk was resized")
            result = machine.end()
        result.expect(0, in_out=["err=0", "vda             16M", "vda             24M", "vda: 49152 sectors now, 32768 before"])


SLOW = (
    "-object throttle-group,id=rate,x-iops-total=1 -blockdev driver=file,node-name=file,filename='{}' "
    "-blockdev driver=throttle,node-name=slow,throttle-group=rate,file=file -device virtio-blk-device,drive=slow"
)


@case("a disk that keeps requests for longer than virtio_blk.timeout is reset, and each of them is carried out")
def _reset():
    job = "bench --filename=vda --rw=write --bs=4k --size=64k --iodepth=8 --verify=crc32c"
    with Scratch() as scratch:
        disk = _empty(scratch, "disk.img", 1)
        log = scratch.file("log", b"")
        words = ("--append", "virtio_blk.timeout=1000", "--log", log, "--qemu", SLOW.format(disk))
        with Running(*words, "--", f"{job}; dmesg") as machine:
            machine.wait_until(lambda: b"it is reset" in read(log), "reset")
            machine.qmp.execute("qom-set", path="/objects/rate", property="limits", value={"iops-total": 0})
            result = machine.end()
        result.expect(0, in_out=["err=0", "verify: 16 blocks", "vda: the device does not answer; it is reset", "in service again"])


TRIMMED = "-drive if=none,id=trimmed,format=qcow2,discard=unmap,file='{}' -device virtio-blk-device,drive=trimmed"


@case("what bench trims reads as zeroes, in the guest and on the host, where the image can")
def _trim():
    with Scratch() as scratch:
        trimmed, target = scratch.file("trimmed.qcow2"), scratch.copy("small.img")
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", image("small.img"), trimmed], check=True)
        disks = ("--disk", f"{target},rw", "--qemu", TRIMMED.format(trimmed))
        job = "bench --filename=vdb --rw=trim --bs=64k --size=8m --iodepth=4"
        run(*disks, "--", f"{job}; dd if=vdb of=vda bs=64k count=256").expect(0, in_out=["err=0"])
        expected = bytes(8 * MIB) + read(image("small.img"))[8 * MIB :]
        check(read(target) == expected, "the guest does not read zeroes in the first half, or not the rest")
        on_host = scratch.file("host.img")
        subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", trimmed, on_host], check=True)
        check(is_same(on_host, target), "the host does not read what the guest read")
