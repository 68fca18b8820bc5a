"""One open file that any number of readers share, each at a position of its own."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["BytesFile", "InputFile", "PartOfFile"]


class InputFile:
    """A file that is opened once, however many parsers and decoders read it, also from several threads.

    Parameters
    ----------
    path : Path
        The file.

    Attributes
    ----------
    path : Path
        The file.
    size : int
        Its length in bytes.

    Raises
    ------
    OSError
        If it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb", buffering=0)
        self._lock = threading.Lock()
        self.size = self._file.seek(0, io.SEEK_END)

    def read_into(self, position: int, view: memoryview) -> int:
        """Fill `view` from `position` on; returns the number of bytes, which is smaller only at the end."""
        done = 0
        with self._lock:
            self._file.seek(position)
            while done < len(view) and (count := self._file.readinto(view[done:])):
                done += count
        return done

    def read(self, begin: int, end: int) -> NDArray[np.uint8]:
        """Return the bytes from `begin` up to `end`, or to the end of the file."""
        data = np.empty(max(0, min(end, self.size) - begin), dtype=np.uint8)
        return data[: self.read_into(begin, data.data)] if data.size else data

    def read_bytes(self, begin: int, end: int) -> bytes:
        """Return the bytes from `begin` up to `end`, or to the end of the file."""
        return self.read(begin, end).tobytes()

    def view(self) -> BinaryIO:
        """Return the whole file as a file object with a name, whose position is its own."""
        return io.BufferedReader(_NamedFile(self))

    def close(self) -> None:
        """Close the file for all readers."""
        self._file.close()


class _ReadOnly(io.RawIOBase):
    """A file object of bytes that lie elsewhere, read-only."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._position = 0
        self._size = size

    def _fill(self, position: int, view: memoryview) -> int:
        """Fill `view` from `position` on; returns the number of bytes."""
        raise NotImplementedError  # pragma: no cover - every kind of input has its own

    def readable(self) -> bool:
        """Whether bytes can be read: always."""
        return True

    def seekable(self) -> bool:
        """Whether the position can be set: always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Set the position in bytes and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill `buffer` as far as there are bytes and return their number."""
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._size - self._position))
        count = self._fill(self._position, view[:wanted])
        self._position += count
        return count


class PartOfFile(_ReadOnly):
    """The bytes of a file from `start` to `end` as a file object, read-only."""

    def __init__(self, file: InputFile, *, start: int = 0, end: int | None = None) -> None:
        super().__init__((file.size if end is None else end) - start)
        self._input = file
        self._start = start

    def _fill(self, position: int, view: memoryview) -> int:
        return self._input.read_into(self._start + position, view)


class BytesFile(_ReadOnly):
    """The bytes that a function returns, as a file object, read-only.

    Parameters
    ----------
    read : callable
        Returns the bytes from one position up to another.
    size : int
        How many there are.
    """

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        super().__init__(size)
        self._bytes = read

    def _fill(self, position: int, view: memoryview) -> int:
        data = self._bytes(position, position + len(view))
        view[: len(data)] = data
        return len(data)


class _NamedFile(PartOfFile):
    """A whole file with its name, by which parsers of tags choose the format; libsndfile is not to see it."""

    @property
    def name(self) -> str:
        return str(self._input.path)
