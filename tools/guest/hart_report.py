"""Where every hart stands, in words, from QEMU's registers and the image's symbols. Used by the watchdog."""

import re

REGISTER = re.compile(r"\b(?:x\d+/)?(pc|mhartid|ra|sp)\s+([0-9a-f]{8,16})\b")


def parse(text):
    """A dict of pc, ra, sp and mhartid per CPU in the monitor's answer to `info registers -a`."""
    harts = []
    for part in re.split(r"CPU#\d+", text)[1:]:
        values = {name: int(digits, 16) for name, digits in REGISTER.findall(part)}
        if {"pc", "ra", "sp"} <= values.keys():
            harts.append(values)
    return harts


def lines(qmp, elf):
    """A line per hart; the machine is stopped first, so that what is shown belongs together."""
    qmp.execute("stop")
    text = qmp.execute("human-monitor-command", **{"command-line": "info registers -a"}) or ""
    harts = parse(text)
    names = elf.places([hart[name] for hart in harts for name in ("pc", "ra")]) if harts else {}
    return [
        f"  hart {hart.get('mhartid', index)}: pc {hart['pc']:#x} {names[hart['pc']]}, "
        f"ra {hart['ra']:#x} {names[hart['ra']]}, sp {hart['sp']:#x}"
        for index, hart in enumerate(harts)
    ]
