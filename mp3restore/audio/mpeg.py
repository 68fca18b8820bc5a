"""Making MPEG streams readable whole: where the first frame is, and an end for streams that state no length.

libsndfile stops at the length that it estimates when a file is opened. Without a Xing, Info or VBRI tag the estimate
is the file's size divided by that of the first frame, so that a variable-bitrate file that starts loud would lose its
end without a word. If the file seems to be far larger than it is, it is read to the end of the data. So are files that
were joined: the tag of the first part speaks of that part alone.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mp3restore.errors import BitstreamError
from mp3restore.mp3.headers import find_frames
from mp3restore.mp3.info_tag import read_info_tag

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["MpegRange", "PartOfFile", "find_mpeg_range"]

# Enough for a dozen frames of the largest kind behind any junk that players put up with.
_SEARCHED_BYTES = 1 << 18
_ID3_HEAD_BYTES = 10
_ID3V1_BYTES = 128
_SEEMING_BYTES = 1 << 40
_JOINED = 1.05  # over what the tag states; encoders that are killed leave tags that are a little off


@dataclass(frozen=True, slots=True)
class MpegRange:
    """Where the frames of an MP3 file are."""

    start: int
    """Byte position of the first frame that a decoder is to see."""
    end: int
    """Byte position after the last complete frame."""
    has_length: bool
    """The first frame is a tag that states the number of frames."""
    joined: bool
    """More follows than the tag states, as where files were put together; then `start` is after the tag."""


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


def find_mpeg_range(path: Path) -> MpegRange | None:
    """Find the MPEG layer III frames between tags and junk; None if there is none near the start."""
    skipped = _id3_bytes(path)
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(skipped)
        head = np.frombuffer(file.read(_SEARCHED_BYTES), dtype=np.uint8)
        tail_start = max(skipped, size - _SEARCHED_BYTES)
        file.seek(tail_start)
        tail = np.frombuffer(file.read(_SEARCHED_BYTES), dtype=np.uint8)
    try:
        first = find_frames(head)
    except BitstreamError:
        return None
    try:
        last = find_frames(tail)
        end = tail_start + int(last.position[-1] + last.size[-1])
    except BitstreamError:
        end = size  # junk of this length at the end is for the decoder to judge
    begin, length = int(first.position[0]), int(first.size[0])
    start = skipped + begin
    tag = read_info_tag(head[begin : begin + length].tobytes(), first.side_info_bytes)
    if tag is not None and tag.stream_bytes is not None and end - start > _JOINED * tag.stream_bytes:
        return MpegRange(start + length, end, has_length=False, joined=True)
    return MpegRange(start, end, has_length=tag is not None, joined=False)


class PartOfFile(io.RawIOBase):
    """The bytes of a file from `start` to `end`, read-only.

    With `endless` it seems to be a terabyte long: only its last 128 bytes can be read beyond the end of the data, and
    are zero, because MP3 decoders look there for an ID3v1 tag.
    """

    def __init__(self, path: Path, *, start: int = 0, end: int | None = None, endless: bool = False) -> None:
        super().__init__()
        self._file = path.open("rb")
        self.endless = endless
        self._start = start
        self._position = 0
        self._bytes = (self._file.seek(0, io.SEEK_END) if end is None else end) - start
        self._size = _SEEMING_BYTES if endless else self._bytes
        self._file.seek(start)

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
        self._file.seek(self._start + min(self._position, self._bytes))
        return self._position

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill `buffer` as far as there are bytes and return their number."""
        view = memoryview(buffer)
        if self._bytes < self._size - _ID3V1_BYTES <= self._position:
            count = min(len(view), self._size - self._position)
            view[:count] = bytes(count)
        else:
            count = self._file.readinto(view[: max(0, self._bytes - self._position)])
        self._position += count
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
