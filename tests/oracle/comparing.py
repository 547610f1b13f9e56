"""Running a tool, and comparing what it read with what was written. Used by readers.py."""

import os
import subprocess
import zlib

import payload
from fat_names import shown

ENVIRONMENT = dict(os.environ, LC_ALL="C.UTF-8", MTOOLSRC="/dev/null", DEFAULT_CODEPAGE="437", MTOOLS_SKIP_CHECK="1")
REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def run(*words):
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, env=ENVIRONMENT, check=False)


def lines_of(result):
    return result.stdout.decode("utf-8", "replace").splitlines()


def posix_cksum(data):
    """As cksum: zlib's CRC goes through the bits of each byte the other way round."""
    size = len(data)
    length = size.to_bytes((size.bit_length() + 7) // 8, "little")
    crc = zlib.crc32((data + length).translate(REVERSED_BITS), 0xFFFF_FFFF)
    return int.from_bytes(crc.to_bytes(4, "little").translate(REVERSED_BITS), "big")


def difference(tree, node, got):
    """Where a file's bytes differ from what was written, and whose bytes stand there; nothing where they are the same."""
    wanted = node.contents
    if got == wanted:
        return []
    at = next((n for n, (one, other) in enumerate(zip(got, wanted)) if one != other), min(len(got), len(wanted)))
    origin = payload.origin(got, at)
    whose = "nothing whole"
    if origin is not None:
        owner = tree.files.get(origin[0])
        whose = f"byte {origin[1]} of {owner.path(shown) if owner else 'no file'}"
    return [f"{node.path(shown)}: {len(got)} bytes of {len(wanted)}, differing from byte {at} on, where it has {whose}"]


def other_case(text):
    """The same name on a FAT volume: every letter that has exactly one other case is in it."""
    return "".join(c.swapcase() if c.swapcase().swapcase() == c else c for c in text)


def copied(tree, node, result):
    """What a tool that printed a file did wrong."""
    if result.returncode != 0:
        return [f"{node.path(shown)}: {result.stderr.decode('utf-8', 'replace').strip()}"]
    return difference(tree, node, result.stdout)


def compare_names(found, wanted):
    """Both ways, sorted: paths that are there and should not, and that should be there and are not."""
    yield from (f"there is no such path: {path!r}" for path in sorted(set(found) - set(wanted)))
    yield from (f"does not show {path!r}" for path in sorted(set(wanted) - set(found)))


def files_of(tree):
    return [node for node in tree.root.below() if not node.is_directory]
