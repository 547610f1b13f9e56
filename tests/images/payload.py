"""Bytes that are a function of their offset: a block that lands at the wrong place shows. Used by the image makers."""

import array
import sys

CHUNK = 1 << 20


def _words(seed, start, stop):
    """Eight bytes each: the offset in the low half, the seed in the high one."""
    words = array.array("Q", range((seed << 32) + start, (seed << 32) + stop, 8))
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()


def contents(seed, size):
    """All of it at once; the seed has at most 31 bits."""
    return _words(seed, 0, size)[:size]


def origin(contents_, offset):
    """(seed, offset) of the file whose bytes stand there, or None at the very end: what a wrong block belongs to."""
    start = offset - offset % 8
    word = contents_[start : start + 8]
    if len(word) < 8:
        return None
    value = int.from_bytes(word, "little")
    return value >> 32, value & 0xFFFF_FFFF


def write(path, size, seed):
    with open(path, "wb") as file:
        for start in range(0, size, CHUNK):
            stop = min(start + CHUNK, size)
            file.write(_words(seed, start, stop)[: stop - start])
