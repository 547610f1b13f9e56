"""Makes disks with partitions, by sfdisk, and a FAT volume in each: gpt.img, gpt_backup.img (its first header is gone),
logical.img. On each volume, where.txt says "DISK NUMBER"; fill.bin is 1 MiB of payload with that number as seed.

Used by make_images.py. PARTITIONS is what there is, for the tests: number, first sector, sectors.
"""

import os
import shutil
import subprocess

import payload
from guest import fat_image

MIB = 1 << 20
SECTOR = 512
DISK_BYTES = 32 * MIB
# Number, first sector, sectors; the first volume of each disk is a FAT16, the others are FAT12.
PARTITIONS = {
    "gpt": [(1, 2048, 16384), (2, 20480, 8000), (5, 30000, 8001)],
    "logical": [(1, 2048, 16384), (5, 20544, 8000), (6, 28672, 8000), (7, 40000, 8003)],
}
EXTENDED = (2, 20480, 40000)


def table(disk):
    """What sfdisk is to write: a line a partition, by number."""
    lines = [f"label: {'gpt' if disk == 'gpt' else 'dos'}", "grain: 512"]
    parts = [(number, first, sectors, "") for number, first, sectors in PARTITIONS[disk]]
    if disk == "logical":
        parts.append((*EXTENDED, ",type=5"))
    lines += [f"x{number} : start={first},size={sectors}{kind}" for number, first, sectors, kind in sorted(parts)]
    return "\n".join(lines) + "\n"


def make_volume(folder, disk, number, sectors):
    """An image of what is in one partition."""
    volume = os.path.join(folder, "volume.img")
    bits, cluster = (16, 1) if number == 1 else (12, 4)
    fat_image.format_image(volume, sectors * SECTOR, bits, "-s", str(cluster), "--invariant")
    where, fill = os.path.join(folder, "where.txt"), os.path.join(folder, "fill.bin")
    with open(where, "w", encoding="ascii") as file:
        file.write(f"{disk} {number}\n")
    payload.write(fill, MIB, number)
    fat_image.run_tool(["mcopy", "-i", volume, "-m", where, fill, "::/"])
    os.unlink(where)
    os.unlink(fill)
    return volume


def make_disk(folder, disk):
    path = os.path.join(folder, f"{disk}.img")
    with open(path, "wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(["sfdisk", "-q", path], input=table(disk).encode(), check=True)
    for number, first, sectors in PARTITIONS[disk]:
        volume = make_volume(folder, disk, number, sectors)
        with open(path, "r+b") as file, open(volume, "rb") as source:
            file.seek(first * SECTOR)
            shutil.copyfileobj(source, file)
        os.unlink(volume)
    return path


def make_all(folder):
    gpt = make_disk(folder, "gpt")
    backup = os.path.join(folder, "gpt_backup.img")
    shutil.copyfile(gpt, backup)
    with open(backup, "r+b") as file:
        file.seek(SECTOR)
        file.write(bytes(SECTOR))
    make_disk(folder, "logical")
