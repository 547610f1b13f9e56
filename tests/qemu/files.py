"""Whole disks: what the guest's cksum says about every file is what the host's says."""

from harness import case, image, read, run

TYPES = ("fat12", "fat16", "fat32")


def _whole_disk(kind, options, device="vda"):
    expected = read(image(kind + ".cksum"))
    run(*options, "--", "cksum", "-r", f"{device}:/").expect(0, out=expected)


def _register(kind):
    disk = image(kind + ".img")
    variants = {
        "": ["--disk", disk],
        " over virtio version 1": ["--legacy", "--disk", disk],
        " from the RAM disk": ["--ram", disk],
        " with two segments a request": ["--disk", disk + ",queue-size=4"],
        " through a ring of 2": ["--disk", disk, "--append", "virtio_blk.queue_size=2"],
        " through a ring of 4": ["--disk", disk, "--append", "virtio_blk.queue_size=4"],
        " through a ring of 1024": ["--disk", disk, "--append", "virtio_blk.queue_size=1024"],
        " with blocks of 4096 bytes": ["--disk", disk + ",logical_block_size=4096"],
    }
    for suffix, options in variants.items():
        device = "ram0" if "--ram" in options else "vda"
        case(f"a {kind.upper()} disk is read like on the host{suffix}")(
            lambda options=options, device=device: _whole_disk(kind, options, device)
        )


for _kind in TYPES:
    _register(_kind)


@case("a folder is read as a disk")
def _folder():
    _whole_disk("fat32", ["--disk", image("fat32.tree")])


@case("two disks are read, each its own")
def _two_disks():
    expected = read(image("fat12.cksum")) + read(image("fat32.cksum"))
    options = ["--disk", image("fat12.img"), "--disk", image("fat32.img")]
    run(*options, "--", "cksum", "-r", "vda:/;", "cksum", "-r", "vdb:/").expect(0, out=expected)


@case("a ring of 2 on virtio version 1 reads a whole disk")
def _small_legacy_ring():
    _whole_disk("fat16", ["--legacy", "--disk", image("fat16.img"), "--append", "virtio_blk.queue_size=2"])


@case("a file comes out byte for byte")
def _bytes():
    name = "Русские буквы/Привет, мир.txt"
    expected = read(image(f"fat32.tree/{name}"))
    run("--disk", image("fat32.img"), "--", "cat", f"'vda:/{name}'").expect(0, out=expected)


@case("names are found whatever their case")
def _case():
    expected = read(image("fat16.tree/Grüße/Übung macht den Meister.txt"))
    run("--disk", image("fat16.img"), "--", "cat", '"vda:/GRÜSSE/x"').expect(1, out="", in_err=["GRÜSSE"])
    run("--disk", image("fat16.img"), "--", "cat", '"vda:/grÜße/ÜBUNG MACHT DEN meister.TXT"').expect(0, out=expected)
