"""Firmware that lacks an extension, and what stands in for it: tests/firmware is QEMU's -bios."""

import os

from harness import Scratch, case, check, read, run
from trees import blob, less, tree_of

# The bits of its word LACKS, by name.
EXTENSIONS = ("TIME", "IPI", "RFENCE", "HSM", "SRST", "DBCN", "set_timer", "putchar", "getchar", "shutdown", "BASE")
LACKS = 0x80010000
TIMER = ("TIME", "set_timer")
CONSOLE = ("DBCN", "putchar")
OWN_MEMORY = "/memreserve/ 0x80000000 0x200000;"


def _build(*names):
    build = os.path.dirname(os.path.dirname(os.environ["SLUICE_IMAGE"]))
    return os.path.join(build, "tests", *names)


def _boot(words, lacks=(), options=(), changed=lambda tree: tree, boot_test=False, harts=1, told_tree=0, log=False):
    """Boots on the firmware less the extensions of `lacks`, with the tree changed; `told_tree`: where the firmware says it is."""
    mask = sum(1 << EXTENSIONS.index(name) for name in lacks)
    tree = changed(tree_of(words, harts)).replace("/dts-v1/;", f"/dts-v1/;\n{OWN_MEMORY}", 1)
    if options == NO_SSTC:
        tree = tree.replace("_sstc", "")
    with Scratch() as scratch:
        qemu = f"-bios {_build('firmware', 'lacking_firmware')} -dtb '{blob(scratch, tree)}' "
        qemu += f"-device loader,addr={LACKS:#x},data={mask:#x},data-len=4 "
        qemu += f"-device loader,addr={LACKS + 8:#x},data={told_tree:#x},data-len=8"
        env = {"SLUICE_IMAGE": _build("boot", "boot_test")} if boot_test else None
        log_words = ("--log", scratch.file("log")) if log else ()
        result = run(*options, *log_words, "--smp", str(harts), "--qemu", qemu, "--", words, env=env, timeout="30")
        result.log = read(scratch.file("log")) if log else b""
        return result


def without_uart(tree):
    """The serial line is there, and no driver of ours knows it."""
    changed = tree.replace('compatible = "ns16550a"', 'compatible = "unknown-uart"')
    check(changed != tree, "the tree has no ns16550a")
    return changed


NO_SSTC = ("--cpu", "rv64,sstc=off")


@case("the timer is Sstc where the harts have it, whatever the firmware has")
def _sstc():
    _boot("timer", TIMER, boot_test=True).expect(0)
    run("--", "dmesg").expect(0, in_out=["timer: Sstc"])


@case("without Sstc the timer is the firmware's, by TIME or the legacy call")
def _firmware_timer():
    run(*NO_SSTC, "--", "dmesg").expect(0, in_out=["timer: the firmware's (SBI TIME)"])
    _boot("timer", options=NO_SSTC, boot_test=True).expect(0)
    _boot("timer", ["TIME"], options=NO_SSTC, boot_test=True).expect(0)
    _boot("dmesg", ["TIME"], options=NO_SSTC).expect(0, in_out=["timer: the firmware's (SBI legacy set_timer)"])


@case("a machine without any timer says so and runs")
def _no_timer():
    _boot("dmesg; cat vda:/nothing", TIMER, options=NO_SSTC).expect(1, in_out=["timer: none: the firmware lacks TIME"], in_err=["vda"])


@case("a tree without a clock's frequency boots, and says which one is taken")
def _no_frequency():
    def change(tree):
        return "\n".join(line for line in tree.splitlines() if "timebase-frequency" not in line)

    words = "dmesg; cat vda:/nothing"
    _boot(words, changed=change).expect(1, in_out=["/cpus has no timebase-frequency; 10000000 Hz is taken"], in_err=["vda"])


@case("the firmware's console serves where no serial line is driven, by DBCN or the legacy calls")
def _console():
    for lacks, name in ((["putchar"], "DBCN"), (["DBCN"], "legacy putchar")):
        result = _boot("dmesg; cat vda:/nothing", lacks, changed=without_uart)
        result.expect(1, in_out=[f"console: the firmware's ({name})"], in_err=["vda"])


@case("a machine without any console runs silently and ends with the command's status")
def _silent():
    for words, status in (("help", 0), ("cat vda:/nothing", 1), ("poweroff 7", 7)):
        _boot(words, CONSOLE, changed=without_uart).expect(status, out="")


