"""Machines of several harts: start, work between them, panic on one of them. Boots tests/boot's image."""

import os
import re

from harness import Scratch, case, check, read, run
from trees import blob, disable_hart, tree_of


def _boot(harts, word, *options, timeout="60"):
    build = os.path.dirname(os.path.dirname(os.environ["SLUICE_IMAGE"]))
    image = os.path.join(build, "tests", "boot", "boot_test")
    return run("--smp", str(harts), *options, "--", word, env={"SLUICE_IMAGE": image}, timeout=timeout)


for _count in (1, 2, 4, 8):
    case(f"each of {_count} harts runs jobs, and work that any of them posts")(
        lambda count=_count: _boot(count, "harts").expect(0, out=f"{count} harts\n")
    )


@case("8 MiB are enough for eight harts")
def _small():
    _boot(8, "harts", "--mem", "8M").expect(0, out="8 harts\n")


@case("a ninth hart is left with the firmware, and the log says so")
def _nine():
    with Scratch() as scratch:
        log = scratch.file("log")
        _boot(9, "harts", "--log", log).expect(0, out="8 harts\n")
        left = re.findall(rb"hart \d: left with the firmware: no more than 8 run", read(log))
        check(len(left) == 1, f"left with the firmware: {left}")


@case("a hart that comes to the entry while others run gives itself back")
def _stray():
    # One that is not number 8 may be the one that is left: then it cannot be started, and the next boot will do.
    statuses = []
    while len(statuses) < 10 and (not statuses or statuses[-1] == 2):
        result = _boot(9, "harts-stray")
        statuses.append(result.status)
    result.expect(0, out="8 harts\n")


@case("four harts start and stop five times in a row")
def _again():
    for _ in range(5):
        _boot(4, "harts").expect(0, out="4 harts\n")


@case("a hart that the tree disables is not started")
def _disabled():
    with Scratch() as scratch:
        tree = blob(scratch, disable_hart(tree_of("harts", harts=3), 2))
        _boot(3, "harts", "--qemu", f"-dtb '{tree}'").expect(0, out="2 harts\n")


@case("each hart has timers of its own")
def _timers():
    _boot(4, "harts-timers").expect(0)
    _boot(4, "harts-timers", "--cpu", "rv64,sstc=off").expect(0)


@case("an interrupt goes to the hart that it is sent to")
def _affinity():
    _boot(4, "harts-interrupt").expect(0)


def _are_whole(lines, pattern, harts):
    """All lines are of that kind, and each hart's come in order."""
    expected = {}
    for line in lines:
        found = re.fullmatch(pattern, line)
        check(found is not None, f"not whole: {line!r}")
        hart, number = found[1], int(found[2])
        check(number == expected.get(hart, 0), f"out of order: {line!r}")
        expected[hart] = number + 1
    check(len(expected) == harts, f"lines of {len(expected)} harts, not {harts}")
    return expected


@case("lines that four harts print and log at once come out whole")
def _whole_lines():
    with Scratch() as scratch:
        log = scratch.file("log")
        result = _boot(4, "harts-print", "--log", log).expect(0)
        printed = _are_whole(result.out.splitlines(), rb"hart (\d) prints line (\d+) of two hundred", 4)
        lines = [line for line in read(log).splitlines() if b"logs line" in line or b"of two hundred" in line]
        logged = _are_whole(lines, rb"\[ *\d+\.\d{6}\] hart (\d) logs line (\d+) of two hundred", 4)
        check(set(printed.values()) == set(logged.values()) == {200}, f"{printed}, {logged}")


@case("the end keeps its status while other harts print")
def _end():
    for _ in range(3):
        result = _boot(4, "harts-exit").expect(0)
        for line in result.out.splitlines():
            check(re.fullmatch(rb"hart \d prints line \d+ of two hundred", line) is not None, f"not whole: {line!r}")


@case("a panic on one hart says where all the others stood, status 101")
def _panic():
    error = _boot(6, "harts-panic").expect(101, in_err=["panic: hart", "on purpose", "backtrace:"]).err
    stopped = re.findall(rb"^hart (\d): stopped at 0x[0-9a-f]+ \([^ )]+\) \(task\)$", error, re.MULTILINE)
    deaf = re.findall(rb"^hart (\d): does not answer \(interrupts off\)$", error, re.MULTILINE)
    panicked = re.findall(rb"^panic: hart (\d)", error, re.MULTILINE)
    check((len(stopped), len(deaf), len(panicked)) == (3, 2, 1), f"{stopped}, {deaf}, {panicked}")
    check(len({*stopped, *deaf, *panicked}) == 6, "a hart is named twice")


@case("harts that panic at the same time give one report, status 101")
def _panics():
    for _ in range(5):
        error = _boot(4, "harts-panics").expect(101).err
        reports = re.findall(rb"^panic: hart \d: all at once$", error, re.MULTILINE)
        place = rb"0x[0-9a-f]+ \([^ )]+\) \(task\)"
        others = re.findall(rb"^hart \d: (?:panics, too, at " + place + rb": all at once|stopped at " + place + rb")$", error, re.MULTILINE)
        check((len(reports), len(others)) == (1, 3), f"{reports}, {others}")


@case("where each of four harts stands is told when the time is up")
def _time_is_up():
    _boot(4, "harts-hang", timeout="3").expect(124, in_err=[f"hart {number}: pc 0x" for number in range(4)])
