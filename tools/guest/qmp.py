"""A QMP connection over a socket that is already there. Used by the watchdog; every wait is bounded.

Reference: QEMU's docs/interop/qmp-spec.
"""

import json
import time


class NoAnswer(Exception):
    pass


class Qmp:
    def __init__(self, connection, seconds, begun=False):
        """All the work on this connection together may take that long. `begun`: begin() was called for it."""
        self._socket = connection
        self._deadline = time.monotonic() + seconds
        self._pending = b""
        self._message()  # the greeting
        if not begun:
            begin(connection)
        self._answer()

    def _message(self):
        while b"\n" not in self._pending:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise NoAnswer
            self._socket.settimeout(left)
            try:
                piece = self._socket.recv(65536)
            except OSError:
                raise NoAnswer from None
            if not piece:
                raise NoAnswer
            self._pending += piece
        line, _, self._pending = self._pending.partition(b"\n")
        return json.loads(line)

    def execute(self, command, **arguments):
        """The command's return value; None where QEMU refused it."""
        request = json.dumps({"execute": command, "arguments": arguments}) + "\n"
        try:
            self._socket.sendall(request.encode())
        except OSError:
            raise NoAnswer from None
        return self._answer()

    def _answer(self):
        while True:
            message = self._message()
            if "return" in message or "error" in message:
                return message.get("return")


def begin(connection):
    """The first command: QEMU reads it when it comes to it."""
    connection.sendall(b'{"execute": "qmp_capabilities"}\n')


def has_run(connection):
    """Whether the machine ever ran, for a QEMU that has ended: only then are commands answered."""
    connection.settimeout(0)
    said = b""
    try:
        while piece := connection.recv(65536):
            said += piece
    except OSError:
        pass
    return b'"return"' in said
