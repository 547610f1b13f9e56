"""The readers that are compared: ours, mtools, GRUB's, 7-Zip, The Sleuth Kit. Used by cases.py.

Each takes an image and the tree that was written to it, and yields a line for everything that it reads otherwise. What is
not asked of a tool is in its class comment, and in limit() where it is about whole volumes: those faults are the tool's,
for all the others agree, and with the specification.
"""

import os
import re
import shutil

import fat_names
from comparing import compare_names, copied, difference, files_of, lines_of, other_case, posix_cksum, run
from fat_names import shown


class Reader:
    name = ""
    tools = ()

    def missing(self):
        """Which of its tools is not there, or None."""
        return next((tool for tool in self.tools if not shutil.which(tool)), None)

    def limit(self, tree):
        """Why it is not asked about this volume, or None."""
        return None

    def read(self, image, tree):
        raise NotImplementedError


class Ours(Reader):
    """fat_host: all there is, and some files looked up by path."""

    def __init__(self, block_bytes=512):
        self.name = f"fat_host on blocks of {block_bytes}"
        self.words = [os.environ["SLUICE_FAT_HOST"]]
        self.options = ["--block-bytes", str(block_bytes)]

    def _run(self, image, *words):
        return run(*self.words, image, *self.options, *words)

    def read(self, image, tree):
        nodes = {node.path(shown): node for node in files_of(tree)}
        wanted = {f"{posix_cksum(node.contents)} {len(node.contents)} {path}": node for path, node in nodes.items()}
        directories = {n.path(shown) + "/" for n in tree.root.below() if n.is_directory}
        result = self._run(image, "tree")
        if result.returncode != 0:
            yield f"exit status {result.returncode}: {result.stderr.decode('utf-8', 'replace')}"
        found = set(lines_of(result))
        for line, node in wanted.items():
            if line not in found:
                yield f"no line {line!r}"
                yield from difference(tree, node, self._cat(image, node.path(shown)))
        yield from (f"unexpected line {line!r}" for line in sorted(found - set(wanted) - directories))
        yield from (f"no line {line!r}" for line in sorted(directories - found))
        for number, node in enumerate(list(nodes.values())[:: max(1, len(nodes) // 4)]):
            name_of = (shown, fat_names.short_name)[number % 2]
            yield from difference(tree, node, self._cat(image, other_case(node.path(name_of))))

    def _cat(self, image, path):
        return self._run(image, "cat", "/" + path).stdout


class Mtools(Reader):
    """mdir and mcopy.

    A character above U+FFFF is two underscores to mtools (to some versions), and `*`, `?`, `[` and `\\` in a path are a
    pattern: a path with such a name is given in short names.
    """

    name = "mtools"
    tools = ("mdir", "mcopy")

    def limit(self, tree):
        if tree.format.bits == 32 and tree.format.clusters < 65525:
            return "mtools goes by the number of clusters alone, though nothing but FAT32 has such a boot sector"
        return None

    @staticmethod
    def _narrow(text):
        return "".join(c if ord(c) <= 0xFFFF else "__" for c in text)

    @staticmethod
    def _typed(node):
        is_plain = all(ord(c) <= 0xFFFF and c not in "*?[\\" for c in shown(node))
        return shown(node) if is_plain else fat_names.short_name(node)

    def read(self, image, tree):
        found = [self._narrow(line) for line in lines_of(run("mdir", "-i", image, "-/", "-a", "-b", "::/"))]
        nodes = tree.root.below()
        wanted = [self._narrow("::/" + node.path(shown)) + ("/" if node.is_directory else "") for node in nodes]
        yield from compare_names([line for line in found if line != "::/"], wanted)
        for node in files_of(tree):
            yield from copied(tree, node, run("mcopy", "-i", image, "::/" + node.path(self._typed), "-"))


class Grub(Reader):
    """grub-fstest, its ls and cat.

    A short name is bytes of no code page to GRUB, and always shown in lower case, whatever DIR_NTRes says. Its ls leaves
    out what begins with a dot, and separates names by blanks: it is for looking at in a boot menu.
    """

    name = "grub-fstest"
    tools = ("grub-fstest",)

    def limit(self, tree):
        if tree.format.clusters == 4085:
            return "GRUB's FAT12 has one cluster more than the specification's"
        if tree.format.top_bits != 0:
            return "GRUB takes the upper four bits of a FAT32 entry for a part of it"
        if tree.tempts:
            return "GRUB does not see a deleted entry between a long name and the next file"
        return None

    @staticmethod
    def _shown(node):
        if node.long_name is not None:
            return node.long_name.encode()
        return fat_names.short_name(node).encode("cp437").lower()

    def _path(self, node):
        above = self._path(node.parent) + b"/" if node.parent else b"(loop0)"
        return above + self._shown(node) if node.parent else above

    def _names(self, directory):
        names = ((self._shown(child), child.is_directory) for child in directory.children())
        return [name + (b"/ " if is_directory else b" ") for name, is_directory in names if name[:1] != b"."]

    def read(self, image, tree):
        for node in [tree.root, *tree.root.below()]:
            path = self._path(node)
            if not node.is_directory:
                yield from copied(tree, node, run("grub-fstest", image, "cat", path))
                continue
            # In whatever order: names hold blanks themselves.
            found = run("grub-fstest", image, "ls", path + b"/").stdout.rstrip(b"\n")
            wanted = self._names(node)
            if len(found) != sum(map(len, wanted)) or not all(name in found for name in wanted):
                yield f"lists {path!r} as {found!r}, not as {wanted!r}"


class SevenZip(Reader):
    """7-Zip, its listing, and all files one after the other in the listing's order.

    Bytes of short names that are not ASCII are
    UTF-8 to it, as all of Linux is: files below such names are told apart by their contents.
    """

    name = "7-Zip"
    program = shutil.which("7zz") or shutil.which("7z")

    def missing(self):
        return None if self.program else "7zz"

    def limit(self, tree):
        if tree.has_orphans:
            return "7-Zip refuses a volume with a slot of a long name that belongs to no file"
        if tree.format.cluster_bytes > 256 * 1024:
            return "7-Zip refuses clusters of more than 256 KiB"
        return None

    @staticmethod
    def _is_shown(node):
        while node.parent and (node.long_name is not None or shown(node).isascii()):
            node = node.parent
        return node.parent is None

    def read(self, image, tree):
        listing = run(self.program, "l", "-slt", "-ba", "-tFAT", image).stdout.decode("utf-8", "replace")
        entries = re.findall(r"^Path = (.*)\nFolder = (.)\nSize = (\d*)\n", listing, re.MULTILINE)
        nodes = {node.path(shown): node for node in tree.root.below()}
        others = [node for node in nodes.values() if not self._is_shown(node)]
        found = [path for path, _, _ in entries]
        # Half a byte sequence may swallow a slash: of the others only the number is known.
        known = {path for path, node in nodes.items() if self._is_shown(node)}
        yield from compare_names(known & set(found), known)
        if len(found) != len(nodes):
            yield f"shows {len(found)} paths, not {len(nodes)}"
        result = run(self.program, "e", "-so", "-tFAT", image)
        if result.returncode != 0:
            yield f"exit status {result.returncode}: {result.stderr.decode('utf-8', 'replace')}"
        at = 0
        unnamed = []
        for path, folder, size in entries:
            contents = result.stdout[at : at + int(size or 0)]
            at += len(contents)
            if path in known and not nodes[path].is_directory:
                yield from difference(tree, nodes[path], contents)
            elif path not in known and folder == "-":
                unnamed.append(contents)
        if sorted(unnamed) != sorted(node.contents for node in others if not node.is_directory):
            yield "reads other files where names are not ASCII"


class SleuthKit(Reader):
    """fls and icat: files by the number of their entry on the volume.

    A byte of a short name that is not ASCII is a `^` to it (0xff nothing at all, so that such a name is not compared), and
    of a name of 16 slots and more it leaves the end out. It does not ask whether a long name belongs to the short name
    behind it: what an orphaned one comes before is not compared by name.
    """

    name = "The Sleuth Kit"
    tools = ("fls", "icat")

    def limit(self, tree):
        if tree.format.active_table:
            return "The Sleuth Kit reads the first table, whatever BPB_ExtFlags says"
        return None

    @staticmethod
    def _shown(node):
        """What the name is, or how it begins."""
        if node.long_name is None:
            return "".join(c if c.isascii() else "^" for c in shown(node))
        slots = -(-fat_names.units(node.long_name) // 13)
        if slots < 16:
            return node.long_name
        return node.long_name.encode("utf-16-le")[: (slots - 1) * 26].decode("utf-16-le")

    def _is_compared(self, tree, node):
        return not tree.is_behind_orphan(node) and (node.long_name is not None or "\u00a0" not in shown(node))

    def _compare(self, tree, found, numbers):
        """Each path is its directory's, as found, and the name."""
        yield from compare_names(found, numbers)
        number_of = {node: number for number, node in numbers.items()}
        for number, node in numbers.items():
            above = found.get(number_of.get(node.parent), "")
            name = found.get(number, "")[len(above) :].lstrip("/")
            if name not in (self._shown(node), shown(node)) and self._is_compared(tree, node):
                yield f"shows entry {number} as {name!r}, not {self._shown(node)!r}"

    def read(self, image, tree):
        kind = ["-f", f"fat{tree.format.bits}"]
        lines = lines_of(run("fls", *kind, "-rpu", image))
        entries = [re.fullmatch(r"[rd]/[rd] (\d+):\t(.*)", line) for line in lines]
        found = {int(e[1]): e[2] for e in entries if e and not e[2].endswith("(Volume Label Entry)")}
        numbers = tree.numbered(found, self._shown)
        yield from self._compare(tree, found, numbers)
        for number, node in numbers.items():
            if not node.is_directory:
                yield from copied(tree, node, run("icat", *kind, image, str(number)))


def all_readers():
    return [Ours(512), Ours(4096), Mtools(), Grub(), SevenZip(), SleuthKit()]
