"""How a run ended: the serial log with its last lines, the exit status, and what QEMU noted. Used by session.py and run.py."""

import collections
import os
import sys

from guest import machine
from guest.errors import CANNOT_START, PANIC, CannotStart

TAIL_BYTES = 16384


def say(text):
    sys.stdout.flush()
    print(f"run.sh: {text}", file=sys.stderr, flush=True)


class Tail:
    """The log's file, and its last bytes for a message."""

    def __init__(self, path):
        try:
            self._file = open(path, "wb", buffering=0)
        except OSError as error:
            raise CannotStart(f"--log {path}: {error.strerror}") from None
        self._pieces = collections.deque()
        self._bytes = 0

    def write(self, data):
        self._file.write(data)
        self._pieces.append(data)
        self._bytes += len(data)
        while self._bytes - len(self._pieces[0]) > TAIL_BYTES:
            self._bytes -= len(self._pieces.popleft())

    def lines(self):
        text = b"".join(self._pieces).decode("utf-8", "replace").replace("\r", "")
        return [line for line in text.split("\n") if line.strip()]

    def close(self):
        self._file.close()


def exit_status(reported, qemu_status, log, has_run, plain=False):
    """What the run ends with: the guest's own status (`reported`, or None), else what QEMU's says about it. `has_run`: QEMU
    came as far as running the machine; `plain`: the log was shown already.
    """
    lines = log.lines()
    panics = [number for number, line in enumerate(lines) if line.startswith("panic:")]
    if PANIC in (reported, qemu_status) or (reported is None and panics):
        if not plain:
            shown = lines[panics[-1] :] if panics else lines[-15:]
            sys.stderr.write("".join(line + "\n" for line in shown))
        return PANIC
    if reported is not None:
        return reported
    silent = has_run and not lines  # a machine without a console: the test finisher alone says how it went
    if (plain or silent) and qemu_status >= 0:
        return qemu_status
    if lines and not plain:
        sys.stderr.write("".join(line + "\n" for line in lines[-15:]))
    how = f"by signal {-qemu_status}" if qemu_status < 0 else f"with status {qemu_status}"
    if lines or qemu_status == 0:
        say(f"the machine ended without an exit status of its own (QEMU ended {how})")
    else:
        say(f"QEMU did not start (it ended {how})")
    return CANNOT_START


def report_guest_errors(folder, status):
    """Shows what QEMU logged about the guest's mistakes; with SLUICE_GUEST_ERRORS=fail they are a failure."""
    try:
        with open(machine.guest_error_log(folder), "rb") as file:
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return status
    if not lines:
        return status
    say(f"QEMU logged {len(lines)} guest errors in {machine.guest_error_log(folder)}:")
    sys.stderr.write("".join(f"  {line}\n" for line in lines[:20]))
    failing = os.environ.get("SLUICE_GUEST_ERRORS") == "fail"
    return CANNOT_START if failing else status
