"""Entropy: where the pool's comes from, and that two boots differ."""

import re

from harness import case, check, run

RNG = ("--qemu", "-device virtio-rng-device")
SILENT_RNG = ("--qemu", "-chardev null,id=null -object rng-egd,id=silent,chardev=null -device virtio-rng-device,rng=silent")

for _title, _words, _devices in (
    ("an entropy device is", (), 1),
    ("a legacy entropy device is", ("--legacy",), 1),
    ("two entropy devices are", RNG, 2),
):

    @case(f"{_title} bound, and the pool counts the bytes beside the firmware's")
    def _bound(words=_words, devices=_devices):
        text = ["device tree: 32 bytes of entropy\n"]
        for number in range(devices):
            text.append(f"virtio{number}  [virtio_rng]  bound\n")
            text.append(f"virtio{number}: 32 bytes of entropy, {64 + 32 * number} in all\n")
        run(*words, *RNG, "--", "lsdev; dmesg").expect(0, in_out=text)


@case("a device that has no entropy to give does not keep the boot from going on")
def _silent():
    text = ["virtio0  [virtio_rng]  bound\n", "virtio0: no entropy from it: timed out\n"]
    run(*SILENT_RNG, "--", "lsdev; dmesg").expect(0, in_out=text)


def _seed(*words):
    result = run(*words, "--append", "ram0.seed=random", "--", "dmesg").expect(0)
    match = re.search(rb"ram0: seed=([0-9]+)\n", result.out)
    check(match, f"no seed: {result.out[-1500:]!r}")
    return match[1]


@case("a random seed is another one in each boot")
def _seeds():
    seeds = {_seed(), _seed(), _seed(*RNG)}
    check(len(seeds) == 3, f"seeds: {seeds}")
