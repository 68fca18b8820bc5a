"""Making MPEG streams readable whole: where the first frame is, and a length for streams that state none.

libsndfile stops at the length that it estimates when a file is opened. Without a Xing, Info or VBRI tag that estimate
comes from the bitrate of the first frame, so a variable-bitrate file that starts loud would lose its end without a
word. A synthetic tag frame in front, which claims more frames than any file has, makes it read to the end of the data.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mp3restore.errors import BitstreamError
from mp3restore.mp3.headers import HEADER_BYTES, VERSION_MPEG1, audio_range, find_frames
from mp3restore.mp3.tags import tag_frames

__all__ = ["JoinedFile", "MpegStart", "find_mpeg_start"]

# Enough for a dozen frames of the largest kind behind any junk that players put up with.
_HEAD_BYTES = 1 << 18
_ID3_HEAD_BYTES = 10
# 64 kbit/s in both bitrate tables (11172-3, 2.4.2.3; 13818-3, 2.4.2.3): room for the tag at every sample rate.
_BITRATE_INDEX = {True: 5, False: 8}
# At 8 kHz this is longer than 300 days.
_CLAIMED_FRAMES = 1 << 29


@dataclass(frozen=True, slots=True)
class MpegStart:
    """Where the frames of an MP3 file begin."""

    offset: int
    """Byte position of the first frame."""
    has_length: bool
    """The first frame is a tag that states the number of frames."""
    tag_frame: bytes
    """A frame of the same kind as the stream's that states an endless length."""


def _id3_bytes(path: Path) -> int:
    """Return the bytes of the ID3v2 tags at the start of a file: pictures in them may be larger than the head."""
    skipped = 0
    with path.open("rb") as file:
        while True:
            file.seek(skipped)
            head = file.read(_ID3_HEAD_BYTES)
            if len(head) < _ID3_HEAD_BYTES or head[:3] != b"ID3" or max(head[6:10]) > 0x7F:
                return skipped
            size = (head[6] << 21) | (head[7] << 14) | (head[8] << 7) | head[9]
            skipped += _ID3_HEAD_BYTES + size + (10 if head[5] & 0x10 else 0)


def find_mpeg_start(path: Path) -> MpegStart | None:
    """Find the first MPEG layer III frame behind tags and junk; None if there is none near the start."""
    skipped = _id3_bytes(path)
    with path.open("rb") as file:
        file.seek(skipped)
        data = np.frombuffer(file.read(_HEAD_BYTES), dtype=np.uint8)
    try:
        frames = find_frames(data)
    except BitstreamError:
        return None
    position = int(frames.position[0])
    header = bytearray(data[position : position + HEADER_BYTES].tobytes())
    mpeg1 = frames.version_bits == VERSION_MPEG1
    kbps = 64
    header[1] |= 1  # no CRC follows
    header[2] = (_BITRATE_INDEX[mpeg1] << 4) | (header[2] & 0x0C)  # the stream's sample rate, no padding
    tag = bytes(frames.side_info_bytes) + b"Xing" + (1).to_bytes(4, "big") + _CLAIMED_FRAMES.to_bytes(4, "big")
    size = (144000 if mpeg1 else 72000) * kbps // frames.sample_rate
    return MpegStart(
        offset=skipped + position,
        has_length=bool(tag_frames(data, frames)[0]),
        tag_frame=bytes(header) + tag.ljust(size - HEADER_BYTES, b"\0"),
    )


class JoinedFile(io.RawIOBase):
    """A read-only file: `head`, then the bytes of the file at `path` from `offset` on."""

    def __init__(self, path: Path, *, head: bytes = b"", offset: int = 0) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._head = head
        self._offset = offset
        self._position = 0
        self._size = len(head) + self._file.seek(0, io.SEEK_END) - offset
        self.seek(0)

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
        self._file.seek(self._offset + max(0, self._position - len(self._head)))
        return self._position

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Fill `buffer` as far as there are bytes and return their number."""
        from_head = self._head[self._position : self._position + len(buffer)]
        buffer[: len(from_head)] = from_head
        count = len(from_head) + self._file.readinto(buffer[len(from_head) :])
        self._position += count
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
