"""The table of all MPEG audio frames of a file, of any layer, rate and number of channels, and of the bytes between.

Four bytes look like a header once in 6,000 bytes of noise, so a header is trusted for its place: frames of one kind
follow each other without a gap. Three in a row begin a run. Inside a run, a header with the marks of its encoder is
enough, so that damage costs only the frames that it hits.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np

from mp3restore.mp3.foreign import CUT_FRAME, Block, Read, name_blocks, tag_at, tags_at_end
from mp3restore.mp3.frame_header import HEADER_BYTES, FrameHeaders

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SPAN: Final = 1 << 22
# After a header: side information of up to 32 bytes, a CRC, and the name of a tag.
_BEYOND: Final = 64
_VBRI_OFFSET: Final = 36
_MAGICS: Final = tuple(int.from_bytes(magic, "big") for magic in (b"Xing", b"Info"))
_VBRI: Final = int.from_bytes(b"VBRI", "big")
# Free format: LAME writes up to 640 kbit/s, which makes 5,760 bytes at 8 kHz.
_LARGEST_FREE: Final = 1 << 13
_FREE_SIZES: Final = 8


@dataclass(frozen=True, slots=True)
class FileTable:
    """All complete frames of a file in order, one entry each, and the blocks between them.

    Frames and blocks together cover every byte of the file once.
    """

    position: NDArray[np.int64]
    """Byte position of the header."""
    size: NDArray[np.int64]
    """Bytes, header included."""
    bits: NDArray[np.int64]
    """The header; see `headers`."""
    main_data_begin: NDArray[np.int16]
    """Bytes by which layer III reaches back into the frames before (11172-3, 2.4.2.7); 0 in other layers."""
    is_tag: NDArray[np.bool_]
    """Xing, Info and VBRI frames, which are not played."""
    blocks: tuple[Block, ...]
    length: int
    """Bytes of the file."""

    @property
    def headers(self) -> FrameHeaders:
        """The headers of all frames."""
        return FrameHeaders(self.bits)

    @property
    def end(self) -> NDArray[np.int64]:
        """Byte position after each frame."""
        return self.position + self.size


@dataclass(frozen=True, slots=True)
class _Candidates:
    """All places of a file that look like a header, in order; one entry per place."""

    position: NDArray[np.int64]
    bits: NDArray[np.int64]
    main_data_begin: NDArray[np.int16]
    is_tag: NDArray[np.bool_]

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> _Candidates:
        return _Candidates(self.position[chosen], self.bits[chosen], self.main_data_begin[chosen], self.is_tag[chosen])


def _words(data: NDArray[np.uint8], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the big-endian four-byte numbers at places of `data`."""
    one, two, three, four = (data[at + k].astype(np.int64) for k in range(4))
    return (one << 24) | (two << 16) | (three << 8) | four


def _candidates_in(data: NDArray[np.uint8], count: int, base: int) -> _Candidates:
    """Look for headers in the first `count` bytes of a piece of a file that begins at `base`."""
    at = np.flatnonzero((data[:count] == 0xFF) & (data[1 : count + 1] >= 0xE0))
    bits = _words(data, at)
    valid = FrameHeaders(bits).valid
    at, bits = at[valid], bits[valid]
    headers = FrameHeaders(bits)
    layer_3 = headers.layer == 3
    side = headers.payload_start
    fields = (data[at + side].astype(np.int16) << 1) | (data[at + side + 1] >> 7)
    begin = np.where(layer_3, np.where(headers.mpeg1 == 1, fields, fields >> 1), 0).astype(np.int16)
    behind = at + headers.side_info_bytes
    is_tag = _words(data, at + _VBRI_OFFSET) == _VBRI
    # Some encoders leave room for the CRC of a protected frame, others do not.
    for start in (HEADER_BYTES, side):
        is_tag |= np.isin(_words(data, behind + start), _MAGICS)
    return _Candidates(at + base, bits, begin, is_tag & layer_3)


