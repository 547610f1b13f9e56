"""One run of QEMU from start to end: streams, time-out, signals, and the exit status. Used by run.py.

One thread takes what comes over the serial line, so that the guest never waits for whoever reads from us; the main thread
writes it; one passes on what QEMU says; a watchdog ends a run that takes too long.
QEMU lives in a session of its own and dies with this process, however that ends.
"""

import contextlib
import ctypes
import fcntl
import os
import queue
import signal
import socket
import subprocess
import termios
import threading
import time

from guest import hart_report, machine
from guest.errors import CANNOT_START, TIMEOUT, CannotStart, Interrupted
from guest.outcome import exit_status, say
from guest.qmp import NoAnswer, Qmp, begin, has_run
from guest.records import Demultiplexer

QMP_SECONDS = 2
POWER_OFF_SECONDS = 5
PIPE_BYTES = 1 << 20
PR_SET_PDEATHSIG = 1
F_SETPIPE_SZ = 1031

# QEMU's standard streams: the serial line on pipes, with nothing typed or with input; this terminal.
PIPES = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
TYPED = dict(PIPES, stdin=subprocess.PIPE)
TERMINAL = {}


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


class Session:
    def __init__(self, words, elf, timeout=None):
        """`words`: machine.arguments(); `timeout`: seconds or None."""
        self._words = words
        self._elf = elf
        self._timeout = timeout
        self._qemu = None
        self._qmp = None
        self._talker = None
        self._over = threading.Event()  # the machine has ended
        self._written = threading.Event()  # and everything it said is written
        self.timed_out = False
        self.output = lambda data: _write_all(1, data)  # where the program's standard output goes

    # Life of the process.

    def start(self, console, mode=PIPES):
        """Starts QEMU with these words for its console."""
        self._qmp, theirs = socket.socketpair()
        begin(self._qmp)
        parent = os.getpid()
        libc = ctypes.CDLL(None, use_errno=True)

        def in_child():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            self._qemu = subprocess.Popen(
                self._words + console + machine.qmp_by_socket(theirs.fileno()),
                **mode,
                bufsize=0,
                pass_fds=(theirs.fileno(),),
                start_new_session=mode is not TERMINAL,
                preexec_fn=in_child,
            )
        except OSError as error:
            raise CannotStart(f"{self._words[0]}: {error.strerror}") from None
        finally:
            theirs.close()
        if mode is not TERMINAL:
            self._talker = threading.Thread(target=self._pass_on, daemon=True)
            self._talker.start()
        if self._timeout:
            threading.Thread(target=self._watch, daemon=True).start()

    def wait(self):
        """QEMU's exit status."""
        status = self._qemu.wait()
        self._over.set()
        self._written.set()
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
        for line in self._qemu.stderr:
            if b"terminating on signal" not in line:
                _write_all(2, line)

    # The time-out.

    def _watch(self):
        if self._over.wait(self._timeout):
            return
        self.timed_out = True
        report = [f"no end after {self._timeout:g} s; every hart stood at"]
        try:
            report += hart_report.lines(Qmp(self._qmp, QMP_SECONDS, begun=True), self._elf)
        except NoAnswer:
            report = [f"no end after {self._timeout:g} s, and QEMU does not answer"]
        say("\n".join(report))
        self._qemu.kill()
        # The writer ends by itself, unless whoever reads from us has stopped doing so.
        if not self._written.wait(QMP_SECONDS):
            os._exit(TIMEOUT)

    def _expect_power_off(self):
        """The program has ended; a machine that cannot switch itself off is helped."""
        if not self._over.wait(POWER_OFF_SECONDS) and self._qemu.poll() is None:
            say("the program ended, but the machine does not switch itself off (no test finisher?): ended by run.sh")
            self._qemu.terminate()

    # Ways to run it.

    def _serial(self):
        """What comes over the serial line, piece by piece, until its end."""
        pieces = queue.SimpleQueue()
        pipe = self._qemu.stdout
        try:
            fcntl.fcntl(pipe, F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            pass  # a smaller one will do

        def take():
            while data := pipe.read(65536):
                pieces.put(data)
            self._over.set()
            pieces.put(b"")

        threading.Thread(target=take, daemon=True).start()
        return iter(pieces.get, b"")

    def run_commands(self, log):
        """Runs with records; standard output and error get the program's. Returns the exit status."""
        streams = Demultiplexer(self.output, lambda data: _write_all(2, data), log.write)
        power_off = None
        try:
            self.start(machine.console_on_pipes())
            for data in self._serial():
                streams.feed(data)
                if power_off is None and streams.status is not None:
                    power_off = threading.Thread(target=self._expect_power_off, daemon=True)
                    power_off.start()
            streams.finish()
            qemu_status = self.wait()
        finally:
            self.stop()
        return TIMEOUT if self.timed_out else exit_status(streams.status, qemu_status, log, has_run(self._qmp))

    def run_plain(self, log):
        """A prompt whose input comes from a file or a pipe: standard output gets everything."""
        typist = None
        seen = b""
        try:
            self.start(machine.console_on_pipes(), TYPED)
            for data in self._serial():
                log.write(data)
                _write_all(1, data)
                seen = (seen + data)[-64:]
                # Before the prompt the serial line may still be reset, and lose what was typed.
                if typist is None and seen.endswith(b"> "):
                    typist = threading.Thread(target=_type, args=(self._qemu.stdin,), daemon=True)
                    typist.start()
            qemu_status = self.wait()
        finally:
            self.stop()
        return TIMEOUT if self.timed_out else exit_status(None, qemu_status, log, has_run(self._qmp), plain=True)

    def run_on_terminal(self, log_path):
        """A prompt on this terminal, whose settings are put back."""
        settings = termios.tcgetattr(0)
        try:
            self.start(machine.console_on_terminal(log_path), TERMINAL)
            qemu_status = self.wait()
        finally:
            self.stop()
            termios.tcsetattr(0, termios.TCSADRAIN, settings)
        return TIMEOUT if self.timed_out else _of_signal(qemu_status)


def _of_signal(status):
    return CANNOT_START if status < 0 else status


def _type(pipe):
    """Standard input to the serial line, then the character that ends it."""
    try:
        last = b"\n"
        while data := os.read(0, 4096):
            _write_all(pipe.fileno(), data.replace(b"\n", b"\r"))
            last = data[-1:]
        _write_all(pipe.fileno(), b"\x04" if last == b"\n" else b"\r\x04")
    except OSError:
        pass
