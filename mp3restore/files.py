"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mp3restore.errors import Mp3RestoreError, OutputError, OutputExistsError

_HASHED_BYTES = 1 << 20

try:
    import fcntl
except ImportError:  # Windows does not let anybody remove a file that is open
    fcntl = None  # type: ignore[assignment]

__all__ = ["atomic_file", "file_hash", "output_error", "remove_stale_parts"]

_PREFIX, _SUFFIX = ".mp3restore-", ".part"


def output_error(error: OSError, target: Path) -> OutputError:
    """Say in our words why `target` could not be written."""
    hint = {
        FileNotFoundError: "create the folder first" if not target.parent.exists() else "choose another folder with -o",
        NotADirectoryError: "name a file in a folder",
        PermissionError: "choose a folder that you may write to, with -o",
    }.get(type(error), "free some space, or choose another folder with -o")
    return OutputError(f"cannot be written: {error.strerror or error}", path=target, hint=hint)


def _lock(file: BinaryIO) -> bool:
    """Mark a file as in use until it is closed, or its process ends; False if somebody else has done so.

    Raises
    ------
    OSError
        If the file system has no locks.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def remove_stale_parts(folder: Path) -> None:
    """Remove the temporary files of runs that were killed, but not those of runs that are still at work."""
    for part in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with suppress(OSError), part.open("r+b") as file:
            if _lock(file):
                part.unlink()


def _open_part(folder: Path) -> tuple[Path, BinaryIO]:
    """Create a temporary file and lock it, before another run can take it for one that was left behind."""
    while True:
        # The name does not hold the target's: that may be as long as the file system allows already.
        part = folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
        file = part.open("x+b")
        try:
            mine = _lock(file)
        except OSError:  # a file system without locks, where nobody removes anything
            return part, file
        if mine and (fcntl is None or os.fstat(file.fileno()).st_nlink):
            return part, file
        file.close()


@contextmanager
def atomic_file(target: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Open a temporary file that takes the name of `target` when the block ends, and vanishes if it fails.

    A link is followed: the file that it leads to is written. A file that is overwritten hands on its permissions.

    Raises
    ------
    OutputExistsError
        If `target` has come into being meanwhile and `overwrite` is False.
    OutputError
        If the file cannot be created, written, or renamed.
    """
    place = Path(os.path.realpath(target)) if overwrite else target
    try:
        part, file = _open_part(place.parent)
    except OSError as error:
        raise output_error(error, target) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if overwrite:
                _take_permissions(place, file)
            if fcntl is None:  # Windows renames no open file; elsewhere it stays locked until it has its name
                file.close()
            if overwrite:
                part.replace(place)
            else:
                _rename_to_new(part, place)
    except Mp3RestoreError:
        raise  # some of ours are OSErrors too
    except FileExistsError as error:
        raise OutputExistsError("exists already", path=target, hint="--force overwrites it") from error
    except OSError as error:
        raise output_error(error, target) from error
    finally:
        # After the rename there is nothing left of this name.
        with suppress(FileNotFoundError):
            part.unlink()


def _take_permissions(place: Path, file: BinaryIO) -> None:
    """Give a file the owner and mode of the one that it replaces, as far as this process may."""
    try:
        old = place.stat()
    except FileNotFoundError:
        return
    if hasattr(os, "fchown"):
        with suppress(OSError):
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
    if hasattr(os, "fchmod"):
        os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))


def _rename_to_new(part: Path, place: Path) -> None:
    """Rename a file unless there is one of the new name, in one step where the file system has hard links.

    Raises
    ------
    FileExistsError
        If there is one.
    """
    try:
        os.link(part, place)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES):
            raise
        if os.path.lexists(place):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place)) from error
        part.rename(place)


def file_hash(path: Path) -> str:
    """SHA-256 of a file in hexadecimal.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_HASHED_BYTES):
            digest.update(data)
    return digest.hexdigest()
