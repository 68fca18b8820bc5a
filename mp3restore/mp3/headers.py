"""Finding the frames of a layer III stream: headers, tags around them, resynchronisation over junk."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.errors import BitstreamError
from mp3restore.mp3.tables import BITRATES_LSF, BITRATES_MPEG1, SAMPLE_RATES

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADER_BYTES: Final = 4
MODE_JOINT: Final = 1
MODE_MONO: Final = 3
VERSION_MPEG1: Final = 3
_FREE_FORMAT: Final = 0


_SPAN: Final = 1 << 22


@dataclass(frozen=True, slots=True)
class FrameTable:
    """All complete frames of a stream, in file order; every array has one entry per frame."""

    position: NDArray[np.int64]
    """Byte position of the header in the file."""
    size: NDArray[np.int64]
    """Bytes of the frame, header included."""
    kbps: NDArray[np.int64]
    protected: NDArray[np.bool_]
    """A CRC of two bytes follows the header."""
    mode: NDArray[np.uint8]
    mode_extension: NDArray[np.uint8]
    after_gap: NDArray[np.bool_]
    """Bytes that are no frame lie between this frame and the one before."""
    version_bits: int
    sample_rate: int
    channels: int
    skipped_bytes: int
    """Bytes between the first and the last frame that belong to none."""

    @property
    def lsf(self) -> bool:
        """Whether this is MPEG-2 or MPEG-2.5: one granule per frame, other scale factors."""
        return self.version_bits != VERSION_MPEG1

    @property
    def side_info_bytes(self) -> int:
        """Bytes of side information per frame (11172-3, 2.4.1.7; 13818-3, 2.4.1.7)."""
        if self.lsf:
            return 9 if self.channels == 1 else 17
        return 17 if self.channels == 1 else 32


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Every place of a file that looks like a header, with the frame size it would have; one entry per place."""

    position: NDArray[np.int64]
    size: NDArray[np.int64]
    kind: NDArray[np.int64]
    """Version, rate and mono or not: what cannot change inside a stream."""
    free_format: bool


def _candidates(data: NDArray[np.uint8], start: int, end: int) -> _Candidates:
    """Look at every byte position for a valid layer III header (11172-3, 2.4.1.3)."""
    last = max(start, end - 3)
    # Piece by piece: what there is to say of every 0xFF of a file of hours would take as much memory as the file.
    parts = [_candidates_between(data, at, min(at + _SPAN, last)) for at in range(start, max(last, start + 1), _SPAN)]
    return _Candidates(
        np.concatenate([part.position for part in parts]),
        np.concatenate([part.size for part in parts]),
        np.concatenate([part.kind for part in parts]),
        any(part.free_format for part in parts),
    )


def _candidates_between(data: NDArray[np.uint8], low: int, high: int) -> _Candidates:
    first = np.flatnonzero(data[low:high] == 0xFF) + low
    second, third, fourth = (data[first + k].astype(np.int64) for k in (1, 2, 3))
    version = (second >> 3) & 3
    rate = SAMPLE_RATES[version, (third >> 2) & 3]
    index = third >> 4
    valid = ((second & 0xE0) == 0xE0) & (((second >> 1) & 3) == 1) & (rate > 0) & (index != 15)
    free = bool(np.any(valid & (index == _FREE_FORMAT)))
    valid &= index != _FREE_FORMAT
    first, second, third, fourth, version, rate, index = (
        a[valid] for a in (first, second, third, fourth, version, rate, index)
    )
    mpeg1 = version == VERSION_MPEG1
    kbps = np.where(mpeg1, BITRATES_MPEG1[index], BITRATES_LSF[index])
    size = np.where(mpeg1, 144000, 72000) * kbps // rate + ((third >> 1) & 1)
    mono = (fourth >> 6) == MODE_MONO
    kind = (version << 3) | (((third >> 2) & 3) << 1) | mono
    return _Candidates(first, size, kind, free)


def _id3v2_size(data: NDArray[np.uint8], position: int) -> int:
    """Return the bytes of an ID3v2 tag at ``position``, or 0."""
    head = data[position : position + 10].tobytes()
    if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 0x7F:
        return 0
    size = (head[6] << 21) | (head[7] << 14) | (head[8] << 7) | head[9]
    return size + 10 + (10 if head[5] & 0x10 else 0)


