"""A file to which libsndfile writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

__all__ = ["ErrorKeeper"]


class ErrorKeeper:
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
