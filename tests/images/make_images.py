"""Makes the disks of the tests in QEMU with mkfs.fat and mcopy: make_images.py FOLDER. Run by CTest, as a fixture.

For FAT12, FAT16 and FAT32 each: NAME.img, the same files as a folder (NAME.tree), and what the host's cksum says about
them (NAME.cksum). Besides: small.img (16 MiB, FAT16), partitioned.img, nothing.img (zeroes), broken.img (a file with
known sectors), and the disks of partitioned.py.
"""

import os
import shutil
import struct
import subprocess
import sys
import zlib

import payload

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "tools"))
from guest import fat_image  # noqa: E402

import partitioned  # noqa: E402

MIB = 1 << 20
BIG_BYTES = 100 * MIB
# Name: FAT bits, sectors per cluster, MiB. FAT12 has room for 100 MiB with clusters of 32 KiB.
DISKS = {"fat12": (12, 64, 120), "fat16": (16, 8, 160), "fat32": (32, 1, 160)}
CKSUM = r"cd '{}' && find . -type f -printf '%P\n' | LC_ALL=C sort | tr '\n' '\0' | xargs -0 cksum"
PIECE = "fragmented.bin"


def files(cluster):
    """Path: bytes."""
    sizes = {
        "empty.bin": 0,
        "one.bin": 1,
        "cluster.bin": cluster,
        "cluster and a byte.bin": cluster + 1,
        "README.TXT": 777,
        "lower.txt": 513,
        "Mixed.Txt": 511,
        "ÄÖÜ.TXT": 4096,
        "Grüße/Übung macht den Meister.txt": 5000,
        "Русские буквы/Привет, мир.txt": 70_000,
        "日本語/テスト.txt": 12_345,
        "日本語/漢字 と かな/深い.bin": 3 * cluster,
        "a/b/c/d/e/f/g/h/deep.bin": 2 * cluster - 1,
        "with blanks/three  blanks .x/a file.bin": 100,
        "long/" + "n" * 251 + ".bin": 1000,
        "big.bin": BIG_BYTES,
    }
    sizes.update({f"many/file number {number:03}.dat": number for number in range(150)})
    return sizes


def write_tree(tree, sizes):
    for path, size in sizes.items():
        full = os.path.join(tree, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        payload.write(full, size, zlib.crc32(path.encode()) & 0x7FFF_FFFF)
        os.utime(full, (1_700_000_000, 1_700_000_000))


def add_fragmented(image, tree, cluster, bits):
    """Files of one to three clusters, every second deleted, and one file into the holes."""
    filler = os.path.join(os.path.dirname(tree), "filler")
    names = [f"::/hole{number:02}" for number in range(40)]
    for number, name in enumerate(names):
        payload.write(filler, cluster * (1 + number % 3), number)
        fat_image.run_tool(["mcopy", "-i", image, filler, name])
    os.unlink(filler)
    fat_image.run_tool(["mdel", "-i", image, *names[::2]])
    if bits == 32:
        fat_image.forget_free_hint(image)
    full = os.path.join(tree, PIECE)
    payload.write(full, cluster * 50 + 17, 99)
    fat_image.run_tool(["mcopy", "-i", image, "-m", full, f"::/{PIECE}"])
    fat_image.run_tool(["mdel", "-i", image, *names[1::2]])


def pieces(image, path):
    """In how many pieces a file lies."""
    return fat_image.run_tool(["mshowfat", "-i", image, path]).count("<")


def make_disk(folder, name, bits, sectors, mib):
    cluster = sectors * 512
    tree = os.path.join(folder, name + ".tree")
    image = os.path.join(folder, name + ".img")
    write_tree(tree, files(cluster))
    fat_image.format_image(image, mib * MIB, bits, "-s", str(sectors), "-n", name.upper(), "--invariant")
    # The holes first: later there would be none before the end of what is used.
    add_fragmented(image, tree, cluster, bits)
    top = sorted(entry for entry in os.listdir(tree) if entry != PIECE)
    fat_image.run_tool(["mcopy", "-i", image, "-s", "-m", *(os.path.join(tree, entry) for entry in top), "::/"])
    if pieces(image, f"::/{PIECE}") < 10:
        sys.exit(f"{image}: {PIECE} is not fragmented")
    subprocess.run(["fsck.fat", "-n", image], check=True, stdout=subprocess.DEVNULL, env=fat_image.tool_environment())
    expected = subprocess.run(["bash", "-c", CKSUM.format(tree)], check=True, capture_output=True).stdout
    with open(os.path.join(folder, name + ".cksum"), "wb") as file:
        file.write(expected)


def make_small(folder):
    image = os.path.join(folder, "small.img")
    fat_image.format_image(image, 16 * MIB, 16, "-s", "4", "-n", "SMALL", "--invariant")
    source = os.path.join(folder, "fill.bin")
    payload.write(source, 12 * MIB, 5)
    fat_image.run_tool(["mcopy", "-i", image, "-m", source, "::/fill.bin"])
    os.unlink(source)


def make_partitioned(folder):
    """A master boot record with one FAT16 partition, whose volume is there."""
    inner = os.path.join(folder, "inner.img")
    fat_image.format_image(inner, 8 * MIB, 16, "-s", "1", "--invariant")
    entry = struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", 0x0E, b"\xfe\xff\xff", 2048, 8 * MIB // 512)
    with open(os.path.join(folder, "partitioned.img"), "wb") as disk, open(inner, "rb") as volume:
        disk.write(bytes(446) + entry + bytes(48) + b"\x55\xaa")
        disk.seek(MIB)
        shutil.copyfileobj(volume, disk)
    os.unlink(inner)


def make_broken(folder):
    """Two files; broken.sector names a sector in the middle of the first, for a device that cannot read it."""
    image = os.path.join(folder, "broken.img")
    fat_image.format_image(image, 8 * MIB, 16, "-s", "1", "-R", "1", "-r", "512", "--invariant")
    for name, size in (("bad.bin", 64 * 1024), ("good.bin", 5000)):
        source = os.path.join(folder, name)
        payload.write(source, size, len(name))
        fat_image.run_tool(["mcopy", "-i", image, "-m", source, f"::/{name}"])
        os.unlink(source)
    with open(image, "rb") as file:
        boot_sector = file.read(512)
    reserved, tables, root_entries, table_sectors = (
        struct.unpack_from("<H", boot_sector, 14)[0],
        boot_sector[16],
        struct.unpack_from("<H", boot_sector, 17)[0],
        struct.unpack_from("<H", boot_sector, 22)[0],
    )
    first_cluster = int(fat_image.run_tool(["mshowfat", "-i", image, "::/bad.bin"]).split("<")[1].split("-")[0])
    data = reserved + tables * table_sectors + root_entries * 32 // 512
    with open(os.path.join(folder, "broken.sector"), "w", encoding="ascii") as file:
        file.write(str(data + first_cluster - 2 + 60))


def make_all(folder):
    for name, (bits, sectors, mib) in DISKS.items():
        make_disk(folder, name, bits, sectors, mib)
    make_small(folder)
    make_partitioned(folder)
    partitioned.make_all(folder)
    make_broken(folder)
    with open(os.path.join(folder, "nothing.img"), "wb") as file:
        file.truncate(4 * MIB)


def main(folder):
    done = os.path.join(folder, "done")
    sources = [__file__, payload.__file__, partitioned.__file__, fat_image.__file__]
    if os.path.exists(done) and os.path.getmtime(done) > max(map(os.path.getmtime, sources)):
        return
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    make_all(folder)
    with open(done, "w", encoding="ascii"):
        pass


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
    main(sys.argv[1])
