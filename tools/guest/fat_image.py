"""A FAT32 image made from a folder with mkfs.fat and mcopy. Used for `--disk FOLDER` and by the demo.

What FAT (or mcopy) cannot hold is collected, all of it, before anything is written; afterwards the image's own listing
is compared with the folder, so that no name is lost or changed in silence.
"""

import os
import stat
import struct
import subprocess

from guest.errors import CannotStart

LARGEST_FILE = 0xFFFF_FFFF
FAT32_CLUSTERS = 66_000  # FAT32 begins at 65 525
FORBIDDEN = set('"*/:<>?\\|') | {chr(c) for c in range(32)} | {"\x7f"}
# Names of DOS devices, which mcopy skips without a word.
DEVICES = {"CON", "PRN", "AUX", "NUL", "CLOCK$"} | {f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10)}


def tool_environment():
    """mtools and mkfs.fat alike for every user: UTF-8 names, code page 437 as the guest has it, no user's settings."""
    return dict(os.environ, LC_ALL="C.UTF-8", MTOOLSRC="/dev/null", DEFAULT_CODEPAGE="437", MTOOLS_SKIP_CHECK="1")


def run_tool(words):
    """What the tool printed; CannotStart with its message where it fails."""
    result = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, env=tool_environment(), check=False)
    if result.returncode != 0:
        message = (result.stderr or result.stdout).decode("utf-8", "replace").strip()
        raise CannotStart(f"{words[0]}: {message or f'exit status {result.returncode}'}")
    return result.stdout.decode("utf-8", "replace")


def format_image(path, image_bytes, fat_bits, *options):
    """A new, sparse image with an empty volume."""
    with open(path, "wb") as file:
        file.truncate(image_bytes)
    run_tool(["mkfs.fat", "-F", str(fat_bits), *options, path])


def forget_free_hint(path):
    """Sets FAT32's FSInfo back to the first cluster, so that the next file goes into the holes."""
    with open(path, "r+b") as file:
        boot_sector = file.read(512)
        sector_bytes, fsinfo = struct.unpack_from("<H", boot_sector, 11)[0], struct.unpack_from("<H", boot_sector, 48)[0]
        file.seek(fsinfo * sector_bytes + 492)
        file.write(struct.pack("<I", 2))


def _same_for_fat(name):
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in name)


def _name_fault(name):
    """Why FAT or mcopy cannot hold this name, or None."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "the name is no UTF-8"
    bad = sorted(FORBIDDEN & set(name))
    if bad:
        return f"FAT allows no {bad[0]!r} in a name"
    if name[-1] in ". " or name[0] == " ":
        return "FAT names do not begin with a blank or end with a blank or a dot"
    if len(name) > 255:
        return "the name has more than 255 characters"
    if any(ord(c) > 0xFFFF for c in name):
        return "mcopy cannot write characters above U+FFFF"
    if name.partition(".")[0].upper() in DEVICES:
        return "mcopy does not write the names of DOS devices"
    return None


class Folder:
    """What is below a folder: paths relative to it, sizes, and what cannot go onto a FAT volume."""

    def __init__(self, path):
        self.path = path
        self.files = {}  # relative path: bytes
        self.directories = {}  # relative path: bytes of its entries
        self.faults = []
        self._scan("")

    def _scan(self, below):
        seen = {}
        entries_bytes = 64
        try:
            entries = sorted(os.scandir(os.path.join(self.path, below)), key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            self._fault(below, error.strerror)
            return
        for entry in entries:
            relative = os.path.join(below, entry.name)
            folded = _same_for_fat(entry.name)
            fault = _name_fault(entry.name)
            if fault is None and folded in seen:
                fault = f"differs from '{seen[folded]}' only in case"
            seen.setdefault(folded, entry.name)
            if fault is not None:
                self._fault(relative, fault)
                continue
            entries_bytes += 32 * (2 + len(entry.name) // 13)
            self._take(entry, relative)
        self.directories[below] = entries_bytes

    def _take(self, entry, relative):
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            self._scan(relative)
        elif not stat.S_ISREG(status.st_mode):
            kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "neither file nor folder"
            self._fault(relative, f"FAT cannot hold it: {kind}")
        elif status.st_size > LARGEST_FILE:
            self._fault(relative, f"{status.st_size} bytes; a file on FAT has at most 4 GiB less one")
        elif not os.access(entry.path, os.R_OK):
            self._fault(relative, "cannot be read")
        else:
            self.files[relative] = status.st_size

    def _fault(self, relative, reason):
        shown = os.path.join(self.path, relative).encode("utf-8", "backslashreplace").decode()
        self.faults.append(f"{shown}: {reason}")

    def bytes_with_clusters_of(self, cluster):
        sizes = list(self.files.values()) + list(self.directories.values())
        return sum(-(-size // cluster) * cluster for size in sizes)


def _geometry(folder):
    """(sectors per cluster, bytes of the image): small clusters while the whole is small."""
    for sectors in (1, 8, 64):
        cluster = sectors * 512
        needed = folder.bytes_with_clusters_of(cluster)
        clusters = max(FAT32_CLUSTERS, needed // cluster + 1024)
        if clusters < 400_000 or sectors == 64:
            break
    tables = 2 * 4 * (clusters + 2)
    return sectors, (clusters * cluster + tables + (64 << 10)) // 512 * 512


def _listing(path):
    """The paths on the image, as mdir sees them; a directory's ends with a slash."""
    found = run_tool(["mdir", "-i", path, "-/", "-a", "-b", "::/"]).splitlines()
    return {line[len("::/") :] for line in found if line.startswith("::/") and line != "::/"}


def make_from_folder(source, path, label="SLUICE"):
    """The image `path` with everything below the folder `source`. CannotStart names each thing that is in the way."""
    folder = Folder(source)
    if not folder.faults:
        sectors, image_bytes = _geometry(folder)
        format_image(path, image_bytes, 32, "-s", str(sectors), "-n", label, "--invariant")
        top = sorted(name for name in [*folder.files, *folder.directories] if name and "/" not in name)
        if top:
            sources = [os.path.join(os.path.abspath(source), name) for name in top]
            run_tool(["mcopy", "-i", path, "-s", "-m", "-Q", *sources, "::/"])
            wanted = set(folder.files) | {name + "/" for name in folder.directories if name}
            lost = sorted(wanted - _listing(path))
            folder.faults += [f"{os.path.join(source, name)}: mcopy could not store this name" for name in lost]
    if folder.faults:
        raise CannotStart(f"the folder {source} does not fit onto a FAT volume:\n  " + "\n  ".join(folder.faults))
