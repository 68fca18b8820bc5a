"""Files that appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
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
    """Mark a file as in use until it is closed, or its process ends; False if somebody else has done so."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # in use, or on a file system without locks, where nothing can be told
        return False
    return True


def remove_stale_parts(folder: Path) -> None:
    """Remove the temporary files of runs that were killed, but not those of runs that are still at work."""
    for part in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with suppress(OSError):
            with part.open("r+b") as file:
                unused = _lock(file)
            if unused:
                part.unlink()


@contextmanager
def atomic_file(target: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Open a temporary file beside `target` that takes its name when the block ends, and vanishes if it fails.

    Raises
    ------
    OutputExistsError
        If `target` has come into being meanwhile and `overwrite` is False.
    OutputError
        If the file cannot be created, written, or renamed.
    """
    # The name does not hold the target's: that may be as long as the file system allows already.
    temporary = target.parent / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
    try:
        file = temporary.open("x+b")
        _lock(file)
    except OSError as error:
        raise output_error(error, target) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if not overwrite and os.path.lexists(target):
            raise OutputExistsError("exists already", path=target, hint="--force overwrites it")
        temporary.replace(target)
    except Mp3RestoreError:
        raise  # some of ours are OSErrors too
    except OSError as error:
        raise output_error(error, target) from error
    finally:
        # After the rename there is nothing left of this name.
        with suppress(FileNotFoundError):
            temporary.unlink()


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
