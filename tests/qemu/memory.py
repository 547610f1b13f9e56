"""Little memory and much of it, what holds it, trees that tell nonsense of it, and each allocation failing once."""

import os
import re
from concurrent.futures import ThreadPoolExecutor

from harness import Scratch, case, check, image, read, run
from trees import blob, tree_of

GIB = 1 << 30
FREE_ROW = re.compile(r"^(\S.*?) +(\d+)$", re.MULTILINE)


def holders(words):
    """What `free` says at the end of these commands: bytes by holder."""
    result = run(*words[:-1], "--", f"{words[-1]}; free").expect(0)
    return {name: int(count) for name, count in FREE_ROW.findall(result.out.decode())}


# --- Little and much ---


@case("a machine of 8 MiB boots, mounts and reads")
def _little():
    run("--mem", "8M", "--disk", image("fat32.img"), "--", "cksum -r vda:/").expect(0, out=read(image("fat32.cksum")))


@case("the smallest memory that run.sh allows is enough to read")
def _least():
    good = read(image("fat16.tree/lower.txt"))
    run("--mem", "5M", "--disk", image("fat16.img"), "--", "cat vda:/lower.txt").expect(0, out=good)


def _host_has(size):
    with open("/proc/meminfo", encoding="ascii") as file:
        available = re.search(r"MemAvailable: +(\d+) kB", file.read())
    return available is not None and int(available[1]) * 1024 > size


for _kind, _options in (("modern", ()), ("legacy", ("--legacy",))):

    @case(f"with 8 GiB all memory can be taken, and a {_kind} disk has its rings and buffers above 4 GiB")
    def _much(options=_options):
        # QEMU's memory appears as it is touched, and little of it is: what the host must promise is another matter.
        if not _host_has(9 * GIB):
            print("skipped: the host has less than 9 GiB of memory to spare")
            return
        build = os.path.dirname(os.path.dirname(os.environ["SLUICE_IMAGE"]))
        program = os.path.join(build, "tests", "boot", "memory_test")
        with open(image("fat16.img"), "rb") as file:
            first = file.read(64 << 10)
        words = (*options, "--mem", "8G", "--disk", image("fat16.img"))
        run(*words, "--", "all", env={"SLUICE_IMAGE": program}).expect(0, out=first)


@case("what holds memory adds up to all of it, and comes back")
def _adds_up():
    options = ("--disk", image("fat32.img"))
    before = holders((*options, "help"))
    after = holders((*options, "dd if=vda of=ram0 bs=1M count=4; cksum -r vda:/"))
    for rows in (before, after):
        total = rows["total"]
        check(total == 128 << 20, f"the total is {total}")
        check(sum(rows.values()) == 2 * total, f"{rows} do not add up to their total")
    check(after["RAM disk"] - before["RAM disk"] == 4 << 20, f"the RAM disk has {after['RAM disk']}")
    for name in ("DMA", "buffers", "page tables", "text"):
        check(after[name] == before[name], f"{name}: {before[name]}, then {after[name]}")


# --- Trees ---


def _boot_with(changes, words="cksum vda:/good.bin; dmesg"):
    """A machine of 128 MiB whose tree has these pieces of text replaced."""
    text = tree_of(words)
    for old, new in changes:
        check(old in text, f"the tree has no {old}")
        text = text.replace(old, new, 1)
    with Scratch() as scratch:
        return run("--disk", image("broken.img"), "--qemu", f"-dtb '{blob(scratch, text)}'", "--", words, timeout="20")


MEMORY = "reg = <0x00 0x80000000 0x00 0x8000000>;"


@case("memory that is named twice is used once")
def _twice():
    twice = "reg = <0x00 0x80000000 0x00 0x6000000 0x00 0x84000000 0x00 0x4000000>;"
    _boot_with([(MEMORY, twice)]).expect(0, in_out=["5000 vda:/good.bin", "memory at 0x84000000 (0x4000000 bytes) is named twice"])


@case("memory beyond what can be mapped, of no size or far away is named and goes unused")
def _strange():
    ranges = "0xffff 0xf0000000 0x00 0x10000000 0x00 0x90000000 0x00 0x00 0x20 0x00 0x00 0x1000"
    _boot_with([(MEMORY, f"{MEMORY[:-2]} {ranges}>;")]).expect(
        0, in_out=["5000 vda:/good.bin", "memory at 0xfffff0000000", "memory at 0x90000000 has no whole page", "too far from the rest"]
    )


