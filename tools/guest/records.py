"""Takes the serial stream apart: records of the guest's program, and log between them (kernel/console.hpp).

A record is 0x01, a stream letter ('o' output, 'e' error, 'x' exit status), four hex digits of length, 0x02, the bytes. With
a capital letter the bytes are escaped.
What looks like the beginning of one and is none is log.
"""

import re

HEADER_BYTES = 7
STREAMS = b"oexOEX"
ESCAPED = re.compile(rb"\x10(.)", re.DOTALL)


class Demultiplexer:
    def __init__(self, output, error, log):
        """Three functions that take bytes."""
        self._sinks = {ord("o"): output, ord("e"): error, ord("x"): self._take_status}
        self._log = log
        self._header = b""  # of a record that is not complete yet
        self._stream = None
        self._is_escaped = False
        self._escaped = b""  # of an escaped record, as far as it has come
        self._left = 0  # bytes of the record that are still to come
        self._status_text = b""

    def feed(self, data):
        while data:
            if self._left > 0:
                piece, data = data[: self._left], data[self._left :]
                self._left -= len(piece)
                self._take(piece)
                continue
            data = self._header + data
            self._header = b""
            at = data.find(b"\x01")
            if at != 0:
                piece = data if at < 0 else data[:at]
                self._log(piece)
                data = data[len(piece) :]
            elif not self._begin(data[:HEADER_BYTES]):
                self._log(data[:1])
                data = data[1:]
            else:
                data = data[HEADER_BYTES:]

    def _take(self, piece):
        """Some of the open record, or the rest of it."""
        if not self._is_escaped:
            self._sinks[self._stream](piece)
            return
        self._escaped += piece
        if self._left == 0:
            whole, self._escaped = self._escaped, b""
            self._sinks[self._stream](ESCAPED.sub(lambda match: b"\n" if match[1] == b"n" else match[1], whole))

    def _begin(self, header):
        """Whether these bytes begin a record, as far as they go; if they are all of a header, the record is open."""
        if len(header) > 1 and header[1] not in STREAMS:
            return False
        if any(byte not in b"0123456789abcdefABCDEF" for byte in header[2:6]):
            return False
        if len(header) < HEADER_BYTES:
            self._header = header
            return True
        if header[6] != 2:
            return False
        self._stream = ord(chr(header[1]).lower())
        self._is_escaped = chr(header[1]).isupper()
        self._left = int(header[2:6], 16)
        if self._stream == ord("x"):
            self._status_text = b""  # the last one counts
        return True

    def finish(self):
        """The stream has ended: what could have been the beginning of a record was none."""
        if self._header:
            self._log(self._header)
            self._header = b""

    def _take_status(self, piece):
        self._status_text += piece

    @property
    def status(self):
        """The exit status that the guest reported, 0 to 255, or None where it did not (yet)."""
        if self._left > 0 and self._stream == ord("x"):
            return None
        try:
            status = int(self._status_text.decode("ascii"))
        except ValueError:
            return None
        return status if 0 <= status <= 255 else None
