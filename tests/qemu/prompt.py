"""The prompt on a terminal: editing, history, and a machine that starts again."""

import os
import select
import subprocess
import termios
import time

from harness import RUN_SH, case, check, run

SECONDS = 60
UP, LEFT, HOME, DELETE = b"\x1b[A", b"\x1b[D", b"\x1b[H", b"\x1b[3~"


class Terminal:
    """run.sh shell on a terminal of ours."""

    def __init__(self, *words):
        self._ours, theirs = os.openpty()
        self._process = subprocess.Popen(
            [RUN_SH, "--timeout", str(SECONDS), *words, "shell"], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        self.settings = termios.tcgetattr(theirs)
        self._theirs = theirs
        self.shown = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def _take(self):
        if select.select([self._ours], [], [], 0.05)[0]:
            self.shown += os.read(self._ours, 65536)

    def wait_for(self, text, times=1):
        end = time.monotonic() + SECONDS
        while self.shown.count(text) < times:
            check(time.monotonic() < end and self._process.poll() is None, f"no {text!r} in {self.shown[-2000:]!r}")
            self._take()

    def type(self, keys):
        os.write(self._ours, keys)

    def end(self):
        """The exit status, and whether the terminal is as it was."""
        while self._process.poll() is None:
            self._take()
        return self._process.returncode, termios.tcgetattr(self._theirs) == self.settings


@case("a line is edited and brought back on a terminal, and the end's status comes out")
def _edit():
    with Terminal() as terminal:
        terminal.wait_for(b"sluice> ")
        terminal.type(b"xhep" + LEFT + b"l" + HOME + DELETE + b"help \r")
        terminal.wait_for(b"usage: help [COMMAND]")
        terminal.type(UP + b"\x17" + b"reboot\r")
        terminal.wait_for(b"usage: reboot")
        terminal.type(b"poweroff 300" + 2 * b"\x7f" + b"\r")
        check(terminal.end() == (3, True), "not status 3, or the terminal is not as it was")


@case("reboot on a terminal starts the machine again")
def _reboot():
    with Terminal() as terminal:
        terminal.wait_for(b"sluice> ")
        terminal.type(b"reboot\r")
        terminal.wait_for(b"lists the commands", 2)
        terminal.wait_for(b"sluice> ", 2)
        terminal.type(b"poweroff 4\r")
        check(terminal.end()[0] == 4, "not status 4")


@case("reboot ends a run of commands, and one whose input is a pipe, with status 0")
def _reboot_ends():
    run("--", "cat vda:/nothing; reboot; help").expect(0, out="", in_err=["vda"])
    run("shell", stdin=b"reboot\nhelp\n").expect(0, in_out=["sluice> "])


@case("bytes that are no text and sequences that never end do not disturb the prompt")
def _hostile():
    junk = bytes(byte for byte in range(256) if byte not in b"\x03\x04\r\n") * 20
    result = run("shell", stdin=junk + b"\n" + b"\x1b[" + b"9;" * 5000 + b"\n" + b"x" * 5000 + b"\npoweroff 5\n")
    result.expect(5)
