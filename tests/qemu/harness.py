"""What the cases are written with: run.sh called as a user would, and checks that say what was expected.

A case is a function with a sentence for its name; cases.py runs one by that name. Every run fails where QEMU logs a
mistake of the guest.
"""

import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
RUN_SH = os.path.join(ROOT, "run.sh")
IMAGES = os.environ.get("SLUICE_TEST_IMAGES", "")

cases = {}  # name: (function, labels)


def case(name, *labels):
    """Makes a function a test."""
    if name in cases or ";" in name or "|" in name:
        raise ValueError(f"bad or repeated name: {name}")

    def register(function):
        cases[name] = (function, ("qemu", *labels))
        return function

    return register


class Mismatch(Exception):
    pass


class Result:
    def __init__(self, words, status, out, err):
        self.words, self.status, self.out, self.err = words, status, out, err

    def expect(self, status=0, out=None, in_out=(), in_err=()):
        """All of standard output, or pieces of it and of standard error, and the exit status."""
        if self.status != status:
            self.fail(f"exit status {self.status}, not {status}")
        if out is not None and self.out != _bytes(out):
            self.fail(_difference(_bytes(out), self.out))
        for stream, name, pieces in ((self.out, "output", in_out), (self.err, "error", in_err)):
            for piece in pieces:
                if _bytes(piece) not in stream:
                    self.fail(f"standard {name} lacks {piece!r}")
        return self

    def fail(self, reason):
        shown = " ".join(word if isinstance(word, str) else repr(word) for word in self.words)
        raise Mismatch(
            f"{reason}\n--- {shown}\n--- status {self.status}, standard output:\n{self.out[:3000].decode('utf-8', 'replace')}"
            f"\n--- standard error:\n{self.err[-6000:].decode('utf-8', 'replace')}"
        )


def _bytes(text):
    return text.encode() if isinstance(text, str) else text


def _difference(wanted, got):
    wanted_lines, got_lines = wanted.splitlines(), got.splitlines()
    for number, (one, other) in enumerate(zip(wanted_lines, got_lines), 1):
        if one != other:
            return f"standard output, line {number}: {other!r}, not {one!r}"
    return f"standard output: {len(got_lines)} lines ({len(got)} bytes), not {len(wanted_lines)} ({len(wanted)} bytes)"


def run(*words, stdin=None, env=None, timeout="120"):
    """./run.sh with these words; a time-out of ours for the guest unless the case has its own."""
    if timeout is not None and "--" in words:
        words = ("--timeout", timeout, *words)
    environment = dict(os.environ, SLUICE_GUEST_ERRORS="fail", **(env or {}))
    feed = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    result = subprocess.run([RUN_SH, *words], capture_output=True, env=environment, timeout=280, check=False, **feed)
    return Result(("./run.sh", *words), result.returncode, result.stdout, result.stderr)


def image(name):
    return os.path.join(IMAGES, name)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def is_same(path, other):
    return subprocess.run(["cmp", "-s", path, other], check=False).returncode == 0


class Scratch:
    """A folder that goes with the case."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="case-", dir=IMAGES)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def file(self, name, data=None):
        full = os.path.join(self.path, name)
        if data is not None:
            with open(full, "wb") as file:
                file.write(_bytes(data))
        return full

    def copy_of(self, path):
        return shutil.copy(path, self.path)

    def copy(self, name):
        return self.copy_of(image(name))


def check(condition, message):
    if not condition:
        raise Mismatch(message)


def main(words):
    if words == ["--list"]:
        for name, (_, labels) in cases.items():
            print(f"{','.join(labels)}|{name}")
        return 0
    try:
        cases[words[0]][0]()
    except Mismatch as mismatch:
        print(mismatch, file=sys.stderr)
        return 1
    return 0