@case("reserved memory over the image is named, with what helps")
def _reserved():
    _boot_with([("/dts-v1/;", "/dts-v1/;\n/memreserve/ 0x80210000 0x1000;")]).expect(
        0, in_out=["5000 vda:/good.bin", "reserved memory at 0x80210000 (0x1000 bytes) covers part of the image"]
    )


@case("an initrd outside memory or over the kernel is named and left out")
def _initrd():
    for start, end, trouble in (("0x98000000", "0x98001000", "is not all memory"), ("0x80200000", "0x80201000", "overlaps the image")):
        chosen = f"chosen {{\n linux,initrd-start = <{start}>;\n linux,initrd-end = <{end}>;\n"
        _boot_with([("chosen {", chosen)]).expect(0, in_out=["5000 vda:/good.bin", f"initrd at {start} to {end}, which {trouble}"])


@case("memory that ends within the kernel is a panic that names both")
def _short():
    short = "reg = <0x00 0x80000000 0x00 0x210000>;"
    _boot_with([(MEMORY, short)], words="ls vda:/").expect(101, in_err=["panic", "do not hold the image at 0x80200000"])


# --- Each allocation failing ---


def _outcome(nth, options, words, wanted):
    """Runs with the nth allocation failing. None: there are fewer; or what is wrong with what came of it; or ''."""
    with Scratch() as scratch:
        log_path = scratch.file("serial.log")
        result = run("--mem", "8M", *options, "--append", f"fail_alloc={nth}", "--log", log_path, "--", words, timeout="60")
        log = read(log_path)
    if result.status == 0:
        # Whatever was printed without the allocation that failed must be what is printed with it.
        if result.out != wanted:
            return f"status 0, and the output is {result.out[-200:]!r}"
        return "" if b"fail_alloc: an allocation" in log else None
    if result.status == 1:
        return "" if b": " in result.err else "status 1 without a message"
    if result.status == 101 and b"panic: " in result.err and b"MiB free" not in log:
        return ""  # memory for the kernel itself
    return f"status {result.status}: {result.err[-500:]!r}"


def _sweep(first, step, options, words, wanted):
    """Every step-th allocation from the first on fails, each in a boot of its own, until there are no more."""
    with ThreadPoolExecutor(2) as pool:
        nth = first
        while True:
            numbers = range(nth, nth + 8 * step, step)
            outcomes = list(pool.map(lambda number: _outcome(number, options, words, wanted), numbers))
            for number, outcome in zip(numbers, outcomes):
                if outcome is None:
                    check(number > 100, f"after {number} there are no more allocations")
                    return
                check(outcome == "", f"fail_alloc={number}: {outcome}")
            nth = numbers[-1] + step


READ = "cat vda:/lower.txt"


@case("whichever allocation fails on the way to a file, its bytes are right or the message clear (every ninth)")
def _sample():
    _sweep(1, 9, ("--disk", image("fat16.img")), READ, read(image("fat16.tree/lower.txt")))


@case("fail_alloc that is no number is named and ignored")
def _no_number():
    for value in ("0", "many", "99999999999999999999999"):
        result = run("--append", f"fail_alloc={value}", "--", "dmesg").expect(0)
        check(f"fail_alloc={value} is no number".encode() in result.out, "it is not named")


# Options, commands, the right output, and the allocation to begin with: the whole tree has too many for one test, and those of
# start-up and probe are the first sweep's.
SWEEPS = {
    "a modern disk": (("--disk", image("fat16.img")), READ, "fat16.tree/lower.txt", 1),
    "a legacy disk": (("--legacy", "--disk", image("fat16.img")), READ, "fat16.tree/lower.txt", 1),
    "packed rings and two harts": (
        ("--smp", "2", "--disk", f"{image('fat16.img')},packed=on,num-queues=2"),
        READ,
        "fat16.tree/lower.txt",
        1,
    ),
    "a whole tree of files": (("--disk", image("fat32.img")), "cksum -r vda:/", "fat32.cksum", 125),
}

for _title, (_options, _words, _wanted, _first) in SWEEPS.items():

    @case(f"whichever allocation fails, what is read is right or the message clear: {_title}", "long")
    def _all(options=_options, words=_words, wanted=_wanted, first=_first):
        _sweep(first, 1, options, words, read(image(wanted)))
