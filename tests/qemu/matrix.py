"""One image on every machine: controllers, transports, page tables, harts and memory; and the same boot again and again."""

import itertools

from harness import case, check, image, read, run

CONTROLLERS = {"a PLIC": "virt", "an APLIC": "virt,aia=aplic", "an APLIC before an IMSIC": "virt,aia=aplic-imsic"}
TRANSPORTS = ([], ["--legacy"])
MODES = ("sv39", "sv48")
HARTS = ("1", "4")
MEMORIES = ("8M", "128M", "4G")

BOOTS = 500
BOOTS_A_CASE = 50


def _matrix(machine):
    expected = read(image("fat16.cksum"))
    for transport, mode, harts, memory in itertools.product(TRANSPORTS, MODES, HARTS, MEMORIES):
        options = [*transport, "--machine", machine, "--append", f"mmu={mode}", "--smp", harts, "--mem", memory]
        result = run(*options, "--disk", image("fat16.img"), "--", "cksum -r vda:/; pt 0x80200000").expect(0)
        check(result.out.startswith(expected + f"0x80200000 by S{mode[1:]}\n".encode()), f"{options}: {result.out.decode()}")


for _title, _machine in CONTROLLERS.items():
    case(f"a disk is read with {_title}, legacy and modern, by Sv39 and Sv48, with 1 and 4 harts, 8 MiB to 4 GiB")(
        lambda machine=_machine: _matrix(machine)
    )


def _boots():
    """Under load: four harts write to one disk at once, and read it again, before the other is read."""
    expected = read(image("fat16.cksum"))
    job = "bench --filename=vdb --rw=randrw --bs=4k --numjobs=4 --iodepth=8 --number_ios=50 --verify=crc32c --output-format=json"
    disks = ["--disk", image("fat16.img") + ",num-queues=4", "--disk", image("small.img") + ",num-queues=4"]
    for boot in range(BOOTS_A_CASE):
        result = run("--smp", "4", *disks, "--", f"{job}; cksum -r vda:/")
        check(result.status == 0 and result.out.endswith(b"}\n" + expected), f"boot {boot}: status {result.status}: {result.out.decode()}")


for _first in range(1, BOOTS + 1, BOOTS_A_CASE):
    case(f"boots {_first} to {_first + BOOTS_A_CASE - 1} of {BOOTS} with 4 harts and 2 disks under load all give the same answer", "long")(
        _boots
    )
