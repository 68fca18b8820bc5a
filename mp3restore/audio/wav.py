"""A WAV writer that becomes RF64 when, and only when, the file grows beyond 4 GiB.

libsndfile can do that too, but python-soundfile has no way to ask for it: it writes RF64 always or never.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["WavWriter", "find_samples"]

# The sizes of a RIFF file are 32 bits. Above that EBU Tech 3306 puts them into a "ds64" chunk, for which a "JUNK"
# chunk of the same size keeps the place until the length is known.
_LARGEST_RIFF = 0xFFFFFFFF
_DS64_BYTES = 28
_PCM, _FLOAT = 1, 3


class WavWriter:
    """Writes blocks to a seekable file; the file is complete after `close`, which leaves it open.

    Parameters
    ----------
    file : BinaryIO
        Open for writing, at position 0.
    sample_rate : int
        Rate in Hz.
    channels : int
        Number of channels.
    bits : {16, 24, 32}
        Bits per sample; 32 means float.
    """

    def __init__(self, file: BinaryIO, *, sample_rate: int, channels: int, bits: int) -> None:
        self._file = file
        self._frame_bytes = channels * bits // 8
        self._bits = bits
        self._data_bytes = 0
        is_float = bits == 32
        kind = _FLOAT if is_float else _PCM
        layout = struct.pack(
            "<HHIIHH", kind, channels, sample_rate, sample_rate * self._frame_bytes, self._frame_bytes, bits
        )
        chunks = b"JUNK" + struct.pack("<I", _DS64_BYTES) + bytes(_DS64_BYTES)
        if is_float:
            # Formats other than PCM carry an (empty) extension and the number of frames.
            chunks += b"fmt " + struct.pack("<I", 18) + layout + bytes(2) + b"fact" + struct.pack("<II", 4, 0)
        else:
            chunks += b"fmt " + struct.pack("<I", 16) + layout
        header = b"RIFF" + bytes(4) + b"WAVE" + chunks + b"data" + bytes(4)
        self._header_bytes = len(header)
        file.write(header)

    def write(self, block: NDArray[np.int32] | NDArray[np.float32]) -> None:
        """Append a block of shape (channels, samples): float32, or int32 in the range of the file's bits."""
        frames = np.ascontiguousarray(block.T)
        if self._bits == 16:
            data = frames.astype("<i2").tobytes()
        elif self._bits == 24:
            data = frames.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
        else:
            data = frames.astype("<f4").tobytes()
        self._file.write(data)
        self._data_bytes += len(data)

    def close(self) -> None:
        """Fill in the sizes."""
        padding = self._data_bytes % 2  # chunks end at even positions
        self._file.write(bytes(padding))
        riff_bytes = self._header_bytes - 8 + self._data_bytes + padding
        frames = self._data_bytes // self._frame_bytes
        large = riff_bytes > _LARGEST_RIFF
        if large:
            self._put(0, b"RF64" + struct.pack("<I", 0xFFFFFFFF))
            self._put(12, b"ds64" + struct.pack("<IQQQI", _DS64_BYTES, riff_bytes, self._data_bytes, frames, 0))
        else:
            self._put(4, struct.pack("<I", riff_bytes))
        if self._bits == 32:
            self._put(self._header_bytes - 12, struct.pack("<I", min(frames, 0xFFFFFFFF)))
        self._put(self._header_bytes - 4, struct.pack("<I", 0xFFFFFFFF if large else self._data_bytes))

    def discard(self) -> None:
        """Write nothing more."""

    def _put(self, position: int, data: bytes) -> None:
        self._file.seek(position)
        self._file.write(data)


def find_samples(file: BinaryIO) -> tuple[int, int]:
    """Find the samples of a file that `WavWriter` has written: position of the first byte, and number of bytes."""
    file.seek(12)
    large: int | None = None
    while True:
        name, size = struct.unpack("<4sI", file.read(8))
        if name == b"ds64":
            large = struct.unpack("<QQ", file.read(16))[1]
            file.seek(size - 16, 1)
        elif name == b"data":
            return file.tell(), size if large is None else large
        else:
            file.seek(size + size % 2, 1)
