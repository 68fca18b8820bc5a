"""The folder of a server: private, and removed at its end, or by the next server if this one is killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows does not let anybody remove a file that is open
    fcntl = None  # type: ignore[assignment]

__all__ = ["private_folder", "remove_left_folders"]

_PREFIX = "mp3restore-serve-"
_LOCK_NAME = "lock"


def _is_left(folder: Path) -> bool:
    """Whether a folder is one of ours whose server has ended."""
    if folder.is_symlink() or not folder.is_dir() or (hasattr(os, "getuid") and folder.stat().st_uid != os.getuid()):
        return False
    lock = folder / _LOCK_NAME
    if fcntl is None:
        lock.unlink()  # which fails while it is open
        return True
    with lock.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True


def remove_left_folders() -> None:
    """Remove the folders of servers that were killed, but not those of servers that are still running."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # in use, or not ours to look at
            if _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder that nobody else may read, and remove it with all that is in it when the block ends."""
    remove_left_folders()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = folder / _LOCK_NAME
    new = lock if fcntl is None else folder / "new"
    try:
        with new.open("x+b") as file:
            if fcntl is not None:  # it has no name to be looked for before it is locked
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                new.rename(lock)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
