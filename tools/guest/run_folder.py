"""A folder of its own for every run under build/run: log, guest errors, images made for it. Used by run.py."""

import fcntl
import os
import shutil
import tempfile
import time

from guest.errors import CannotStart

KEPT = 40
KEPT_SECONDS = 3600


def _is_in_use(path):
    """A run holds a lock on its folder."""
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(fd)


def _prune(parent):
    """Removes old runs beyond the newest ones; another run may be doing the same."""
    entries = sorted(os.scandir(parent), key=lambda entry: entry.name)
    for entry in entries[:-KEPT]:
        try:
            if entry.stat().st_mtime < time.time() - KEPT_SECONDS and not _is_in_use(entry.path):
                shutil.rmtree(entry.path, ignore_errors=True)
        except OSError:
            continue


class RunFolder:
    def __init__(self, root):
        parent = os.path.join(root, "build", "run")
        try:
            os.makedirs(parent, exist_ok=True)
            _prune(parent)
            self.path = tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=parent)
            self._lock = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise CannotStart(f"{parent}: {error.strerror}") from None
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Logs stay; what can be made again does not."""
        for name in os.listdir(self.path):
            if name.endswith((".img", ".sock")):
                os.unlink(os.path.join(self.path, name))
        os.close(self._lock)

    def file(self, name):
        return os.path.join(self.path, name)
