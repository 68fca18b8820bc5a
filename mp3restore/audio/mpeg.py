"""Making MPEG streams readable whole: where the first frame is, and an end for streams that state no length.

libsndfile stops at the length that it estimates when a file is opened. Without a Xing, Info or VBRI tag the estimate
is the file's size divided by that of the first frame, so that a variable-bitrate file that starts loud would lose its
end without a word. If the file seems to be far larger than it is, it is read to the end of the data. So are files that
were joined: the tag of the first part speaks of that part alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from mp3restore.audio.input import InputFile
from mp3restore.errors import BitstreamError
from mp3restore.mp3.headers import find_frames
from mp3restore.mp3.info_tag import read_info_tag

__all__ = ["MpegRange", "find_mpeg_range"]

# Enough for a dozen frames of the largest kind behind any junk that players put up with.
_SEARCHED_BYTES = 1 << 18
_ID3_HEAD_BYTES = 10
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


def _id3_bytes(file: InputFile) -> int:
    """Return the bytes of the ID3v2 tags at the start of a file: pictures in them may be larger than the head."""
    skipped = 0
    while True:
        head = file.read(skipped, skipped + _ID3_HEAD_BYTES).tobytes()
        if len(head) < _ID3_HEAD_BYTES or head[:3] != b"ID3" or max(head[6:10]) > 0x7F:
            return skipped
        size = (head[6] << 21) | (head[7] << 14) | (head[8] << 7) | head[9]
        skipped += _ID3_HEAD_BYTES + size + (10 if head[5] & 0x10 else 0)


def find_mpeg_range(file: InputFile) -> MpegRange | None:
    """Find the MPEG layer III frames between tags and junk; None if there is none near the start."""
    skipped = _id3_bytes(file)
    head = file.read(skipped, skipped + _SEARCHED_BYTES)
    tail_start = max(skipped, file.size - _SEARCHED_BYTES)
    tail = file.read(tail_start, file.size)
    try:
        first = find_frames(head)
    except BitstreamError:
        return None
    try:
        last = find_frames(tail)
        end = tail_start + int(last.position[-1] + last.size[-1])
    except BitstreamError:
        end = file.size  # junk of this length at the end is for the decoder to judge
    begin, length = int(first.position[0]), int(first.size[0])
    start = skipped + begin
    tag = read_info_tag(head[begin : begin + length].tobytes(), first.side_info_bytes)
    if tag is not None and tag.stream_bytes is not None and end - start > _JOINED * tag.stream_bytes:
        return MpegRange(start + length, end, has_length=False, joined=True)
    return MpegRange(start, end, has_length=tag is not None, joined=False)
