"""./run.sh bench: our 4 KiB reads beside the bare ring's and the host's own on one image in one run, and a chart.

Numbers compare only within one table: each round runs every job once, and the run with the median rate is shown.
docs/performance.md says what the rows mean.
"""

import os
import shutil
import subprocess
import sys

from guest import outcome
from guest.bench_runs import BLOCK, Runs

IMAGE_BYTES = 256 << 20
ROUNDS = 3
MOST_IOS = 60_000
DEPTHS = [1 << power for power in range(9)]  # of the chart
CURVES = {"host": "qemu-img bench", "ring": "bare ring", "ours": "sluice"}


def _make_image(path):
    """Random bytes: holes and zeroes would be read faster."""
    if os.path.exists(path) and os.path.getsize(path) == IMAGE_BYTES:
        return
    with open(path + ".new", "wb") as file:
        for _ in range(IMAGE_BYTES >> 20):
            file.write(os.urandom(1 << 20))
        os.fsync(file.fileno())
    os.rename(path + ".new", path)


def _ios(depth, scale):
    """About a second's worth."""
    return max(int(min(MOST_IOS, 8_000 * depth) * scale), 2 * depth)


def _random(runs, depth, scale):
    """The jobs of the chart, all with interrupts: {key: function}."""
    ios = _ios(depth, scale)
    job = f"--filename=vda --rw=randread --iodepth={depth} --number_ios={ios}"
    return {
        ("host", depth): lambda: runs.host(depth, ios),
        ("ring", depth): lambda: runs.ring(depth, ios, max(depth // 2, 1)),
        ("ours", depth): lambda: runs.guest(job),
    }


def _polled(runs, depth, scale):
    ios = _ios(depth, scale)
    job = f"--filename=vda --rw=randread --iodepth={depth} --number_ios={ios} --hipri"
    return {
        ("ring polled", depth): lambda: runs.ring(depth, ios, max(depth // 4, 1), polled=True),
        ("ours polled", depth): lambda: runs.guest(job),
    }


def _others(runs, scale):
    ios = _ios(32, scale)
    sequential = f"--filename=vda --rw=read --iodepth=32 --iodepth_batch_submit=32 --number_ios={ios}"
    return {
        ("ring lockstep", 32): lambda: runs.ring(32, ios, 32),
        "host sequential": lambda: runs.host(32, ios, BLOCK),
        "sequential": lambda: runs.guest(sequential),
        "nomerges": lambda: runs.guest(sequential, append=["nomerges=1"], device=[("request-merging", "off")]),
        "ram": lambda: runs.guest(f"--filename=ram0 --rw=randread --iodepth=32 --number_ios={ios}"),
    }


# (heading, key of the host's row, [(what, key)])
TABLE = [
    ("random reads, depth 1", ("host", 1), [
        ("qemu-img bench", ("host", 1)), ("bare ring, interrupts", ("ring", 1)), ("bare ring, polled", ("ring polled", 1)),
        ("sluice, interrupts", ("ours", 1)), ("sluice, polled", ("ours polled", 1)),
    ]),
    ("random reads, depth 32", ("host", 32), [
        ("qemu-img bench", ("host", 32)), ("bare ring, lockstep", ("ring lockstep", 32)), ("bare ring, interrupts", ("ring", 32)),
        ("bare ring, polled", ("ring polled", 32)), ("sluice, interrupts", ("ours", 32)), ("sluice, polled", ("ours polled", 32)),
    ]),
    ("sequential reads, depth 32, in batches of 32", "host sequential", [
        ("qemu-img bench", "host sequential"), ("sluice", "sequential"), ("sluice, nothing merged", "nomerges"),
    ]),
    ("random reads from the RAM disk, depth 32", None, [("sluice", "ram")]),
]  # fmt: skip


def measure(jobs, rounds=ROUNDS):
    """{key: Result with the median rate, or None}; a job that was refused once is not tried again."""
    results = {key: [] for key in jobs}
    for number in range(rounds):
        if sys.stderr.isatty():
            outcome.say(f"round {number + 1} of {rounds}")
        for key, job in jobs.items():
            if None not in results[key]:
                results[key].append(job())
    return {key: None if None in got else sorted(got, key=lambda one: one.iops)[len(got) // 2] for key, got in results.items()}


def _number(value, width, digits=0):
    return f"{'–' if value is None else format(value, f'.{digits}f'):>{width}}"


def _row(what, result, host):
    """`host`: the rate of the host's row, or None."""
    words = f"  {what:<24}"
    if result is None:
        return words + "".join(_number(None, width) for width in (9, 7, 10, 9, 10, 11, 8))
    words += _number(result.iops, 9) + _number(result.iops / host if host else None, 7, 2)
    words += _number(result.mean_us, 10, 1) + _number(result.p99_us, 9, 1)
    return words + _number(result.notifies, 10) + _number(result.interrupts, 11) + _number(result.merges, 8)


def lines(results):
    """The table."""
    yield f"{'':<53}{'':>9}per 1 000 I/Os:"
    yield f"{'':<26}{'I/Os/s':>9}{'× host':>7}{'mean µs':>10}{'p99 µs':>9}{'notifies':>10}{'interrupts':>11}{'merges':>8}"
    for heading, host, rows in TABLE:
        yield heading
        for what, key in rows:
            limit = results.get(host)
            yield _row(what, results.get(key), limit.iops if limit else None)


def _draw(results, folder):
    """depth.dat, and depth.svg where gnuplot is."""
    data, chart = os.path.join(folder, "depth.dat"), os.path.join(folder, "depth.svg")
    with open(data, "w", encoding="utf-8") as file:
        for curve, name in CURVES.items():
            file.write(f'"{name}"\n')
            for depth in DEPTHS:
                if result := results[curve, depth]:
                    file.write(f"{depth} {result.iops:.0f} {result.mean_us:.1f}\n")
            file.write("\n\n")
    script = os.path.join(os.path.dirname(os.path.realpath(__file__)), "depth.gnuplot")
    if subprocess.run(["gnuplot", "-c", script, data, chart], check=False).returncode != 0:
        outcome.say("gnuplot could not draw the chart")
    else:
        print(f"\nrate and latency over depth, with interrupts: {os.path.relpath(chart)}")


def run(elf, image_folder, folder, scale=1, rounds=ROUNDS):
    """The table on standard output; `scale`: of the numbers of reads."""
    os.makedirs(image_folder, exist_ok=True)
    path = os.path.join(image_folder, "disk.img")
    _make_image(path)
    runs = Runs(elf, path, folder)
    with_chart = shutil.which("gnuplot") is not None
    jobs = {}
    for depth in DEPTHS if with_chart else (1, 32):
        jobs.update(_random(runs, depth, scale))
    for depth in (1, 32):
        jobs.update(_polled(runs, depth, scale))
    jobs.update(_others(runs, scale))
    how = "cache=none, aio=native" if runs.direct else "through the page cache: O_DIRECT or aio=native is refused here"
    print(f"4 KiB reads, {IMAGE_BYTES >> 20} MiB image, {how}, one hart, median of {rounds}", flush=True)
    results = measure(jobs, rounds)
    print("\n".join(lines(results)))
    if with_chart:
        _draw(results, image_folder)
    else:
        outcome.say("no chart: gnuplot is not there (apt-get install gnuplot-nox)")
    return outcome.report_guest_errors(folder.path, 0)