@case("without a test finisher the firmware switches off, and the status is the command's")
def _no_finisher():
    for lacks in ([], ["SRST"]):
        result = _boot("dmesg; cat vda:/nothing", lacks, changed=_without_finisher)
        result.expect(1, in_out=["no test finisher in the device tree: the firmware switches the machine off"])
        check(b"ended by run.sh" not in result.err, "run.sh had to help")


def _without_finisher(tree):
    changed = tree.replace('"sifive,test1\\0sifive,test0\\0syscon"', '"unknown"').replace('"sifive,test1", "sifive,test0"', '"unknown"')
    check(changed != tree, "the tree has no test finisher")
    return changed


@case("with neither finisher nor SRST the status still is the command's, and both are named")
def _no_power():
    result = _boot("dmesg; cat vda:/nothing", ["SRST", "shutdown"], changed=_without_finisher)
    result.expect(1, in_out=["the firmware lacks SRST: nobody switches this machine off"], in_err=["does not switch itself off"])


@case("reboot goes through the firmware where there is no finisher, and is status 1 where neither can")
def _reboot():
    _boot("reboot; help", changed=_without_finisher).expect(0, out="")
    result = _boot("reboot; help", ["SRST", "shutdown"], changed=_without_finisher, log=True)
    result.expect(1, out="", in_err=["does not switch itself off"])
    check(b"neither a test finisher nor the firmware (SRST) starts this machine again" in result.log, "not said in the log")


@case("harts beside the first are left alone where the firmware lacks what they need, which is named")
def _one_hart():
    for lacking in ("HSM", "IPI", "RFENCE"):
        _boot("dmesg", [lacking], harts=4).expect(0, in_out=[f"firmware: lacks {lacking}: the other 3 harts are left alone", "1 running"])


@case("firmware from before the base extension is used by its legacy calls")
def _legacy():
    result = _boot("dmesg; cat vda:/nothing", EXTENSIONS[:6] + ("BASE",), options=NO_SSTC, changed=without_uart, harts=2)
    result.expect(1, in_out=["firmware: SBI 0.0", "(SBI legacy set_timer)", "(legacy putchar)", "lacks IPI, RFENCE, HSM"])


@case("a device tree where none can be is a panic that says where the firmware put it")
def _tree_addresses():
    for address, said in (
        (0x80210000, "the firmware put it at 0x80210000, inside the image"),
        (0x85000000, "none at 0x85000000 (no magic number"),
        (0x85000004, "it is at 0x85000004, which is no place for one"),
    ):
        _boot("help", told_tree=address).expect(101, out="", in_err=["panic: ", said])


@case("the prompt takes what is typed through the firmware")
def _typed():
    for lacks in (["getchar"], ["DBCN"]):
        tree = without_uart(tree_of("")).replace("console=records -- ", "")
        with Scratch() as scratch:
            changed = blob(scratch, tree.replace("/dts-v1/;", f"/dts-v1/;\n{OWN_MEMORY}", 1))
            mask = sum(1 << EXTENSIONS.index(name) for name in lacks)
            qemu = f"-bios {_build('firmware', 'lacking_firmware')} -dtb '{changed}' -device loader,addr={LACKS:#x},data={mask:#x},data-len=4"
            run("--qemu", qemu, "--timeout", "30", "shell", stdin=b"help\npoweroff 7\n").expect(7, in_out=["sluice> ", "lsblk"])


def _without_serial(tree):
    return less(tree, r"serial@")


def _with_serial_disabled(tree):
    changed = tree.replace('compatible = "ns16550a";', 'compatible = "ns16550a"; status = "disabled";')
    check(changed != tree, "the tree has no ns16550a")
    return changed


@case("a tree without the serial line gives a silent run that ends with the command's status")
def _no_serial():
    for words, status in (("help", 0), ("cat vda:/nothing", 1), ("poweroff 7", 7)):
        with Scratch() as scratch:
            tree = blob(scratch, _without_serial(tree_of(words)))
            run("--qemu", f"-dtb '{tree}'", "--", words, timeout="30").expect(status, out="")


@case("a serial line that the tree disables is the firmware's, and what comes over it is the same byte for byte")
def _serial_disabled():
    with Scratch() as scratch:
        words = "cat vda:/bytes; cat vda:/nothing"
        os.mkdir(scratch.file("disk"))
        disk = scratch.file("disk/bytes", bytes(range(256)) * 40 + b"\n\x10n\r\n\x10")
        tree = blob(scratch, _with_serial_disabled(tree_of(words)))
        result = run("--disk", os.path.dirname(disk), "--qemu", f"-dtb '{tree}'", "--", words, timeout="30")
        result.expect(1, out=read(disk), in_err=["vda:/nothing"])
