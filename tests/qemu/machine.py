"""The machine beneath: protections, traps, paging, timer, heap, panic: by `fault`, and by tests/boot's image."""

import os
import re
import shutil
import subprocess

from harness import Scratch, case, check, image, read, run


def _image():
    build = os.path.dirname(os.path.dirname(os.environ["SLUICE_IMAGE"]))
    return os.path.join(build, "tests", "boot", "boot_test")


def _boot(word, *options):
    return run(*options, "--", word, env={"SLUICE_IMAGE": _image()}, timeout="30")


# What `fault KIND` does, what the report calls it, and the functions that its backtrace names, the innermost first.
FAULTS = {
    "null-load": ("load from a page that is not mapped at 0x8: null page", "null_load", "run_fault"),
    "null-store": ("store to a page that is not mapped at 0x8: null page", "store_to", "run_fault"),
    "null-call": ("fetch of an instruction from a page that is not mapped at 0x0: null page", "call", "run_fault"),
    "text": ("store to a read-only page at 0x", "store_to", "run_fault"),
    "rodata": ("store to a read-only page at 0x", "store_to", "run_fault"),
    "nowhere": ("store to a page that is not mapped at 0x40000000\n", "store_to", "run_fault"),
    "execute": ("fetch of an instruction from a page that is not executable at 0x", "call", "run_fault"),
    "illegal": ("illegal instruction 0x", "illegal", "run_fault"),
    "breakpoint": ("breakpoint\n", "breakpoint", "run_fault"),
    "float": ("illegal instruction 0x7053: floating point, whose registers the kernel does not keep", "float_instruction", "run_fault"),
    "stack": ("guard page, stack overflow", "overflow", "overflow"),
    "smash": ("stack protector: a function has written beyond its arrays", "__stack_chk_fail", "smash"),
    "assertion": ("assertion failed: kConstant == clock::now_ns() (fault.cpp:", "assertion_failed", "run_fault"),
    "memory": ("operator new: out of memory for 65536 bytes", "operator new", "run_fault"),
    "wait-in-irq": ("assertion failed", "assertion_failed", "-- interrupt --", "run_fault"),
    "irq": ("store to a page that is not mapped at 0x8: null page", "store_to", "handle_timer_interrupt", "-- interrupt --", "run_fault"),
}


def _fault(kind, cause, *functions):
    error = run("--", f"fault {kind}").expect(101, in_err=["panic: hart 0: ", cause, "the last lines of the log:", "sluice: hart 0"]).err
    trace = error[error.index(b"backtrace:\n") :]
    at = 0
    for function in functions:
        at = trace.find(function.encode(), at)
        check(at >= 0, f"the backtrace lacks {function}, or has it elsewhere:\n{trace.decode()}")


for _kind, _report in FAULTS.items():
    case(f"fault {_kind} is reported in words, with names, status 101")(lambda kind=_kind, report=_report: _fault(kind, *report))


@case("a store to code and one to a constant are told apart")
def _sections():
    run("--", "fault text").expect(101, in_err=[": .text\n"])
    run("--", "fault rodata").expect(101, in_err=[": .rodata\n"])
    run("--", "fault execute").expect(101, in_err=[": .data\n"])


@case("a fault on another hart is reported, and where the first stood")
def _other_hart():
    error = run("--smp", "2", "--", "fault hart").expect(101, in_err=["hart_started"]).err
    found = re.search(rb"panic: hart (\d): store to a page that is not mapped.*^hart (\d): stopped at 0x[^\n]* \(task\)$", error, re.DOTALL | re.MULTILINE)
    check(found is not None and {found[1], found[2]} == {b"0", b"1"}, error.decode())  # either may have booted


@case("a fault in the report of a fault is said, and ends the machine")
def _nested():
    error = run("--", "fault nested").expect(101, in_err=["panic: hart 0: store to a page", "panic while panicking: store to a page"]).err
    check(b"last lines of the log" not in error, "the report went on")


@case("a panic tells what is in flight in each disk")
def _in_flight():
    slow = "-blockdev driver=null-co,size=1048576,latency-ns=500000000,node-name=slow -device virtio-blk-device,drive=slow"
    error = run("--qemu", slow, "--", "fault in-flight").expect(101, in_err=["\nvda, queue 0: 1 in flight\n"]).err
    check(re.search(rb"\n +tag \d+: read of sector 0, 4096 bytes, for \d+ ms, with the driver\n", error) is not None, error.decode())


