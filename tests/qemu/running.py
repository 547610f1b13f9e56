"""run.sh itself: streams, time-out, signals, logs, the prompt, the demo."""

import json
import os
import signal
import subprocess
import time

from harness import RUN_SH, Scratch, case, check, image, read, run


@case("the demo ends with status 0 and shows its files")
def _demo():
    run(timeout=None).expect(0, in_out=["Grüße.txt", "This text comes from a FAT32 disk", "Hello from a RAM disk.", "virtio_blk"])


@case("standard output carries the commands' output and nothing else")
def _streams():
    with Scratch() as scratch:
        log = scratch.file("log")
        result = run("--disk", image("broken.img"), "--log", log, "--", "ls vda:/; cat vda:/x")
        result.expect(1, out="bad.bin\ngood.bin\n", in_err=["vda:/x"])
        check(b"OpenSBI" in read(log), "the log lacks the firmware's banner")
        check(b"\x01" not in read(log), "the log holds records")


@case("a reader that comes late loses nothing")
def _late_reader():
    words = [RUN_SH, "--disk", image("fat12.img"), "--", "cat vda:/fragmented.bin"]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    # All of it is more than any pipe holds: the guest ends before anything is read.
    qemu = _child_of(process.pid)
    deadline = time.monotonic() + 60
    while _is_alive(qemu) and time.monotonic() < deadline:
        time.sleep(0.02)
    check(not _is_alive(qemu), "the guest waits for the reader")
    output = process.communicate(timeout=60)[0]
    check(process.returncode == 0, f"exit status {process.returncode}")
    check(output == read(image("fat12.tree/fragmented.bin")), f"{len(output)} bytes that are not the file's")


@case("a command that does not end is ended, and every hart's place is told")
def _timeout():
    endless = "bench --filename=ram0 --rw=randread --bs=4k --runtime=100 --time_based"
    result = run("--smp", "2", "--timeout", "3", "--", endless, timeout=None)
    result.expect(124, in_err=["hart 0: pc 0x", "hart 1: pc 0x", "+0x"])


@case("a QEMU that does not answer is ended all the same")
def _deaf():
    words = [RUN_SH, "--timeout", "3", "--qemu", "-name sluice-deaf", "shell"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    qemu = _child_of(process.pid)
    os.kill(qemu, signal.SIGSTOP)
    error = process.communicate(timeout=60)[1]
    check(process.returncode == 124, f"exit status {process.returncode}, not 124")
    check(b"does not answer" in error, f"standard error: {error!r}")
    check(not _is_alive(qemu), "QEMU is still there")


def _child_of(parent):
    """The QEMU that a run.sh has started."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and f"PPid:\t{parent}\n" in _text(f"/proc/{entry}/status") and "qemu" in _text(f"/proc/{entry}/comm"):
                    return int(entry)
            except OSError:
                continue
        time.sleep(0.02)
    check(False, "QEMU was not started")


def _text(path):
    return read(path).decode("utf-8", "replace")


def _is_alive(pid):
    try:
        return "State:\tZ" not in _text(f"/proc/{pid}/status")
    except OSError:
        return False


def _end_by(number):
    process = subprocess.Popen(
        [RUN_SH, "shell"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # whatever the tests were started under
    )
    qemu = _child_of(process.pid)
    process.send_signal(number)
    process.wait(60)
    deadline = time.monotonic() + 10
    while _is_alive(qemu) and time.monotonic() < deadline:
        time.sleep(0.02)
    check(not _is_alive(qemu), "QEMU is still there")
    return process.returncode


@case("signals end the run with their statuses and leave no QEMU")
def _signals():
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)):
        got = _end_by(number)
        check(got == status, f"after signal {number}: exit status {got}, not {status}")


@case("the prompt takes commands from a pipe")
def _prompt():
    run("--disk", image("broken.img"), "shell", stdin=b"ls vda:/\npoweroff 7\n").expect(7, in_out=["sluice>", "good.bin"])


@case("the prompt ends with its input")
def _prompt_end():
    run("--disk", image("broken.img"), "shell", stdin=b"ls vda:/").expect(0, in_out=["good.bin"])


@case("bench takes fio's job and prints fio's JSON")
def _bench():
    job = "bench --name=x --filename=vda --rw=randread --bs=4k --iodepth=32 --number_ios=2000 --output-format=json"
    result = run("--disk", image("small.img"), "--", job).expect(0)
    read_part = json.loads(result.out)["jobs"][0]["read"]
    check(read_part["total_ios"] == 2000 and read_part["iops"] > 0, f"not 2000 reads: {read_part}")


@case("the debugger attaches, knows the symbols and leaves no QEMU")
def _gdb():
    words = b"hbreak *_start\ncontinue\ninfo symbol $pc\nkill\nquit\n"
    run("gdb", stdin=words).expect(0, in_out=["_start in section .text"])


@case("runs beside each other do not disturb each other")
def _concurrent():
    words = [RUN_SH, "--disk", image("fat16.img"), "--", "cksum vda:/lower.txt"]
    runs = [subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) for _ in range(4)]
    outputs = {process.communicate(timeout=120)[0] for process in runs}
    check(all(process.returncode == 0 for process in runs), "a run failed")
    check(len(outputs) == 1, f"outputs differ: {outputs}")


@case("an image that is not entered at _start is refused, status 125")
def _entry():
    with Scratch() as scratch:
        # One load segment at 0x80200000 and a symbol table with _start one page further.
        elf = scratch.file("shifted.elf", bytes())
        subprocess.run(
            ["riscv64-linux-gnu-gcc", "-nostdlib", "-static", "-Wl,-Ttext-segment=0x80200000", "-x", "assembler", "-o", elf, "-"],
            input=b".globl _start\n_start: j _start\n", check=True, capture_output=True,
        )
        run("--", "ls", env={"SLUICE_IMAGE": elf}).expect(125, out="", in_err=["_start"])


@case("a machine of 8 MiB boots and reads")
def _small_machine():
    run("--mem", "8M", "--disk", image("broken.img"), "--", "cksum vda:/good.bin").expect(0, in_out=["5000 vda:/good.bin"])


@case("a machine of four harts boots and reads")
def _four_harts():
    run("--smp", "4", "--disk", image("broken.img"), "--", "cksum vda:/good.bin").expect(0, in_out=["5000 vda:/good.bin"])
