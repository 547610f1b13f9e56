"""One run of QEMU from start to end: streams, time-out, signals, and the exit status. Used by run.py.

The main thread reads the serial line, a thread passes on what QEMU says, and a watchdog ends a run that takes too long.
QEMU lives in a session of its own and dies with this process, however that ends.
"""

import collections
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import termios
import threading
import time

from guest import hart_report, machine
from guest.errors import CANNOT_START, PANIC, TIMEOUT, CannotStart, Interrupted
from guest.qmp import NoAnswer, Qmp
from guest.records import Demultiplexer

QMP_SECONDS = 2
TAIL_BYTES = 16384
POWER_OFF_SECONDS = 5
PR_SET_PDEATHSIG = 1


def say(text):
    sys.stdout.flush()
    print(f"run.sh: {text}", file=sys.stderr, flush=True)


def raise_on_signals():
    def handler(number, _):
        raise Interrupted(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Under nohup a closed terminal is no reason to end.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


@contextlib.contextmanager
def signals_ignored():
    """For as long as another program has the terminal, Ctrl-C is meant for that one."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _write_all(fd, data):
    while data:
        data = data[os.write(fd, data) :]


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


class Session:
    def __init__(self, words, elf, timeout=None):
        """`words`: machine.arguments(); `timeout`: seconds or None."""
        self._words = words
        self._elf = elf
        self._timeout = timeout
        self._qemu = None
        self._qmp = None
        self._talker = None
        self._over = threading.Event()
        self.timed_out = False
        self.output = lambda data: _write_all(1, data)  # where the program's standard output goes

    # Life of the process.

    def start(self, console, inherited=(), terminal=False):
        """Starts QEMU with these words for its console; on a terminal it keeps ours."""
        self._qmp, theirs = socket.socketpair()
        parent = os.getpid()
        libc = ctypes.CDLL(None, use_errno=True)

        def in_child():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            self._qemu = subprocess.Popen(
                self._words + console + machine.qmp_by_socket(theirs.fileno()),
                stdin=None if terminal else subprocess.DEVNULL,
                stdout=None if terminal else subprocess.PIPE,
                stderr=None if terminal else subprocess.STDOUT,
                pass_fds=(theirs.fileno(), *inherited),
                start_new_session=not terminal,
                preexec_fn=in_child,
            )
        except OSError as error:
            raise CannotStart(f"{self._words[0]}: {error.strerror}") from None
        finally:
            theirs.close()
        if not terminal:
            self._talker = threading.Thread(target=self._pass_on, daemon=True)
            self._talker.start()
        if self._timeout:
            threading.Thread(target=self._watch, daemon=True).start()

    def wait(self):
        """QEMU's exit status."""
        status = self._qemu.wait()
        self._over.set()
        if self._talker is not None:
            self._talker.join()
        return status

    def wait_for_file(self, path):
        """Until QEMU has made this socket."""
        end = time.monotonic() + 10
        while not os.path.exists(path):
            if self._qemu.poll() is not None or time.monotonic() > end:
                raise CannotStart("QEMU did not start")
            time.sleep(0.02)

    def stop(self):
        """Ends QEMU if it still runs; safe to call at any time."""
        self._over.set()
        if self._qemu is None or self._qemu.poll() is not None:
            return
        self._qemu.terminate()
        try:
            self._qemu.wait(QMP_SECONDS)
        except subprocess.TimeoutExpired:
            self._qemu.kill()
            self._qemu.wait()

    def _pass_on(self):
        """What QEMU itself prints goes to standard error, but not that we ended it."""
        for line in self._qemu.stdout:
            if b"terminating on signal" not in line:
                _write_all(2, line)

    # The time-out.

    def _watch(self):
        if self._over.wait(self._timeout):
            return
        self.timed_out = True
        report = [f"no end after {self._timeout:g} s; every hart stood at"]
        try:
            report += hart_report.lines(Qmp(self._qmp, QMP_SECONDS), self._elf)
        except NoAnswer:
            report = [f"no end after {self._timeout:g} s, and QEMU does not answer"]
        say("\n".join(report))
        self._qemu.kill()
        # The reader ends by itself, unless whoever reads from us has stopped doing so.
        if not self._over.wait(QMP_SECONDS):
            os._exit(TIMEOUT)

    def _expect_power_off(self):
        """The program has ended; a machine that cannot switch itself off is helped."""
        if not self._over.wait(POWER_OFF_SECONDS) and self._qemu.poll() is None:
            say("the program ended, but the machine does not switch itself off (no test finisher?): ended by run.sh")
            self._qemu.terminate()

    # Ways to run it.

    def run_commands(self, log):
        """Runs with records; standard output and error get the program's. Returns the exit status."""
        ours, theirs = socket.socketpair()
        streams = Demultiplexer(self.output, lambda data: _write_all(2, data), log.write)
        try:
            self.start(machine.console_by_socket(theirs.fileno()), (theirs.fileno(),))
            theirs.close()
            power_off = None
            while data := _receive(ours):
                streams.feed(data)
                if power_off is None and streams.status is not None:
                    power_off = threading.Thread(target=self._expect_power_off, daemon=True)
                    power_off.start()
            streams.finish()
            qemu_status = self.wait()
        finally:
            self.stop()
        return self._status(streams.status, qemu_status, log)

    def run_plain(self, log):
        """A prompt whose input comes from a file or a pipe: standard output gets everything."""
        ours, theirs = socket.socketpair()
        try:
            self.start(machine.console_by_socket(theirs.fileno()), (theirs.fileno(),))
            theirs.close()
            typist = None
            seen = b""
            while data := _receive(ours):
                log.write(data)
                _write_all(1, data)
                seen = (seen + data)[-64:]
                # Before the prompt the serial line may still be reset, and lose what was typed.
                if typist is None and seen.endswith(b"> "):
                    typist = threading.Thread(target=_type, args=(ours,), daemon=True)
                    typist.start()
            qemu_status = self.wait()
        finally:
            self.stop()
        return self._status(None, qemu_status, log, plain=True)

    def run_on_terminal(self, log_path):
        """A prompt on this terminal, whose settings are put back."""
        settings = termios.tcgetattr(0)
        try:
            self.start(machine.console_on_terminal(log_path), terminal=True)
            qemu_status = self.wait()
        finally:
            self.stop()
            termios.tcsetattr(0, termios.TCSADRAIN, settings)
        return TIMEOUT if self.timed_out else _of_signal(qemu_status)

    def _status(self, reported, qemu_status, log, plain=False):
        if self.timed_out:
            return TIMEOUT
        lines = log.lines()
        panics = [number for number, line in enumerate(lines) if line.startswith("panic:")]
        if PANIC in (reported, qemu_status) or (reported is None and panics):
            if not plain:
                shown = lines[panics[-1] :] if panics else lines[-15:]
                sys.stderr.write("".join(line + "\n" for line in shown))
            return PANIC
        if reported is not None:
            return reported
        if plain and qemu_status >= 0:
            return qemu_status
        if lines and not plain:
            sys.stderr.write("".join(line + "\n" for line in lines[-15:]))
        how = f"by signal {-qemu_status}" if qemu_status < 0 else f"with status {qemu_status}"
        if lines or qemu_status == 0:
            say(f"the machine ended without an exit status of its own (QEMU ended {how})")
        else:
            say(f"QEMU did not start (it ended {how})")
        return CANNOT_START


def _of_signal(status):
    return CANNOT_START if status < 0 else status


def _receive(connection):
    try:
        return connection.recv(65536)
    except ConnectionResetError:  # QEMU was killed with bytes still on their way to it
        return b""


def _type(connection):
    """Standard input to the serial line, then the character that ends it."""
    try:
        last = b"\n"
        while data := os.read(0, 4096):
            connection.sendall(data.replace(b"\n", b"\r"))
            last = data[-1:]
        connection.sendall(b"\x04" if last == b"\n" else b"\r\x04")
    except OSError:
        pass


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