def _find_candidates(file: BinaryIO) -> tuple[_Candidates, int]:
    """Read a file once, from start to end; return the candidates for headers, and the length of the file."""
    parts: list[_Candidates] = []
    file.seek(0)
    base, rest = 0, b""
    while True:
        chunk = file.read(_SPAN)
        data = np.frombuffer(rest + chunk + (b"" if chunk else bytes(_BEYOND)), dtype=np.uint8)
        count = max(0, data.size - _BEYOND)
        parts.append(_candidates_in(data, count, base))
        rest = data[count:].tobytes()
        base += count
        if not chunk:
            break
    names = ("position", "bits", "main_data_begin", "is_tag")
    joined = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
    return _Candidates(*joined), base


def _sizes(found: _Candidates) -> NDArray[np.int64]:
    """Return the sizes of frames; 0 for free-format headers that no other header confirms."""
    headers = FrameHeaders(found.bits)
    sizes = headers.size
    free = np.flatnonzero(headers.free_format)
    kinds, padding = headers[free].kind, headers[free].padding
    for kind in np.unique(kinds):
        rows, pads = free[kinds == kind], padding[kinds == kind]
        tags = found.is_tag[rows]
        places = found.position[rows]
        # Without padding, all frames of a stream have the same size (11172-3, 2.4.2.3, bitrate_index).
        steps = np.diff(places) - pads[:-1]
        values, counts = np.unique(steps[(steps > HEADER_BYTES) & (steps < _LARGEST_FREE)], return_counts=True)
        base = np.zeros(rows.size, dtype=np.int64)
        for value in values[counts > 1][np.argsort(counts[counts > 1])[::-1][:_FREE_SIZES]]:
            base = np.where((base == 0) & np.isin(places + value + pads, places), value, base)
        # The last frame of a stretch has the size of the one before it.
        last = np.maximum.accumulate(np.where(base > 0, np.arange(rows.size), 0))
        base = base[last]
        # A tag frame may have a different size, which shows in the position of the next frame.
        base[:-1] = np.where(tags[:-1] & (base[:-1] == 0) & (steps < _LARGEST_FREE), steps, base[:-1])
        sizes[rows] = np.where(base > 0, base + pads, 0)
    return sizes


