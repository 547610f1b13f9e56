"""./run.sh bench: our 4 KiB random reads beside what QEMU's own block layer reaches on the same image, in one run.

Both with cache=none and Linux' asynchronous I/O. Numbers compare only within one table: rounds alternate, medians are
shown.
"""

import io
import json
import os
import re
import statistics
import subprocess

from guest import disks, machine, outcome, session
from guest.errors import CannotStart
from guest.options import Options

IMAGE_BYTES = 256 << 20
BLOCK = 4096
STEP = 2101248  # not a power of two: neighbours are never read one after the other
ROUNDS = 3
DEPTHS = ((1, 20_000), (32, 100_000))  # (depth, reads)


def _make_image(path):
    """Random bytes: holes and zeroes would be read faster."""
    if os.path.exists(path) and os.path.getsize(path) == IMAGE_BYTES:
        return
    with open(path + ".new", "wb") as file:
        for _ in range(IMAGE_BYTES >> 20):
            file.write(os.urandom(1 << 20))
        os.fsync(file.fileno())
    os.rename(path + ".new", path)


def _host_rate(path, depth, reads):
    words = ["qemu-img", "bench", "-f", "raw", "-t", "none", "-i", "native", "-d", str(depth), "-c", str(reads)]
    result = subprocess.run(words + ["-s", str(BLOCK), "-S", str(STEP), path], capture_output=True, text=True, check=False)
    match = re.search(r"completed in ([0-9.]+) seconds", result.stdout)
    if match is None:
        raise CannotStart(f"qemu-img bench: {(result.stderr or result.stdout).strip()}")
    return reads / float(match[1])


class _Capture(session.Session):
    """A session whose standard output is kept."""

    def output_of(self, log):
        kept = io.BytesIO()
        self.output = kept.write
        status = self.run_commands(log)
        if status != 0:
            raise CannotStart(f"bench in the guest ended with status {status}")
        return kept.getvalue().decode()


def _guest_rate(elf, path, depth, reads, folder):
    job = f"bench --filename=vda --rw=randread --bs=4k --iodepth={depth} --number_ios={reads} --output-format=json"
    options = Options(command="exec", words=[job])
    disk = disks.Disk(path, read_only=True, direct=True)
    words = machine.arguments(options, [disk], elf, folder.path, records=True)
    log = outcome.Tail(folder.file("serial.log"))
    try:
        text = _Capture(words, elf, 300).output_of(log)
    finally:
        log.close()
    try:
        read = json.loads(text)["jobs"][0]["read"]
        return float(read["iops"]), float(read["lat_ns"]["mean"])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise CannotStart(f"bench in the guest printed no fio JSON ({error!r}): {text[:200]}") from None


def run(elf, image_folder, folder):
    os.makedirs(image_folder, exist_ok=True)
    path = os.path.join(image_folder, "disk.img")
    _make_image(path)
    print(f"4 KiB random reads, {IMAGE_BYTES >> 20} MiB image, cache=none, aio=native, one hart, median of {ROUNDS}")
    print(f"{'depth':>5}  {'sluice/s':>10}  {'MiB/s':>7}  {'mean us':>8}  {'qemu-img/s':>10}  {'ratio':>5}", flush=True)
    for depth, reads in DEPTHS:
        ours, waits, host = [], [], []
        for _ in range(ROUNDS):
            rate, wait = _guest_rate(elf, path, depth, reads, folder)
            ours.append(rate)
            waits.append(wait)
            host.append(_host_rate(path, depth, reads))
        rate, wait, limit = map(statistics.median, (ours, waits, host))
        mib = rate * BLOCK / (1 << 20)
        print(f"{depth:>5}  {rate:>10.0f}  {mib:>7.1f}  {wait / 1000:>8.1f}  {limit:>10.0f}  {rate / limit:>5.2f}", flush=True)
    return outcome.report_guest_errors(folder.path, 0)
