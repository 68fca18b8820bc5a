"""A file to which libsndfile writes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from mp3restore.errors import UsageError

__all__ = ["SoundSink"]


class SoundSink:
    """A file that libsndfile encodes, whose errors are those of the disk.

    Parameters
    ----------
    file : binary file
        At its position 0; it stays open.
    name : str
        Name of the format for error messages.
    sample_rate, channels : int
        Rate in Hz, and number of channels.
    hint : str
        What to do then.
    **options : str or float
        Format, subtype and others, as soundfile takes them.

    Raises
    ------
    UsageError
        If the format cannot hold so many channels at this rate.
    OSError
        If writing fails; also by every method.
    """

    def __init__(
        self, file: BinaryIO, name: str, *, sample_rate: int, channels: int, hint: str, **options: str | float
    ) -> None:
        self._keeper = _ErrorKeeper(file)
        try:
            self._sound = soundfile.SoundFile(self._keeper, "w", sample_rate, channels, **options)
        except soundfile.LibsndfileError as error:
            raise self._keeper.error or UsageError(
                f"{name} cannot hold {channels} channels at {sample_rate} Hz", hint=hint
            ) from error

    def write(self, frames: NDArray[np.float32] | NDArray[np.int32]) -> None:
        """Append samples of shape (n, channels)."""
        try:
            self._sound.write(frames)
        except (soundfile.LibsndfileError, AssertionError) as error:  # soundfile asserts that all was written
            raise self._keeper.error or OSError(f"the encoder failed: {error}") from error
        self._check()

    def close(self) -> None:
        """Complete the file, but leave it open."""
        try:
            self._sound.close()
        except soundfile.LibsndfileError as error:  # pragma: no cover - a full disk shows below
            raise self._keeper.error or OSError(f"the encoder failed: {error}") from error
        self._check()

    def discard(self) -> None:
        """Write nothing more and let go of everything; also right after `close`."""
        self._keeper.error = OSError("given up")
        with suppress(soundfile.LibsndfileError):
            self._sound.close()

    def _check(self) -> None:
        if self._keeper.error is not None:
            raise self._keeper.error


class _ErrorKeeper:
    """Keeps the error of a file for us, because the callbacks of libsndfile cannot pass it on."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write and return the number of bytes; 0 makes libsndfile stop."""
        return self._guard(lambda: self._file.write(data))

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the position and return it."""
        return self._guard(lambda: self._file.seek(offset, whence))

    def tell(self) -> int:
        """Return the position."""
        return self._guard(self._file.tell)

    def _guard(self, operation: Callable[[], int]) -> int:
        if self.error is None:
            try:
                return operation()
            except OSError as error:
                self.error = error
        return 0