@case("a panic tells what is in flight in a disk that answers at once, too")
def _in_flight_fast():
    disk = ("--disk", image("fat16.img"))
    for options in ((), ("--legacy",), ("--machine", "aia=aplic-imsic")):
        run(*options, *disk, *disk, "--", "fault in-flight").expect(
            101, in_err=["\nvda, queue 0: 1 in flight\n", "\nvdb, queue 0: 1 in flight\n"]
        )


@case("an image without names is told addresses, and no more calls than it can follow")
def _no_names():
    with Scratch() as scratch:
        bare = scratch.copy_of(_image())
        objcopy = shutil.which("riscv64-linux-gnu-objcopy")
        subprocess.run([objcopy, "--update-section", f".names={scratch.file('none', bytes(16))}", bare], check=True)
        run("--", "record", env={"SLUICE_IMAGE": bare}).expect(101, in_err=["on purpose\nbacktrace:\n  0x8"])


MODES = {"sv39": 3, "sv48": 4, "sv57": 5}

for _mode, _levels in MODES.items():

    @case(f"memory and devices are reached with mmu={_mode}, and pt shows it")
    def _paging(mode=_mode, levels=_levels):
        out = run("--append", f"mmu={mode}", "--smp", "2", "--disk", image("fat16.img"), "--", "cksum vda:/lower.txt; pt 0x80200000; pt 0").expect(0).out
        check(f"by S{mode[1:]}\n".encode() in out and out.count(b"level ") >= levels, out.decode())
        check(b"--X-GA-" in out.replace(b"R-X-GA-", b"--X-GA-") and b"not mapped" in out, out.decode())


@case("the deepest mode of paging that the machine has is used, and one that it has not is said")
def _deepest():
    run("--", "pt 0x80200000").expect(0, in_out=["by Sv57\n", "physical address 0x80200000"])
    run("--append", "mmu=sv99", "--", "dmesg").expect(0, in_out=["mmu=sv99: no mode of paging; there are sv39, sv48 and sv57"])
    run("--", "pt 0x200000000000; pt x; pt").expect(2, in_out=["not mapped"], in_err=["0x..."])


@case("an address that the mode of paging does not have is no page's, to pt and to the report of a fault")
def _not_canonical():
    for mode, bit in (("sv39", 38), ("sv48", 47), ("sv57", 56)):
        beyond = 0x80200000 + (1 << (bit + 1))  # as far as the tables are indexed, that of _start
        run("--append", f"mmu={mode}", "--", f"pt {beyond}; pt 0xffffffffffffffff").expect(
            0, in_out=[f"by S{mode[1:]}\nno address: bits 63 to {bit} are not all the same\n", "entry 511: 0x0 not valid"]
        )


@case("the stacks of harts that the machine lacks are free memory, to the report of a fault too")
def _spare_stacks():
    said = rb"fetch of an instruction from a page that is not executable at 0x8[0-9a-f]{7}"
    for harts, place in (("1", b""), ("2", b": stack")):
        error = _boot("call-second-stack", "--smp", harts).expect(101).err
        check(re.search(said + place + rb"\n", error) is not None, error.decode())


@case("a panic while a line is logged shows the log all the same")
def _log_panic():
    _boot("log-panic").expect(101, in_err=["panic: hart 0: while a line is shown\n", "the last lines of the log:\n", "boot_test: hart 0"])


@case("a page both writable and executable, or at address 0, is found by the check of start-up")
def _protection():
    for word in ("writable-code", "executable-data", "executable-heap"):
        error = _boot(word).expect(101).err
        check(re.search(rb"page tables: the page at 0x8[0-9a-f]{7} is writable and executable\n", error) is not None, error.decode())
    _boot("mapped-null").expect(101, in_err=["page tables: the page at 0x0 is the null page, and mapped\n"])


@case("a panic in the middle loses no output, status 101")
def _record():
    _boot("record").expect(101, out="before\n", in_err=["panic: hart 0: on purpose"])


@case("a timer ends a wait in time")
def _timer():
    _boot("timer").expect(0)


@case("a timer ends a wait in time through the firmware, too")
def _firmware_timer():
    _boot("timer", "--cpu", "rv64,sstc=off").expect(0)


@case("an interrupt leaves the registers as they were")
def _registers():
    _boot("registers").expect(0)


@case("all memory can be taken, given back and taken again")
def _heap():
    _boot("heap").expect(0)


@case("the firmware's seed is used, and wiped from the tree")
def _seed():
    _boot("seed").expect(0)


@case("an image with a virtio device that is no disk has nothing of disks in it")
def _no_disks():
    _boot("entropy", "--qemu", "-device virtio-rng-device").expect(0, out="64 bytes\n")
    names = b"_ZN6sluice3blk"
    check(names in read(os.environ["SLUICE_IMAGE"]) and names not in read(_image()), "it has functions of the request layer")
