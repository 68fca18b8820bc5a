"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mp3restore.errors import Mp3RestoreError, OutputError, OutputExistsError

__all__ = ["atomic_file", "output_error"]


def output_error(error: OSError, target: Path) -> OutputError:
    """Say in our words why `target` could not be written."""
    hint = {
        FileNotFoundError: "create the folder first",
        NotADirectoryError: "name a file in a folder",
        PermissionError: "choose a folder that you may write to, with -o",
    }.get(type(error), "free some space, or choose another folder with -o")
    return OutputError(f"cannot be written: {error.strerror or error}", path=target, hint=hint)


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
    temporary = target.parent / f".mp3restore-{secrets.token_hex(8)}.part"
    try:
        file = temporary.open("x+b")
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
