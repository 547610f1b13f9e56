"""Bytes that are a function of their offset: a block that lands at the wrong place shows. Used by the image maker."""

import array
import sys

CHUNK = 1 << 20


def _words(seed, start, stop):
    """Eight bytes each: the offset in the low half, the seed in the high one."""
    words = array.array("Q", range((seed << 32) + start, (seed << 32) + stop, 8))
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()


def write(path, size, seed):
    with open(path, "wb") as file:
        for start in range(0, size, CHUNK):
            stop = min(start + CHUNK, size)
            file.write(_words(seed, start, stop)[: stop - start])
