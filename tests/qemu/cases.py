"""Runs one case by its name, or lists them all: cases.py --list | NAME. Called by CTest."""

import sys

import bad_input  # noqa: F401
import boot_faults  # noqa: F401
import broken_trees  # noqa: F401
import changes  # noqa: F401
import disks  # noqa: F401
import entropy  # noqa: F401
import files  # noqa: F401
import firmware  # noqa: F401
import harts  # noqa: F401
import interrupts  # noqa: F401
import kinds  # noqa: F401
import machine  # noqa: F401
import matrix  # noqa: F401
import measuring  # noqa: F401
import memory  # noqa: F401
import partitions  # noqa: F401
import prompt  # noqa: F401
import request_layer  # noqa: F401
import running  # noqa: F401
import trees  # noqa: F401
from harness import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
