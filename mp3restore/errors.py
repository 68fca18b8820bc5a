"""All errors that a user can meet, as one tree.

    Mp3RestoreError
    ├── UsageError            (ValueError)       wrong options or arguments
    ├── NoInputError          (FileNotFoundError) no input was found
    ├── InputError            (ValueError)       a file that cannot be restored
    │   ├── NothingToRestoreError                an input that has lost too little to restore
    │   ├── DecodeError                          not audio, or damaged beyond reading
    │   └── BitstreamError                       an MPEG stream that the bitstream reader refuses
    ├── OutputError           (OSError)          the result cannot be written
    │   ├── OutputExistsError (FileExistsError)  the result already exists
    │   └── StdoutError                          stdout is closed or full
    ├── ModelError            (RuntimeError)     a model that is missing, altered or unreadable
    └── MissingExtraError     (ImportError)      an optional dependency that is not installed

A message says what failed, on which file, and why; ``hint`` says what to do about it.
"""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path

__all__ = [
    "BitstreamError",
    "DecodeError",
    "ExitCode",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "Mp3RestoreError",
    "NoInputError",
    "NothingToRestoreError",
    "OutputError",
    "OutputExistsError",
    "StdoutError",
    "UsageError",
]


class ExitCode(IntEnum):
    """Exit codes of the command, documented in the README."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NO_INPUT = 3
    OUTPUT_EXISTS = 4
    MODEL = 5
    NOTHING_TO_RESTORE = 6
    INTERRUPTED = 130


class Mp3RestoreError(Exception):
    """Base of all errors of this package.

    ``message`` says what failed and why, ``path`` names the file, and ``hint`` says what the user can do.
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str, *, path: str | Path | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = Path(path) if isinstance(path, str) else path  # which may also stand for a URL
        self.hint = hint

    def __str__(self) -> str:
        """Return file, reason and hint in one line."""
        where = f"{self.path}: " if self.path is not None else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.message}{advice}"


class UsageError(Mp3RestoreError, ValueError):
    """An option or argument is invalid, or contradicts another."""

    exit_code = ExitCode.USAGE


class NoInputError(Mp3RestoreError, FileNotFoundError):
    """Nothing was found to restore."""

    exit_code = ExitCode.NO_INPUT


class InputError(Mp3RestoreError, ValueError):
    """An input that exists but cannot be restored."""


class NothingToRestoreError(InputError):
    """The input has lost too little for a restoration to be safe."""

    exit_code = ExitCode.NOTHING_TO_RESTORE


class DecodeError(InputError):
    """The file is not audio, or no decoder can read it."""


class BitstreamError(InputError):
    """The MPEG stream is of a kind that the bitstream reader does not handle."""


class OutputError(Mp3RestoreError, OSError):
    """The result cannot be written."""


class OutputExistsError(OutputError, FileExistsError):
    """The result exists and may not be overwritten."""

    exit_code = ExitCode.OUTPUT_EXISTS


class StdoutError(OutputError):
    """Standard output is closed, or cannot be written to."""


class ModelError(Mp3RestoreError, RuntimeError):
    """The model is missing, was altered, or has another schema."""

    exit_code = ExitCode.MODEL


class MissingExtraError(Mp3RestoreError, ImportError):  # type: ignore[misc]  # ImportError has a path, too: a str
    """A feature needs an optional dependency that is not installed."""
