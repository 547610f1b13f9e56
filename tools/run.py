"""What ./run.sh does once Python is there: reads the options, builds, boots or tests. Started by run.sh only."""

import os
import shutil
import subprocess
import sys
import tempfile

from guest import bench, demo, disks, machine, outcome, session
from guest.elf import Elf
from guest.errors import CANNOT_START, OK, TIMEOUT, CannotStart, Failure, Interrupted
from guest.options import Options, parse
from guest.run_folder import RunFolder

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
DEFAULT_TIMEOUT = 60
UNIX_PATH_MAX = 100


def install(*sets):
    """Whether the packages of these sets are there now."""
    return subprocess.run([os.path.join(ROOT, "tools", "packages.sh"), "ensure", *sets], check=False).returncode == 0


def ensure(*sets):
    """The packages of these sets are there, or the run ends."""
    if not install(*sets):
        sys.exit(CANNOT_START)


def build(preset):
    """Builds a preset; its folder."""
    if subprocess.run([os.path.join(ROOT, "tools", "build.sh"), preset], check=False).returncode != 0:
        sys.exit(CANNOT_START)
    return os.path.join(ROOT, "build", preset)


def image(options):
    """The image to boot, built where it is ours, with its entry checked."""
    path = os.environ.get("SLUICE_IMAGE")
    if not path:
        path = os.path.join(build("riscv64-debug" if options.debug else "riscv64"), "app", "sluice")
    elf = Elf(path)
    elf.check_entry()
    return elf


def boot(options, disk_list=None):
    """Boots and runs the guest's commands; the exit status."""
    if disk_list is None:
        disk_list = [disks.parse(word) for word in options.disks]
    ensure("boot")
    elf = image(options)
    with RunFolder(ROOT) as folder:
        log_path = options.log or folder.file("serial.log")
        interactive = options.command == "shell"
        on_terminal = interactive and os.isatty(0) and os.isatty(1)
        words = machine.arguments(options, disk_list, elf, folder.path, records=not interactive, reboots=on_terminal)
        timeout = options.timeout
        if timeout is None and not interactive:
            timeout = DEFAULT_TIMEOUT
        run = session.Session(words, elf, timeout)
        log = outcome.Tail(log_path)
        try:
            if on_terminal:
                status = run.run_on_terminal(log_path)
            elif interactive:
                status = run.run_plain(log)
            else:
                status = run.run_commands(log)
        finally:
            log.close()
        if status in (CANNOT_START, TIMEOUT):
            outcome.say(f"the serial log is {log_path}")
        return outcome.report_guest_errors(folder.path, status)


def debug(options):
    """Boots paused, and attaches a debugger on this terminal."""
    disk_list = [disks.parse(word) for word in options.disks]
    ensure("boot", "gdb")
    debugger = next(filter(shutil.which, ("gdb-multiarch", "riscv64-linux-gnu-gdb", "riscv64-unknown-elf-gdb", "riscv64-elf-gdb")))
    elf = image(options)
    with RunFolder(ROOT) as folder, tempfile.TemporaryDirectory() as short:
        stub = folder.file("gdb.sock")
        if len(stub) > UNIX_PATH_MAX or " " in stub:
            stub = os.path.join(short, "gdb.sock")
        log = options.log or folder.file("serial.log")
        words = machine.arguments(options, disk_list, elf, folder.path, records=False)
        run = session.Session(words + machine.debugger_stub(stub), elf, options.timeout)
        try:
            console = ["-chardev", f"file,id=console,path={disks.doubled(log)}", "-serial", "chardev:console"]
            run.start(console)
            run.wait_for_file(stub)
            outcome.say(f"the machine waits at its first instruction; its serial log is {log}")
            # Ctrl-C is the debugger's.
            with session.signals_ignored():
                return subprocess.run(
                    [debugger, "-q", elf.path, "-ex", "set architecture riscv:rv64", "-ex", f"target remote {stub}"], check=False
                ).returncode
        finally:
            run.stop()


def test(options):
    """All tests but the long ones, or those whose names match; the summary is CTest's."""
    ensure("boot", "test", "gdb")
    build("riscv64-ci")
    host = build("host-ci")
    words = ["ctest", "--test-dir", host, "-j2", "--output-on-failure", "--no-tests=error"]
    words += ["-R", options.words[0]] if options.words else ["-LE", "long"]
    return OK if subprocess.run(words, stdin=subprocess.DEVNULL, check=False).returncode == 0 else 1


def measure():
    ensure("boot", "bench")
    install("chart")  # without it the table still comes
    elf = image(Options())
    with RunFolder(ROOT) as folder:
        return bench.run(elf, os.path.join(ROOT, "build", "bench"), folder)


def show_demo(options):
    ensure("boot")
    ram, disk, words = demo.make(os.path.join(ROOT, "build", "demo"))
    options.ram, options.words = ram, words
    return boot(options, [disks.Disk(disk)])


def main(words):
    session.raise_on_signals()
    options = parse(words)
    if options.command == "test":
        return test(options)
    if options.command == "bench":
        return measure()
    if options.command == "gdb":
        return debug(options)
    if options.command == "demo":
        return show_demo(options)
    return boot(options)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Failure as failure:
        outcome.say(failure)
        sys.exit(failure.status)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(141)
    except Interrupted as interrupted:
        sys.exit(interrupted.status)
