"""The disks of a bare ./run.sh, and what is run on them. Made once, under build/demo."""

import fcntl
import os
import tempfile

from guest import fat_image

MIB = 1 << 20
POEM = "Auf dem Datenträger liegt ein Gruß: schöne Grüße von der Platte!\n"
README = """This text comes from a FAT32 disk: through a virtio queue, the request layer and the FAT driver.
Its clusters do not lie side by side: the file was written into the holes that others had left.
"""
FILES = {
    "README.TXT": README,
    "docs/a rather long name, with blanks and a comma.txt": "Long names are kept in entries of their own.\n",
    "docs/deutsch/Grüße.txt": POEM,
    "docs/русский/Привет.txt": "Привет, диск!\n",
    "docs/日本語/こんにちは.txt": "こんにちは、ディスク。\n",
    "docs/deep/er/and/deeper/still.txt": "Five folders down.\n",
}


def _write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    os.utime(path, (1_700_000_000, 1_700_000_000))


def _add_fragmented(image, folder):
    """Fills every second hole: one file in as many pieces as there were holes."""
    piece = os.path.join(folder, "piece")
    _write(piece, b"x" * 4096)
    names = [f"::/hole{number:02}" for number in range(40)]
    for name in names:
        fat_image.run_tool(["mcopy", "-i", image, piece, name])
    fat_image.run_tool(["mdel", "-i", image, *names[::2]])
    fat_image.forget_free_hint(image)
    text = "".join(f"line {number:4} of a file in pieces\n" for number in range(2400)).encode()
    _write(piece, text)
    fat_image.run_tool(["mcopy", "-i", image, "-m", piece, "::/fragmented.txt"])
    fat_image.run_tool(["mdel", "-i", image, *names[1::2]])


def _make_disk(image, folder):
    tree = os.path.join(folder, "tree")
    for name, text in FILES.items():
        _write(os.path.join(tree, name), text.encode())
    fat_image.make_from_folder(tree, image, "SLUICE DEMO")
    _add_fragmented(image, folder)


def _make_ram_disk(image, folder):
    """A floppy's worth of FAT12."""
    fat_image.format_image(image, 1440 * 1024, 12, "-n", "FLOPPY", "--invariant")
    hello = os.path.join(folder, "hello.txt")
    _write(hello, b"Hello from a RAM disk.\n")
    fat_image.run_tool(["mcopy", "-i", image, "-m", hello, "::/hello.txt"])


def make(folder):
    """(RAM disk image, disk image, the guest's words). Concurrent runs make them once."""
    os.makedirs(folder, exist_ok=True)
    paths = {"ram": os.path.join(folder, "ram.img"), "disk": os.path.join(folder, "disk.img")}
    with open(os.path.join(folder, "lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        age = os.path.getmtime(__file__)
        for path, maker in ((paths["ram"], _make_ram_disk), (paths["disk"], _make_disk)):
            if os.path.exists(path) and os.path.getmtime(path) > age:
                continue
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                new = os.path.join(scratch, "new.img")
                maker(new, scratch)
                os.rename(new, path)
    words = ["lsdev; ls -lR vda:/; cat vda:/README.TXT vda:/docs/deutsch/Grüße.txt ram0:/hello.txt"]
    return paths["ram"], paths["disk"], words
