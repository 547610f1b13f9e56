"""Puts names and frames into an image: for a panic's backtrace, so that the code needs no frame pointers.

Used by sluice_add_image after an image was linked, which has a section .names with nothing in it. Needs the image's .symtab
and, for the frames, its .debug_frame (-g). The layout of what it writes is in kernel/name_table.hpp.
Usage: name_table.py IMAGE OBJCOPY CXXFILT. Reference: System V ABI (ELF64), DWARF 5, 6.4 (call frame information).
"""

import os
import re
import struct
import subprocess
import sys
import tempfile

MAGIC = 0x4D4E4C53  # "SLNM"
STT_NOTYPE, STT_FUNC = 0, 2
SP, S0, RA = 2, 8, 1
NO_FRAME = 0xFFFF  # a row's cfa: nothing is known from here on
FROM_S0 = 0x8000


class Image:
    """An ELF64 file's sections and symbols."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        shoff = struct.unpack_from("<Q", self.data, 40)[0]
        shentsize, shnum, shstrndx = struct.unpack_from("<HHH", self.data, 58)
        headers = [struct.unpack_from("<IIQQQQIIQQ", self.data, shoff + i * shentsize) for i in range(shnum)]
        self.sections = {self._text(headers[shstrndx][4] + header[0]): header for header in headers}
        self.headers = headers

    def _text(self, at):
        return self.data[at : self.data.index(b"\0", at)].decode()

    def contents(self, name):
        header = self.sections.get(name)
        return self.data[header[4] : header[4] + header[5]] if header else b""

    def functions(self):
        """(address, bytes, name) of what is in .text: functions, and the labels of assembly."""
        table = self.sections[".symtab"]
        strings = self.headers[table[6]][4]
        text = self.sections[".text"]
        for at in range(table[4], table[4] + table[5], 24):
            name, info, _, _, value, size = struct.unpack_from("<IBBHQQ", self.data, at)
            if info & 15 in (STT_NOTYPE, STT_FUNC) and text[3] <= value < text[3] + text[5]:
                name = self._text(strings + name)
                if name and not name.startswith((".", "$", "__")) or info & 15 == STT_FUNC:
                    yield value, size, name


class Reader:
    def __init__(self, data, at):
        self.data, self.at = data, at

    def take(self, layout):
        (value,) = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return value

    def uleb(self):
        value = shift = 0
        while True:
            byte = self.take("B")
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def sleb(self):
        start = self.at
        value = self.uleb()
        bits = 7 * (self.at - start)
        return value - (1 << bits) if self.data[self.at - 1] & 64 else value


class Frames:
    """The rows of .debug_frame: from an address on, how the caller's registers are found."""

    def __init__(self, section):
        self.rows = []  # (address, cfa, ra, s0)
        self._cies = {}
        at = 0
        while at < len(section):
            (length,) = struct.unpack_from("<I", section, at)
            if length == 0xFFFFFFFF:
                raise SystemExit("name_table.py: 64-bit DWARF is not read")
            end = at + 4 + length
            reader = Reader(section[:end], at + 4)
            cie = reader.take("I")
            if cie == 0xFFFFFFFF:
                self._cies[at] = self._read_cie(reader)
            else:
                self._read_fde(reader, self._cies[cie])
            at = end

    @staticmethod
    def _read_cie(reader):
        reader.take("B")  # version
        if reader.take("B") != 0:
            raise SystemExit("name_table.py: a CIE with an augmentation is not read")
        code, data = reader.uleb(), reader.sleb()
        reader.uleb()  # column of the return address
        return code, data, reader

    def _read_fde(self, reader, cie):
        code, data, instructions = cie
        start, size = reader.take("Q"), reader.take("Q")
        state = {"cfa": (SP, 0), "saved": {}}
        for _ in self._run(Reader(instructions.data, instructions.at), state, code, data, start):
            pass
        for address, row in self._run(reader, state, code, data, start):
            self.rows.append((address, *row))
        self.rows.append((start + size, NO_FRAME, 0, 0))

    @staticmethod
    def _row(state):
        (base, offset), saved = state["cfa"], state["saved"]
        words = [-saved.get(register, 0) // 8 for register in (RA, S0)]
        if base not in (SP, S0) or offset < 0 or offset % 16 or offset // 16 >= FROM_S0 - 1 or not all(0 <= w < 256 for w in words):
            return NO_FRAME, 0, 0
        return (offset // 16 | (FROM_S0 if base == S0 else 0), *words)

    def _run(self, reader, state, code, data, address):
        """Yields (address, row) for each stretch; leaves `state` as it is at the end."""
        stack = []
        initial = dict(state["saved"])
        while reader.at < len(reader.data):
            byte = reader.take("B")
            high, low = byte >> 6, byte & 63
            advance = None
            if high == 1:
                advance = low
            elif high == 2:
                state["saved"][low] = reader.uleb() * data
            elif high == 3:
                self._restore(state, initial, low)
            elif byte in (2, 3, 4):  # advance_loc1, 2, 4
                advance = reader.take("BHI"[byte - 2])
            elif byte == 0:  # nop
                pass
            elif byte == 5:  # offset_extended
                register = reader.uleb()
                state["saved"][register] = reader.uleb() * data
            elif byte == 6:  # restore_extended
                self._restore(state, initial, reader.uleb())
            elif byte in (7, 8):  # undefined, same_value
                state["saved"].pop(reader.uleb(), None)
            elif byte == 10:  # remember_state
                stack.append((state["cfa"], dict(state["saved"])))
            elif byte == 11:  # restore_state
                state["cfa"], state["saved"] = stack.pop()
            elif byte == 12:  # def_cfa
                register = reader.uleb()
                state["cfa"] = (register, reader.uleb())
            elif byte == 13:  # def_cfa_register
                state["cfa"] = (reader.uleb(), state["cfa"][1])
            elif byte == 14:  # def_cfa_offset
                state["cfa"] = (state["cfa"][0], reader.uleb())
            else:
                raise SystemExit(f"name_table.py: call frame instruction {byte:#x} is not read")
            if advance is not None:
                yield address, self._row(state)
                address += advance * code
        yield address, self._row(state)

    @staticmethod
    def _restore(state, initial, register):
        if register in initial:
            state["saved"][register] = initial[register]
        else:
            state["saved"].pop(register, None)


def demangled(names, tool):
    """Short: without parameters, template arguments and the compiler's suffixes."""
    bare = [re.sub(r"\.(constprop|isra|part|lto_priv|cold|localalias)\b.*", "", name) for name in names]
    text = subprocess.run([tool, "-p"], input="\n".join(bare), capture_output=True, text=True, check=True).stdout
    return [shortened(name) for name in text.split("\n")]


def shortened(name):
    name = name.replace("(anonymous namespace)::", "").replace("sluice::", "", 1)
    while True:
        shorter = re.sub(r"(?<!operator)<[^<>]+>", "", name)
        if shorter == name:
            return name[:120]
        name = shorter


def table(image, cxxfilt):
    base = image.sections[".text"][3]
    functions = {}
    for address, size, name in image.functions():
        if address not in functions or size > functions[address][0]:
            functions[address] = (size, name)
    addresses = sorted(functions)
    names = demangled([functions[address][1] for address in addresses], cxxfilt)

    by_address = {}
    for address, *row in Frames(image.contents(".debug_frame")).rows:
        if row[0] != NO_FRAME or address not in by_address:  # where a function ends, the next may begin
            by_address[address] = row
    rows = []
    for address, row in sorted(by_address.items()):
        if not rows or rows[-1][1:] != row:
            rows.append([address, *row])

    strings, offsets = bytearray(), {}
    for name in names:
        if name not in offsets:
            offsets[name] = len(strings)
            strings += name.encode() + b"\0"
    result = bytearray(struct.pack("<IIII", MAGIC, len(addresses), len(rows), len(strings)))
    for address, name in zip(addresses, names):
        result += struct.pack("<II", address - base, offsets[name])
    for address, cfa, ra, s0 in rows:
        result += struct.pack("<IHBB", address - base, cfa, ra, s0)
    return bytes(result + strings)


def main():
    image, objcopy, cxxfilt = sys.argv[1:]
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(image))) as folder:
        contents = os.path.join(folder, "names")
        with open(contents, "wb") as file:
            file.write(table(Image(image), cxxfilt))
        result = os.path.join(folder, "image")
        subprocess.run([objcopy, "--update-section", f".names={contents}", image, result], check=True)
        os.chmod(result, os.stat(image).st_mode)
        os.replace(result, image)


if __name__ == "__main__":
    main()
