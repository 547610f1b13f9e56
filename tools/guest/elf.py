"""Reads what run.sh needs of an ELF64 file: load addresses, the entry check, and names for addresses.

Used before QEMU starts and by the report of a time-out. Reference: the System V ABI, chapters 4 and 5.
"""

import bisect
import shutil
import struct
import subprocess

from guest.errors import CannotStart

PT_LOAD, SHT_SYMTAB, STT_FUNC, STT_NOTYPE, EM_RISCV = 1, 2, 2, 0, 243


class Elf:
    def __init__(self, path):
        self.path = path
        try:
            with open(path, "rb") as file:
                self._bytes = file.read()
            self._read()
        except OSError as error:
            raise CannotStart(f"the image {path}: {error.strerror}") from None
        except (struct.error, IndexError):
            raise CannotStart(f"the image {path}: the ELF file is cut short") from None

    def _read(self):
        data = self._bytes
        if data[:6] != b"\x7fELF\x02\x01":
            raise CannotStart(f"the image {self.path} is no little-endian ELF64 file")
        if struct.unpack_from("<H", data, 18)[0] != EM_RISCV:
            raise CannotStart(f"the image {self.path} is not for RISC-V")
        phoff, shoff = struct.unpack_from("<QQ", data, 32)
        phentsize, phnum, shentsize, shnum = struct.unpack_from("<HHHH", data, 54)
        self.loads = []  # (address, bytes in memory)
        for i in range(phnum):
            kind, _, _, _, paddr, _, memsz, _ = struct.unpack_from("<IIQQQQQQ", data, phoff + i * phentsize)
            if kind == PT_LOAD and memsz > 0:
                self.loads.append((paddr, memsz))
        self.symbols = {}
        self._functions = []  # (address, size, name), sorted
        sections = [struct.unpack_from("<IIQQQQIIQQ", data, shoff + i * shentsize) for i in range(shnum)]
        for section in sections:
            if section[1] == SHT_SYMTAB:
                self._read_symbols(section, sections[section[6]])
        self._functions.sort()

    def _read_symbols(self, table, strings):
        for at in range(table[4], table[4] + table[5], 24):
            name_at, info, _, _, value, size = struct.unpack_from("<IBBHQQ", self._bytes, at)
            start = strings[4] + name_at
            name = self._bytes[start : self._bytes.index(b"\0", start)].decode("utf-8", "replace")
            if name and not name.startswith((".L", "$")):
                self.symbols[name] = value
                if info & 15 in (STT_FUNC, STT_NOTYPE):
                    self._functions.append((value, size, name))

    def check_entry(self):
        """QEMU's firmware enters the lowest load address, whatever e_entry says: it must be _start."""
        if not self.loads:
            raise CannotStart(f"the image {self.path} has nothing to load")
        lowest = min(address for address, _ in self.loads)
        start = self.symbols.get("_start")
        if start is None:
            raise CannotStart(f"the image {self.path} has no symbol _start, and its lowest load address {lowest:#x} is entered")
        if lowest != start:
            raise CannotStart(
                f"the image {self.path}: its lowest load address is {lowest:#x}, not _start ({start:#x}); "
                "the firmware would enter it there (headers loaded, or _start not first: see linker.ld)"
            )

    def end(self):
        return max(address + size for address, size in self.loads)

    def _function(self, address):
        at = bisect.bisect_right(self._functions, (address, 1 << 64, "")) - 1
        while at >= 0 and self._functions[at][1] == 0 and at > 0 and self._functions[at - 1][0] == self._functions[at][0]:
            at -= 1
        return self._functions[at] if at >= 0 else None

    def places(self, addresses):
        """A name for each address: "function+0x12 (file:line)", or where it lies if it is none of ours."""
        low, high = min(address for address, _ in self.loads), self.end()
        lines = self._lines(addresses)
        result = {}
        for address in addresses:
            function = self._function(address) if low <= address < high else None
            if function is None:
                result[address] = "firmware" if 0x80000000 <= address < low else "outside the image"
                continue
            result[address] = f"{_demangled(function[2])}+{address - function[0]:#x}{lines.get(address, '')}"
        return result

    def _lines(self, addresses):
        tool = shutil.which("riscv64-linux-gnu-addr2line") or shutil.which("riscv64-unknown-elf-addr2line")
        if tool is None:
            return {}
        words = [tool, "-s", "-e", self.path] + [f"{address:#x}" for address in addresses]
        try:
            text = subprocess.run(words, capture_output=True, text=True, timeout=10, check=False).stdout
        except subprocess.TimeoutExpired:
            return {}
        return {a: f" ({line.split(' ')[0]})" for a, line in zip(addresses, text.splitlines()) if not line.startswith("??")}


def _demangled(name):
    tool = shutil.which("c++filt") or shutil.which("riscv64-linux-gnu-c++filt")
    if tool is None or not name.startswith("_Z"):
        return name
    try:
        return subprocess.run([tool, name], capture_output=True, text=True, timeout=10, check=False).stdout.strip() or name
    except subprocess.TimeoutExpired:
        return name
