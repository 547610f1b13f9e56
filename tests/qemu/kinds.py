"""The kinds of virtio disk, by QEMU's options and ours: each is read and written, and is what it says."""

from dataclasses import dataclass

from harness import Scratch, case, check, image, is_same, run


@dataclass
class Kind:
    option: str = ""  # of --disk
    words: tuple = ()  # of run.sh
    has: tuple = ()  # in what lsdev -v and lsblk say
    lacks: tuple = ()

    def title(self):
        return " ".join(self.words) or self.option


VERIFIED = "bench --filename=vdb --rw=randrw --bs=4k --iodepth=16 --number_ios=2000 --verify=crc32c"
KINDS = (
    Kind("event_idx=off", lacks=("EVENT_IDX",)),
    Kind("indirect_desc=off", lacks=("INDIRECT_DESC",)),
    Kind("event_idx=off,indirect_desc=off", lacks=("EVENT_IDX", "INDIRECT_DESC")),
    Kind("iommu_platform=on", has=("ACCESS_PLATFORM",)),
    Kind("logical_block_size=4096", has=("vdb             16M   4096",)),
    Kind("queue-size=4"),
    Kind("num-queues=4", words=("--smp", "2"), has=(" MQ ", "queue 1: ")),
    Kind("config-wce=off", has=("FLUSH",), lacks=("CONFIG_WCE",)),
    Kind("write-cache=off", has=("write-through",), lacks=("write-back",)),
    Kind("packed=on", has=("RING_PACKED", "VERSION_1")),
    Kind("packed=on,indirect_desc=off,event_idx=off", has=("RING_PACKED",), lacks=("EVENT_IDX", "INDIRECT_DESC")),
    Kind(words=("--legacy",), has=("interface: legacy",), lacks=("VERSION_1",)),
    Kind("indirect_desc=off", words=("--legacy",), has=("interface: legacy",), lacks=("INDIRECT_DESC",)),
    Kind(words=("--append", "virtio_blk.queue_size=2"), has=("queue 0: 2 descriptors",)),
)


def _disk(path, *options):
    return "--disk", ",".join([path, *filter(None, options)])


def _try(kind):
    with Scratch() as scratch:
        target = scratch.file("target.img")
        with open(target, "wb") as file:
            file.truncate(16 << 20)
        disks = (*_disk(image("small.img"), kind.option), *_disk(target, "rw", kind.option))
        copy = "dd if=vda of=vdb bs=64k count=256"
        result = run(*kind.words, *disks, "--", f"lsdev -v; lsblk; {VERIFIED}; {copy}")
        result.expect(0, in_out=["err=0", "blocks are as they were written", *kind.has])
        for word in kind.lacks:
            check(word.encode() not in result.out, f"the disk has {word}:\n{result.out.decode('utf-8', 'replace')}")
        check(is_same(image("small.img"), target), "the copy differs from small.img")


for _kind in KINDS:
    case(f"a disk with {' and '.join(filter(None, (_kind.title(), _kind.words and _kind.option)))} is read and written")(
        lambda kind=_kind: _try(kind)
    )


@case("a read-only disk is read, and whatever would change it is refused")
def _read_only():
    with Scratch() as scratch:
        source = scratch.copy("small.img")
        target = scratch.file("target.img")
        with open(target, "wb") as file:
            file.truncate(16 << 20)
        disks = (*_disk(source, "ro"), *_disk(target, "rw"))
        run(*disks, "--", "lsdev -v; dd if=vda of=vdb bs=64k count=256").expect(0, in_out=[" RO "])
        check(is_same(source, target), "the copy differs")
        for change in ("dd if=vdb of=vda bs=4k count=1", "bench --filename=vda --rw=trim --bs=64k --number_ios=1"):
            run(*disks, "--", change).expect(1, in_err=["read-only"])
        check(is_same(source, image("small.img")), "the read-only image changed")
