"""What performance is measured with: the bare ring, the counting of instructions, and the table. No figure is judged."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys

from harness import ROOT, Scratch, case, check, image, read

sys.path.insert(0, os.path.join(ROOT, "tools"))

from guest import bench  # noqa: E402
from guest.elf import Elf  # noqa: E402
from guest.run_folder import RunFolder  # noqa: E402

VERSION_2 = ["-global", "virtio-mmio.force-legacy=false"]


def _ring_image():
    return os.path.join(os.path.dirname(os.path.dirname(os.environ["SLUICE_IMAGE"])), "tests", "bench", "bare_ring")


def _ring(words, *qemu, drive=""):
    """Boots the bare ring; its status and what it printed."""
    with Scratch() as scratch:
        errors = scratch.file("errors", b"")
        result = subprocess.run(
            [
                *("qemu-system-riscv64", "-M", "virt", "-display", "none", "-nodefaults", "-serial", "stdio", *qemu),
                *("-d", "guest_errors,unimp", "-D", errors, "-kernel", _ring_image(), "-append", words),
                *("-drive", f"if=none,id=disk,format=raw,readonly=on,{drive or 'file=' + image('small.img')}"),
                *("-device", "virtio-blk-device,drive=disk"),
            ],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        check(read(errors) == b"", f"QEMU logged mistakes of the guest: {read(errors)[:2000]!r}")
    return result.returncode, result.stdout.decode("utf-8", "replace")


def _figures(text):
    return {name: int(value) for name, value in re.findall(r"(ios|elapsed_ns|notifies|interrupts)=([0-9]+)", text)}


# words: (I/Os, notifies): where nothing is left for the last batch, the ring is not told.
WAYS = {
    "ring.ios=2000": (2000, 2000),
    "ring.ios=3000 ring.depth=32 ring.batch=32": (3000, 94),
    "ring.ios=3000 ring.depth=256 ring.batch=16 ring.polled=1": (3000, 173),
}


@case("the image that is loaded is no larger than 256 KiB, the table of names aside")
def _image_size():
    lines = subprocess.run(["readelf", "-lW", os.environ["SLUICE_IMAGE"]], capture_output=True, text=True, check=True).stdout.splitlines()
    *loads, names = [int(line.split()[4], 16) for line in lines if line.split()[:1] == ["LOAD"]]
    loaded = sum(loads)
    check(len(loads) == 3 and names > 0, "not three segments and the names")
    check(0 < loaded <= 256 << 10, f"{loaded} bytes are loaded")


@case("the bare ring reads what is on the disk, at every depth, with interrupts and polled")
def _bare_ring():
    first = int.from_bytes(read(image("small.img"))[:8], "little")
    for words, (ios, notifies) in WAYS.items():
        status, text = _ring(words, *VERSION_2)
        figures = _figures(text)
        check(status == 0 and f"first={first:x}\n" in text, f"{words}: status {status}: {text[-300:]}")
        check((figures["ios"], figures["notifies"]) == (ios, notifies), f"{words}: {figures}")
        check(figures["elapsed_ns"] > 0, f"{words}: {figures}")
        check((figures["interrupts"] == 0) == ("polled" in words), f"{words}: {figures}")


@case("the bare ring ends with status 1 where it has no disk or a read fails")
def _bare_ring_fails():
    status, text = _ring("ring.ios=10")
    check(status == 1 and "no disk" in text, f"status {status}: {text[-300:]}")
    broken = f"file.driver=blkdebug,file.image.filename={image('small.img')},file.inject-error.0.event=read_aio"
    status, text = _ring("ring.ios=10", *VERSION_2, drive=broken)
    check(status == 1 and "a read failed" in text, f"status {status}: {text[-300:]}")


def _counted(*words, env=None):
    tool = os.path.join(ROOT, "tools", "count_instructions.sh")
    environment = dict(os.environ, SLUICE_GUEST_ERRORS="fail", **(env or {}))
    return subprocess.run(
        [tool, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, timeout=280, check=False
    )


def _check_count(result, low, high):
    match = re.match(r"([0-9.]+) instructions per I/O \(median of [0-9.]+ [0-9.]+ [0-9.]+\)\n$", result.stdout)
    check(result.returncode == 0 and match, f"status {result.returncode}: {result.stdout}{result.stderr}")
    check(low < float(match[1]) < high, f"not between {low} and {high}: {result.stdout}")


@case("the instructions of an I/O are counted")
def _count_instructions():
    job = ("--", "bench", "--filename=ram0", "--rw=randread", "--bs=512")
    # 512 bytes are copied at 8 a time or faster; ten times the floor of a real disk is far away.
    _check_count(_counted("--ios", "1000", "--rounds", "3", *job), 20, 20_000)
    floor = ("--ios", "1000", "--rounds", "3", "--floor", image("small.img"), "ring.depth=32", "ring.batch=32")
    _check_count(_counted(*floor, env={"SLUICE_IMAGE": _ring_image()}), 20, 200)


@case("a count without a job, of a job that fails, or of no more I/Os is none")
def _count_nothing():
    for words, status, named in (
        (("--", "ls"), 2, "Usage"),
        (("--ios", "0", "--", "bench", "--rw=read"), 2, "'0'"),
        (("--", "bench", "--filename=nix", "--rw=read"), 1, "nix"),
        (("--ios", "70000", "--", "bench", "--filename=ram0", "--rw=read", "--bs=512"), 2, "smaller --ios"),
    ):
        result = _counted("--rounds", "1", *words)
        check(result.returncode == status and named in result.stderr, f"{words}: {result.returncode}: {result.stderr}")


@case("the benchmark's table has its rows, and a chart where gnuplot is")
def _table():
    os.environ["SLUICE_GUEST_ERRORS"] = "fail"
    output = io.StringIO()
    with Scratch() as scratch, RunFolder(ROOT) as folder, contextlib.redirect_stdout(output):
        bench.IMAGE_BYTES = 16 << 20
        status = bench.run(Elf(os.environ["SLUICE_IMAGE"]), scratch.path, folder, scale=0.02, rounds=1)
        chart = scratch.file("depth.svg")
        if shutil.which("gnuplot"):
            check(b"<svg" in read(chart), "the chart is no SVG")
    text = output.getvalue()
    check(status == 0, f"status {status}")
    rates = re.findall(r"^  (qemu-img bench|bare ring, \w+|sluice, interrupts|sluice) +([0-9]+) ", text, re.MULTILINE)
    names = [name for name, rate in rates if int(rate) > 0]
    expected = {"qemu-img bench": 3, "bare ring, interrupts": 2, "bare ring, polled": 2, "sluice, interrupts": 2, "sluice": 1}
    for name, least in expected.items():
        check(names.count(name) >= least, f"not {least} rates of '{name}':\n{text}")