def _ape_size(data: NDArray[np.uint8], position: int) -> int:
    """Return the bytes of the APE tag whose header or footer (32 bytes) is at ``position``, header not counted."""
    head = data[position : position + 32].tobytes()
    if len(head) < 32 or head[:8] != b"APETAGEX":
        return 0
    return int.from_bytes(head[12:16], "little")


def audio_range(data: NDArray[np.uint8]) -> tuple[int, int]:
    """Return the byte range without the ID3v2, APE and ID3v1 tags at both ends of a file."""
    start, end = 0, int(data.size)
    while start < end and (size := _id3v2_size(data, start)):
        start += size
    if size := _ape_size(data, start):
        start += size + 32
    if end >= 128 and data[end - 128 : end - 125].tobytes() == b"TAG":
        end -= 128
    if end >= 32 and (size := _ape_size(data, end - 32)):
        has_header = bool(data[end - 32 + 23] & 0x80)
        end -= size + (32 if has_header else 0)
    # A tag may claim more bytes than the file has.
    return min(start, int(data.size)), max(end, 0)


def _chain(data: NDArray[np.uint8], found: _Candidates, end: int) -> tuple[NDArray[np.int64], NDArray[np.bool_], int]:
    """Follow the frames from the first credible one; returns indices of candidates, gap flags and skipped bytes."""
    count = found.position.size
    after = found.position + found.size
    successor = np.searchsorted(found.position, after)
    inside = np.minimum(successor, count - 1)
    followed = (successor < count) & (found.position[inside] == after) & (found.kind[inside] == found.kind)
    # Three frames in a row make a start, two a new start after junk; so do fewer that end with the file.
    pair = followed | (after == end)
    starts = np.flatnonzero((after == end) | (followed & pair[inside]))
    if not starts.size:
        return starts, np.zeros(0, dtype=np.bool_), 0
    restarts = np.flatnonzero(pair & (found.kind == found.kind[starts[0]]))
    # Views, because lists of Python's numbers would be five times as large.
    position, ends, follow, goes_on = (a.data for a in (found.position, after, successor, followed))
    index, gap, skipped = int(starts[0]), False, 0
    chain, gaps = array("q"), bytearray()
    while ends[index] <= end:
        chain.append(index)
        gaps.append(gap)
        if goes_on[index]:
            index, gap = follow[index], False
            continue
        resume = ends[index] + _id3v2_size(data, ends[index])
        later = int(np.searchsorted(restarts, np.searchsorted(found.position, resume)))
        if later == restarts.size:
            break
        skipped += position[restarts[later]] - ends[index]
        index, gap = int(restarts[later]), True
    return np.array(chain, dtype=np.int64), np.array(gaps, dtype=np.uint8) > 0, skipped


def find_frames(data: NDArray[np.uint8]) -> FrameTable:
    """Find all complete layer III frames of a file's bytes.

    The first credible frame fixes version, sample rate and mono or stereo; frames of another kind count as junk.

    Raises
    ------
    BitstreamError
        If there is no layer III stream, or only one of free format.
    """
    start, end = audio_range(data)
    found = _candidates(data, start, end)
    chain, gaps, skipped = _chain(data, found, end)
    if not chain.size:
        if found.free_format:
            raise BitstreamError("free-format MP3 streams are not supported", hint="re-encode with a fixed bitrate")
        raise BitstreamError("no MPEG layer III stream found")
    position = found.position[chain]
    second, third, fourth = (data[position + k] for k in (1, 2, 3))
    version = int(second[0] >> 3) & 3
    table = BITRATES_MPEG1 if version == VERSION_MPEG1 else BITRATES_LSF
    frames = FrameTable(
        position=position,
        size=found.size[chain],
        kbps=table[third >> 4],
        protected=(second & 1) == 0,
        mode=(fourth >> 6).astype(np.uint8),
        mode_extension=((fourth >> 4) & 3).astype(np.uint8),
        after_gap=gaps,
        version_bits=version,
        sample_rate=int(SAMPLE_RATES[version, (third[0] >> 2) & 3]),
        channels=1 if int(fourth[0]) >> 6 == MODE_MONO else 2,
        skipped_bytes=skipped,
    )
    if int(frames.size.min()) < HEADER_BYTES + 2 + frames.side_info_bytes:
        raise BitstreamError("frames too small for their side information")
    return frames
