"""Many files as one ZIP that is sent while it is made: it lies neither in memory nor on the disk."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

__all__ = ["stream_zip"]

_PIECE_BYTES = 1 << 20


class _Pieces:
    """A file for `zipfile` that can only be written to; what was written is taken away again and again."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._waiting.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing was opened."""

    def take(self) -> bytes:
        taken = b"".join(self._waiting)
        self._waiting.clear()
        return taken


def _unique(name: str, taken: set[str]) -> str:
    """Number a name that is taken, also where it differs in the case of letters alone, as on most desktops."""
    path, number, result = PurePosixPath(name), 2, name
    while result.casefold() in taken:
        result, number = f"{path.stem} ({number}){path.suffix}", number + 1
    taken.add(result.casefold())
    return result


def stream_zip(files: Iterable[tuple[Path, str]]) -> Iterator[bytes]:
    """Yield the bytes of a ZIP without compression, which would gain nothing on audio.

    Parameters
    ----------
    files : iterable of (Path, str)
        Files, and their names in the ZIP, without folders. Files that are gone when it is their turn are left out.
    """
    pieces = _Pieces()
    taken: set[str] = set()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_STORED) as archive:
        for path, name in files:
            try:
                source = path.open("rb")
            except FileNotFoundError:
                continue
            entry = zipfile.ZipInfo(_unique(name, taken), time.localtime()[:6])
            # Its size is told behind it, in 64 bits: an hour of music in several channels may need them.
            with source, archive.open(entry, "w", force_zip64=True) as target:
                while piece := source.read(_PIECE_BYTES):
                    target.write(piece)
                    yield pieces.take()
    yield pieces.take()
