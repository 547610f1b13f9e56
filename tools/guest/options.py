"""Reads run.sh's command line (help.txt). Used by run.py; knows nothing of QEMU."""

import shlex
from dataclasses import dataclass, field

from guest.errors import UsageError

# Commands that boot the image, and those that do more than that.
BOOTING = ("demo", "exec", "shell", "gdb")
NAMED = ("shell", "gdb", "test", "bench")
ALONE = ("doctor", "help")  # run.sh itself does them, as its first word


@dataclass
class Options:
    command: str = "demo"
    words: list = field(default_factory=list)  # of the guest's commands, or the test's expression
    disks: list = field(default_factory=list)
    ram: str = None
    smp: str = "1"
    mem: str = None
    cpu: str = "rv64"
    machine: str = "virt"
    legacy: bool = False
    append: list = field(default_factory=list)
    qemu: list = field(default_factory=list)
    debug: bool = False
    timeout: float = None  # seconds; None: the command's own
    log: str = None


FLAGS = {"--legacy": "legacy", "--debug": "debug"}
VALUES = {"--ram": "ram", "--smp": "smp", "--mem": "mem", "--cpu": "cpu", "--machine": "machine", "--log": "log"}
LISTS = {"--disk": "disks", "--append": "append", "--qemu": "qemu"}


def _seconds(word):
    try:
        seconds = float(word)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < 1e9:
        raise UsageError(f"--timeout: '{word}' is no number of seconds")
    return seconds


def _check_append(word):
    if "--" in word.split():
        raise UsageError(f"--append: '--' in '{word}' would end the kernel's words; commands stand after run.sh's own --")


def _qemu_words(value):
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise UsageError(f"--qemu: '{value}': {error}") from None
    if "-append" in words or "--append" in words:
        raise UsageError("--qemu: its -append would replace the kernel's command line: use run.sh's own --append")
    return words


def _set(options, name, value):
    if value == "":
        raise UsageError(f"{name}: its value is empty")
    if name == "--timeout":
        options.timeout = _seconds(value)
    elif name == "--qemu":
        options.qemu += _qemu_words(value)
    elif name in LISTS:
        if name == "--append":
            _check_append(value)
        getattr(options, LISTS[name]).append(value)
    else:
        setattr(options, VALUES[name], value)


def parse(words):
    """The options in `words`; UsageError names the word that is wrong."""
    options = Options()
    rest = list(words)
    given = []
    while rest:
        word = rest.pop(0)
        if word == "--":
            return _with_words(options, rest)
        if not word.startswith("-"):
            return _with_command(options, word, rest, given)
        name, equals, value = word.partition("=")
        given.append(name)
        if name in FLAGS:
            if equals:
                raise UsageError(f"{name} takes no value ('{word}')")
            setattr(options, FLAGS[name], True)
        elif name in VALUES or name in LISTS or name == "--timeout":
            if not equals:
                if not rest:
                    raise UsageError(f"{name} needs a value")
                value = rest.pop(0)
            _set(options, name, value)
        else:
            raise UsageError(f"unknown option '{word}' (see ./run.sh --help)")
    if options.disks or options.ram:
        raise UsageError("no command for these disks: add '-- COMMAND…' or 'shell'")
    return options


def _with_words(options, rest):
    options.words = rest
    if options.command == "demo":
        options.command = "exec"
        if not " ".join(rest).strip():
            raise UsageError("no command after --")
    return options


def _with_command(options, word, rest, given):
    if word in ALONE:
        raise UsageError(f"{word} takes no option '{given[0]}'")
    if word not in NAMED:
        raise UsageError(f"unknown command '{word}' (a command for the guest stands after --)")
    options.command = word
    if word == "gdb":
        if rest and rest[0] != "--":
            raise UsageError(f"gdb: unexpected '{rest[0]}'")
        return _with_words(options, rest[1:])
    if word != "shell" and given:
        raise UsageError(f"{word} takes no option '{given[0]}'")
    if len(rest) > (1 if word == "test" else 0):
        raise UsageError(f"{word}: unexpected '{rest[-1]}'")
    options.words = rest
    return options