class _Walk:
    """Goes through a file from its start, and trusts or skips each candidate for a header."""

    def __init__(self, read: Read, found: _Candidates, length: int) -> None:
        headers = FrameHeaders(found.bits)
        sizes = _sizes(found)
        fits = (sizes >= headers.payload_start + headers.side_info_bytes) & (sizes > 0)
        self.found = found.rows(fits)
        self.sizes = sizes[fits]
        headers = headers[fits]
        kinds, ends, count = headers.kind, self.found.position + self.sizes, self.found.position.size
        successor = np.searchsorted(self.found.position, ends)
        inside = np.minimum(successor, max(0, count - 1))
        follows = (successor < count) & (self.found.position[inside] == ends) if count else successor > 0
        free = headers.free_format
        bases = np.where(free, self.sizes - headers.padding, 0)
        same = follows & (kinds[inside] == kinds) & (bases[inside] == bases) if count else follows
        self._read, self._length = read, length
        last = int(self.found.position[inside[same]].max(initial=-HEADER_BYTES)) + HEADER_BYTES
        self._tail = tags_at_end(read, last, length)
        stop = self._tail[0].position if self._tail else length
        pair = same & (same[inside] | (ends[inside] == stop)) if count else same
        # In a stream of another size, bytes that repeat may look like headers of free format: what lies in them counts.
        others = self.found.position[pair & ~free]
        pair &= ~free | (np.searchsorted(others, ends) == np.searchsorted(others, self.found.position + 1))
        strong = (pair | self.found.is_tag) & (ends <= stop)
        self._stop = stop
        # Memory views, because lists of Python integers would be five times as large.
        self._position, self._ends, self._kind = self.found.position.data, ends.data, kinds.data
        self._mark, self._next = headers.stream_mark.data, np.where(follows, inside, -1).data
        self._same, self._strong = same.data, strong.data
        self._strong_at = self.found.position[strong].data
        self._largest = int(self.sizes.max(initial=0))
        # The frame that others are compared with; before any is trusted, the one that begins the first run.
        self._last = int(np.flatnonzero(strong)[0]) if strong.any() else -1
        self.chain, self.blocks = array("q"), list[Block]()

    def run(self) -> None:
        """Fill `chain` with the indices of trusted frames, and `blocks` with the bytes between them."""
        cursor = 0
        while cursor < self._stop:
            index = self._at(cursor)
            if index >= 0 and self._believed(index):
                cursor = self._follow(index)
            elif (tag := self._tag(cursor)) is not None:
                self.blocks.append(tag)
                cursor = tag.end
            else:
                cursor = self._skip(cursor, index)
        self.blocks += self._tail

    def _at(self, place: int) -> int:
        """Return the index of the candidate at a place, or -1."""
        index = bisect_left(self._position, place)
        return index if index < len(self._position) and self._position[index] == place else -1

    def _next_strong(self, place: int) -> int:
        """Return the position at or after a place where the next run begins, or the end of the frames."""
        index = bisect_left(self._strong_at, place)
        return self._strong_at[index] if index < len(self._strong_at) else self._stop

    def _follow(self, index: int) -> int:
        """Take a frame and those of its kind that follow it; return the position after them."""
        self.chain.append(index)
        self._last = index
        while self._same[index] and self._ends[self._next[index]] <= self._stop:
            index = self._next[index]
            if not self._same[index] and not self._believed(index):
                return self._position[index]
            self.chain.append(index)
            self._last = index
        return self._ends[index]

    def _resembles(self, index: int) -> bool:
        return self._last >= 0 and self._mark[index] == self._mark[self._last]

    def _believed(self, index: int) -> bool:
        """Return whether to trust a header where a frame may begin: at the start, or right after a frame or a tag."""
        end = self._ends[index]
        if end > self._stop:
            return False
        if self._strong[index] or end == self._stop:
            return True
        if self._last < 0 or self._kind[index] != self._kind[self._last]:
            return False
        follower = self._next[index]
        if self._same[index] or (follower >= 0 and self._strong[follower]) or self._tag(end) is not None:
            return True
        # Garbage follows. A frame that begins inside this one would show that its size is wrong.
        return self._resembles(index) and self._next_strong(self._position[index] + 1) >= end

    def _tag(self, place: int) -> Block | None:
        """Return the tag at a place, unless frames continue across the end that it claims."""
        tag = tag_at(self._read, place, self._stop)
        if tag is None or tag.end == self._stop:
            return tag
        index = bisect_left(self._position, tag.end - self._largest)
        while index < len(self._position) and self._position[index] < tag.end:
            if self._strong[index] and self._ends[index] > tag.end:
                return None
            index += 1
        return tag

    def _skip(self, cursor: int, index: int) -> int:
        """Skip bytes that are not a frame, name them, and return the position at which frames continue."""
        target = self._next_strong(cursor + 1)
        blocks = name_blocks(self._read, cursor, target)
        # What looks like a frame in a tag is none.
        target = next((block.position for block in blocks[1:] if block.is_tag), target)
        at = bisect_left(self._position, cursor + 1)
        while at < len(self._position) and self._position[at] < target:
            if self._resembles(at) and self._ends[at] <= target:
                target = self._position[at]
            at += 1
        if index >= 0 and self._resembles(index) and self._ends[index] > target:
            self.blocks.append(Block(CUT_FRAME, cursor, target - cursor))
        else:
            self.blocks += name_blocks(self._read, cursor, target)
        return target


def read_table(file: BinaryIO) -> FileTable:
    """Find all frames of a file, and name the bytes between them.

    Parameters
    ----------
    file : binary file
        A seekable file. It is read once from start to end, and again at tags and damaged places.

    Returns
    -------
    FileTable
        The frames and blocks; without frames if this is not MPEG audio.
    """

    def read(begin: int, end: int) -> bytes:
        file.seek(begin)
        return file.read(end - begin)

    found, length = _find_candidates(file)
    walk = _Walk(read, found, length)
    walk.run()
    chain = np.array(walk.chain, dtype=np.int64)
    frames = walk.found.rows(chain)
    return FileTable(
        position=frames.position,
        size=walk.sizes[chain],
        bits=frames.bits,
        main_data_begin=frames.main_data_begin,
        is_tag=frames.is_tag,
        blocks=tuple(walk.blocks),
        length=length,
    )
