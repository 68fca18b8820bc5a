"""Decoding the frames of one run with libsndfile, whatever it would guess of their length."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from mp3restore._typing import Samples
from mp3restore.mp3.run_bytes import RunBytes

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["BLOCK_SECONDS", "Sequential", "decode_run"]

BLOCK_SECONDS = 1.4
"""Length of a block: the same time at every rate, and with it what is made of it on the way to the result's rate."""

_SEEMING_BYTES = 1 << 40
_ID3V1_BYTES = 128


class Sequential(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A file that is read from start to end.

    soundfile seeks to where it already is after every block of a seekable file. For an MP3 that empties the bit
    reservoir: the next frames come out damaged, most of all at low bitrates, where they reach back furthest.
    """

    def seekable(self) -> bool:
        """Say no, so that nobody seeks."""
        return False


class _RunFile(io.RawIOBase):
    """The bytes of a run, from one of its frames on, as a file object.

    It seems to be a terabyte long, or libsndfile would estimate a length and stop there. Beyond the frames only the
    last 128 bytes can be read, and are zero, because decoders look there for an ID3v1 tag.
    """

    def __init__(self, data: RunBytes, frame: int) -> None:
        super().__init__()
        self._data = data
        self._start = int(data.position[frame])
        self._at = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Set the position in bytes and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: _SEEMING_BYTES}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._at

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill `buffer` as far as there are bytes and return their number."""
        view = memoryview(buffer).cast("B")
        if self._at >= _SEEMING_BYTES - _ID3V1_BYTES:
            found = bytes(min(len(view), _SEEMING_BYTES - self._at))
        else:
            found = self._data(self._start + self._at, self._start + self._at + len(view))
        view[: len(found)] = found
        self._at += len(found)
        return len(found)


def decode_run(data: RunBytes, frame: int, rate: int) -> Iterator[Samples]:
    """Decode a run from a frame on, as far as libsndfile goes."""
    with _RunFile(data, frame) as stream:
        try:
            decoder = Sequential(stream)
        except soundfile.LibsndfileError:
            return
        with decoder:
            while True:
                try:
                    block = decoder.read(int(BLOCK_SECONDS * rate), dtype="float32", always_2d=True)
                except soundfile.LibsndfileError:
                    return
                if not len(block):
                    return
                yield np.ascontiguousarray(block.T)
