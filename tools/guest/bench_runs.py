"""The three who read the same image for ./run.sh bench: QEMU's block layer on the host, the bare ring, and we.

Each run is a process of its own and ends in a Result, or in None where the guest refuses the job. Used by bench.py.
"""

import io
import json
import os
import re
import subprocess
from dataclasses import dataclass

from guest import disks, machine, outcome, session
from guest.elf import Elf
from guest.errors import USAGE, CannotStart
from guest.options import Options

BLOCK = 4096
STEP = 2101248  # between qemu-img's reads: not a power of two, so that neighbours are never read one after the other
SECONDS = 300


@dataclass
class Result:
    iops: float
    mean_us: float
    p99_us: float = None
    notifies: float = None  # these three per 1 000 I/Os
    interrupts: float = None
    merges: float = None


class _Capture(session.Session):
    """A session whose output is kept."""

    def commands(self, log):
        """Exit status and standard output of commands in the guest."""
        kept = io.BytesIO()
        self.output = kept.write
        status = self.run_commands(log)
        return status, kept.getvalue().decode()

    def serial(self):
        """All of the serial line, of an image that knows no records."""
        try:
            self.start(machine.console_on_pipes())
            data = b"".join(self._serial())
            status = self.wait()
        finally:
            self.stop()
        return status, data.decode("utf-8", "replace")


def _host_words(path, direct, depth, ios, step):
    cache = ["-t", "none", "-i", "native"] if direct else ["-t", "writeback", "-i", "threads"]
    return ["qemu-img", "bench", "-f", "raw", *cache, "-d", str(depth), "-c", str(ios), "-s", str(BLOCK), "-S", str(step), path]


class Runs:
    def __init__(self, elf, image, folder):
        """`elf`: the default image; `image`: the disk's, raw; `folder`: the run's own."""
        self._elf = elf
        self._image = image
        self._folder = folder
        # Not every file system has O_DIRECT, and not every QEMU Linux' asynchronous I/O.
        self.direct = subprocess.run(_host_words(image, True, 1, 1, BLOCK), capture_output=True, check=False).returncode == 0
        build = os.path.dirname(os.path.dirname(elf.path))
        ring = os.path.join(build, "tests", "bench", "bare_ring")
        self._ring = Elf(ring) if os.path.exists(ring) else None

    def _arguments(self, elf, options, device=()):
        disk = disks.Disk(self._image, read_only=True, direct=self.direct, device=list(device))
        return machine.arguments(options, [disk], elf, self._folder.path, records=bool(options.words))

    def host(self, depth, ios, step=STEP):
        """qemu-img bench: what QEMU's block layer reaches without a guest."""
        result = subprocess.run(_host_words(self._image, self.direct, depth, ios, step), capture_output=True, text=True, check=False)
        match = re.search(r"completed in ([0-9.]+) seconds", result.stdout)
        if match is None:
            raise CannotStart(f"qemu-img bench: {(result.stderr or result.stdout).strip()}")
        seconds = max(float(match[1]), 0.001)
        return Result(ios / seconds, depth * seconds / ios * 1e6)

    def ring(self, depth, ios, batch, polled=False):
        """The bare ring: the least that a guest can do."""
        if self._ring is None:
            return None
        words = [f"ring.depth={depth}", f"ring.batch={batch}", f"ring.ios={ios}", f"ring.polled={int(polled)}"]
        status, text = _Capture(self._arguments(self._ring, Options(append=words)), self._ring, SECONDS).serial()
        line = dict(re.findall(r"([a-z_]+)=([0-9a-f]+)", text[text.rfind("ios=") :]))
        if status != 0 or "elapsed_ns" not in line:
            raise CannotStart(f"the bare ring ended with status {status}: {text[-200:].strip()}")
        elapsed_us = int(line["elapsed_ns"]) / 1000
        per_1000 = 1000 / ios
        return Result(
            ios / elapsed_us * 1e6, depth * elapsed_us / ios,
            notifies=int(line["notifies"]) * per_1000, interrupts=int(line["interrupts"]) * per_1000, merges=0,
        )

    def guest(self, job, append=(), device=()):
        """bench in our guest, with fio's JSON."""
        words = [f"bench {job} --bs=4k --output-format=json"]
        arguments = self._arguments(self._elf, Options(command="exec", words=words, append=list(append)), device)
        log = outcome.Tail(self._folder.file("serial.log"))
        try:
            status, text = _Capture(arguments, self._elf, SECONDS).commands(log)
        finally:
            log.close()
        if status == USAGE:
            return None
        if status != 0:
            raise CannotStart(f"bench in the guest ended with status {status}")
        return result_of_json(text)


def result_of_json(text):
    """What the guest's bench measured of its reads; counters that it does not print are None."""
    try:
        job = json.loads(text)["jobs"][0]
        read = job["read"]
        p99 = read.get("clat_ns", {}).get("percentile", {}).get("99.000000")
        counters = job.get("sluice", {})
        return Result(
            float(read["iops"]), float(read["lat_ns"]["mean"]) / 1000, None if p99 is None else float(p99) / 1000,
            *(counters.get(name) for name in ("notifies_per_1000", "interrupts_per_1000", "merges_per_1000")),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise CannotStart(f"bench in the guest printed no fio JSON ({error!r}): {text[:200]}") from None
