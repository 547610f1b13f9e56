"""QEMU's command line for a run: from options to words. Used by session.py's callers.

QMP's file descriptor is inherited, so that no path is too long and nothing is left behind.
"""

import os
import re
import shutil
import subprocess

from guest import device_tree, disks, memory_size
from guest.errors import CannotStart

QEMU = "qemu-system-riscv64"


def _qemu_major():
    try:
        text = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError as error:
        raise CannotStart(f"{QEMU}: {error.strerror}") from None
    match = re.search(r"version (\d+)", text)
    return int(match[1]) if match else 0


def _machine(text):
    """What -M takes; options alone are the virt machine's."""
    return f"virt,{text}" if "=" in text.partition(",")[0] else text


def _append(options, records):
    words = list(options.append)
    if records:
        words.append("console=records")
    if options.words:
        words += ["--", *options.words]
    return " ".join(words)


def arguments(options, disk_list, elf, folder, records, reboots=True):
    """Everything but the console, QMP and the debugger's stub. Not `reboots`: a guest that does so has ended."""
    if shutil.which(QEMU) is None:
        raise CannotStart(f"{QEMU} is not there (see ./run.sh doctor)")
    if _machine(options.machine).partition(",")[0] == "virt":
        device_tree.check(options.qemu)
    image = disks.ram_image(options.ram, folder) if options.ram else None
    image_bytes = os.path.getsize(image) if image else None
    memory = memory_size.choose(options.mem, elf.end(), image_bytes, _qemu_major() if image else 0)
    words = [QEMU, "-M", _machine(options.machine), "-cpu", options.cpu, "-smp", options.smp, "-m", memory]
    words += ["-display", "none", "-nodefaults", "-no-user-config", "-kernel", elf.path]
    if not options.legacy:
        words += ["-global", "virtio-mmio.force-legacy=false"]
    if not reboots:
        words += ["-no-reboot"]
    if image:
        words += ["-initrd", image]
    append = _append(options, records)
    if append:
        words += ["-append", append]
    words += ["-d", "guest_errors,unimp", "-D", guest_error_log(folder)]
    return words + disks.qemu_arguments(disk_list, folder) + options.qemu


def guest_error_log(folder):
    return os.path.join(folder, "guest-errors.log")


def console_on_pipes():
    """QEMU's standard input and output are the serial line: a pipe holds far more than a socket of single bytes."""
    return ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]


def console_on_terminal(log):
    """Ctrl-A C is QEMU's monitor, Ctrl-A X ends it; everything else is the guest's, Ctrl-C too."""
    stdio = f"stdio,id=console,mux=on,signal=off,logfile={disks.doubled(log)}"
    return ["-chardev", stdio, "-serial", "chardev:console", "-mon", "chardev=console,mode=readline"]


def qmp_by_socket(fd):
    return ["-chardev", f"socket,id=qmp,fd={fd}", "-mon", "chardev=qmp,mode=control"]


def debugger_stub(path):
    """A machine that waits for the debugger on a unix socket."""
    stub = f"socket,id=gdb,path={disks.doubled(path)},server=on,wait=off"
    return ["-chardev", stub, "-gdb", "chardev:gdb", "-S"]
