"""Random names for FAT volumes, long and short, of every kind that has made trouble. Used by tests/oracle.

Within one directory no two names, long or short, are equal when case is ignored. Reference: Microsoft "FAT: General
Overview of On-Disk Format" 1.03.
"""

from fat_nodes import LOWER_BASE, LOWER_EXTENSION

SHORT_PUNCTUATION = "$%'-_@~`!(){}^#&"
LONG_PUNCTUATION = SHORT_PUNCTUATION + "+,;=[] ."
ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "abcXYZ 019",
    "äöüßÄÖÜéèçñÅøæ",
    "абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГД",
    "αβγδεζηθΑΒΓΔΕΖΗΘ",
    "日本語のファイル名漢字かな",
    "中文文件名한국어파일",
    "e\u0301a\u0308o\u0302n\u0303",  # letters and combining marks
    "שלוםعربي",
)
EMOJI = "😀🎉🚀🌍💾🐧𝄞𠀋"  # above U+FFFF: a pair of surrogates each
DEVICES = {"CON", "PRN", "AUX", "NUL", "CLOCK$"} | {f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10)}


def units(text):
    """How many UTF-16 units a text has."""
    return len(text.encode("utf-16-le")) // 2


def decode_short(short, nt_flags=0):
    """DIR_Name as it is shown: code page 437, 0x05 for 0xe5, in lower case where the flags say so."""
    if short[0] == 0x05:
        short = b"\xe5" + short[1:]
    base, extension = (part.decode("cp437").rstrip(" ") for part in (short[:8], short[8:]))
    # Letter by letter: Python would write a sigma at the end of a word otherwise.
    if nt_flags & LOWER_BASE:
        base = "".join(c.lower() for c in base)
    if nt_flags & LOWER_EXTENSION:
        extension = "".join(c.lower() for c in extension)
    return base + ("." + extension if extension else "")


def shown(node):
    """The name that a reader shows which knows everything."""
    return node.long_name if node.long_name is not None else decode_short(node.short, node.nt_flags)


def short_name(node):
    """The short one, or the long one where the short one is not known."""
    return decode_short(node.short) if node.short else node.long_name


def pack_short(base, extension=""):
    """DIR_Name of two texts in code page 437."""
    packed = base.encode("cp437").ljust(8) + extension.encode("cp437").ljust(3)
    return b"\x05" + packed[1:] if packed[0] == 0xE5 else packed


class Names:
    """The names of one directory."""

    def __init__(self, random):
        self.random = random
        self.taken = set()

    def _take(self, *names):
        folded = {form for name in names for form in (name.casefold(), name.upper().casefold())}
        if folded & self.taken:
            return False
        self.taken |= folded
        return True

    def _text(self, alphabet, least, most):
        return "".join(self.random.choice(alphabet) for _ in range(self.random.randint(least, most)))

    def _alias(self, long_name):
        """A short name as Windows would make it: what can be kept, and a number."""
        letters = [c for c in long_name.upper() if c.isalnum() and len(c.encode("cp437", "ignore")) == 1]
        start = "".join(letters[:2]) or "FILE"[: self.random.randint(1, 4)]
        extension = self._text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 0, 3)
        return start + self.random.choice(["", self._text("0123456789ABCDEF", 2, 2)]), extension

    def short_for(self, long_name):
        for number in range(1, 100):
            start, extension = self._alias(long_name)
            packed = pack_short(f"{start}~{number}", extension)
            if self._take(decode_short(packed)):
                return packed
        raise ValueError(f"no short name for {long_name}")

    def long(self, kind):
        """(short, long name) of a kind: see _long_text."""
        while True:
            name = self._long_text(kind)
            if name.partition(".")[0].upper() not in DEVICES and self._take(name):
                return self.short_for(name), name

    def _long_text(self, kind):
        if kind == "longest":
            alphabet = self.random.choice(ALPHABETS[:8])
            return self._ends(self._text(alphabet, 255, 255))
        if kind == "emoji":
            text = self._text(EMOJI + "abc é", 1, 60)
            return self._ends(text[:-1] + self.random.choice(EMOJI))
        if kind == "longest emoji":
            return self.random.choice("xЖ漢") + self._text(EMOJI, 127, 127)
        if kind == "whole slots":  # neither terminator nor padding
            return self._ends(self._text(self.random.choice(ALPHABETS), 13, 13) * self.random.randint(1, 4))
        if kind == "punctuation":
            return self._ends(self.random.choice(["", "."]) + self._text(LONG_PUNCTUATION + "aB1", 5, 30))
        base = self._text(self.random.choice(ALPHABETS), 1, 40)
        return self._ends(base + self.random.choice(["", ".txt", ".tar.gz", "." + self._text("äжx", 1, 5)]))

    def _ends(self, text):
        """The same without what Windows takes off at both ends."""
        last = "_" if text[-1] in " ." else text[-1]
        first = "_" if text[0] == " " else text[0]
        return first + text[1:-1] + last if len(text) > 1 else last

    def short(self, kind):
        """(short, flags) of a kind, without a long name: see _short_parts."""
        while True:
            base, extension, flags = self._short_parts(kind)
            packed = pack_short(base, extension)
            is_device = base in DEVICES
            if not is_device and self._take(decode_short(packed), decode_short(packed, flags)):
                return packed, flags

    def _short_parts(self, kind):
        ascii_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        flags = 0
        if kind == "code page":
            high = bytes(range(0x80, 0x100)).decode("cp437")
            letters = "".join(c for c in high if c == c.upper()) + "AB"
            base, extension = self._text(letters, 1, 8), self._text(letters, 0, 3)
        elif kind == "e5":
            base, extension = "σ" + self._text(ascii_letters, 0, 7), self._text(ascii_letters, 0, 3)
        elif kind == "punctuation":
            base, extension = self._text(SHORT_PUNCTUATION + "A", 1, 8), self._text(SHORT_PUNCTUATION + "B", 0, 3)
        else:
            base, extension = self._text(ascii_letters, 1, 8), self._text(ascii_letters, 0, 3)
        if kind == "lower case":
            flags = self.random.choice((LOWER_BASE, LOWER_EXTENSION, LOWER_BASE | LOWER_EXTENSION))
        return base, extension, flags
