"""What a file plays: runs of frames of one kind, silence where frames are lost, and where the music begins and ends.

A decoder follows one kind of frame: version, layer, sample rate, mono or stereo. So each run has a decoder of its own.
Inside a run time is kept: a lost frame is played as silence. A decoder that gets a frame of silence in its place fades
by itself, because the windows of neighbouring granules overlap (11172-3, 2.4.3.4.10).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.foreign import CUT_FRAME, PADDING, Block, Read
from mp3restore.mp3.frame_header import FrameHeaders
from mp3restore.mp3.info_tag import InfoTag, read_info_tag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mp3restore.mp3.framing import FileTable

DECODER_DELAY: Final = 529
"""Samples by which a decoder's output lags behind the encoder's input: 528 and 1 for the MDCT."""
LOST: Final = -1
"""Position of a frame that stands for a lost one."""

# A tag whose count of frames is further off speaks of something else.
_MISCOUNT: Final = 2
_NEIGHBOURS: Final = 8
_LAYER_3: Final = 3
_PADDING_BIT: Final = 1 << 9
# Tags that begin or end a file; ICY metadata comes in the middle of one.
_FILE_TAGS: Final = ("ID3v1", "ID3v2", "APE", "Lyrics3", "RIFF")


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes inside a run that are neither a sound frame nor a tag."""

    position: int
    length: int
    frame: int
    """Index in the run of the first frame behind the sound ones before."""
    lost: int
    """Frames of silence that stand for what was there; 0 where bytes were put between frames that are all there."""


@dataclass(frozen=True, slots=True)
class Part:
    """Frames of a run that one encoder made, as far as tags show."""

    start: int
    stop: int
    tag: InfoTag | None


@dataclass(frozen=True, slots=True)
class Run:
    """Frames that one decoder plays one after the other; every array has one entry per frame."""

    position: NDArray[np.int64]
    """Where the bytes of the frame stand in the file; `LOST` where there are none."""
    size: NDArray[np.int64]
    bits: NDArray[np.int64]
    """The header, see `frame_header.FrameHeaders`; of a lost frame, that of its neighbour."""
    silent: NDArray[np.bool_]
    """Frames that are played as silence: lost, or damaged, or in need of main data that are lost."""
    gaps: tuple[Gap, ...]
    parts: tuple[Part, ...]

    @property
    def headers(self) -> FrameHeaders:
        """The headers of all frames."""
        return FrameHeaders(self.bits)

    @property
    def first(self) -> FrameHeaders:
        """The first header, which says what all have in common; its fields have shape (1,)."""
        return FrameHeaders(self.bits[:1])

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return int(self.first.sample_rate[0])

    @property
    def channels(self) -> int:
        """Number of channels."""
        return 1 if self.first.mono[0] else 2

    @property
    def layer(self) -> int:
        """Layer, 1 to 3."""
        return int(self.first.layer[0])

    @property
    def frame_samples(self) -> int:
        """Samples of every frame."""
        return int(self.first.samples[0])

    @property
    def kbps(self) -> float:
        """Mean bitrate of the frames that are there."""
        sizes = self.size[self.position != LOST]
        return float(sizes.mean()) * 8 / 1000 * self.sample_rate / self.frame_samples if sizes.size else 0.0

    def music(self) -> list[tuple[int, int]]:
        """Return the samples of the decoder's output that are music, as ranges in order.

        Encoder delay and padding are left out as the tag of each part states them. Padding counts only where the tag's
        number of frames is right: else it speaks of another end.
        """
        ranges: list[tuple[int, int]] = []
        samples = self.frame_samples
        for part in self.parts:
            start, stop, tag = part.start * samples, part.stop * samples, part.tag
            if tag is not None and tag.encoder_delay is not None:
                start += tag.encoder_delay + DECODER_DELAY
                if tag.frames is not None and abs(tag.frames - (part.stop - part.start)) <= _MISCOUNT:
                    stop -= max(0, (tag.padding or 0) - DECODER_DELAY)
            if ranges and ranges[-1][1] == start:
                ranges[-1] = (ranges[-1][0], stop)
            elif start < stop:
                ranges.append((start, stop))
        return ranges


@dataclass(frozen=True, slots=True)
class _Break:
    """A place where a frame does not follow the one before at once."""

    index: int
    """Frame behind it, counted in the sound frames of the run."""
    damage: tuple[Block, ...]
    joined: bool
    """A tag shows that another file begins here."""
    tag: InfoTag | None

    @property
    def length(self) -> int:
        """Damaged bytes."""
        return sum(block.length for block in self.damage)


def find_runs(table: FileTable, read: Read) -> list[Run]:
    """Divide the frames of a file into runs, in order; `read` gives its bytes."""
    sound = np.flatnonzero(~table.is_tag)
    if not sound.size:
        return []
    kinds = table.headers.kind[sound]
    groups = np.split(sound, np.flatnonzero(np.diff(kinds)) + 1)
    starts = np.array([block.position for block in table.blocks], dtype=np.int64)
    before = -1
    runs = []
    for rows in groups:
        breaks = _find_breaks(table, rows, starts, read)
        opening = _info_tag(table, before, int(rows[0]), read)
        runs.append(_Assembly(table, rows, breaks).run(opening, read))
        before = int(rows[-1])
    return runs


def _info_tag(table: FileTable, before: int, row: int, read: Read) -> InfoTag | None:
    """Read the last tag frame between two rows of a table."""
    if row - before < 2:
        return None
    last, side = row - 1, int(table.headers[row - 1 : row].side_info_bytes[0])
    return read_info_tag(read(int(table.position[last]), int(table.end[last])), side)


def _find_breaks(table: FileTable, rows: NDArray[np.int64], starts: NDArray[np.int64], read: Read) -> list[_Break]:
    breaks = []
    for index in (np.flatnonzero(table.position[rows[1:]] != table.end[rows[:-1]]) + 1).tolist():
        before, row = int(rows[index - 1]), int(rows[index])
        low, high = np.searchsorted(starts, (table.end[before], table.position[row]))
        blocks = table.blocks[low:high]
        damage = tuple(block for block in blocks if not block.is_tag or block.name == PADDING)
        joined = row - before > 1 or any(block.name in _FILE_TAGS for block in blocks)
        breaks.append(_Break(index, damage, joined, _info_tag(table, before, row, read)))
    return breaks


class _Assembly:
    """Puts one run together: the sound frames, and frames of silence for what is lost between them."""

    def __init__(self, table: FileTable, rows: NDArray[np.int64], breaks: list[_Break]) -> None:
        self._position, self._size, self._bits = table.position[rows], table.size[rows], table.bits[rows]
        self._begin = table.main_data_begin[rows].astype(np.int64)
        self._silent = np.zeros(rows.size, dtype=np.bool_)
        self._breaks = breaks
        headers = FrameHeaders(self._bits)
        self._layer = int(headers[:1].layer[0])
        self._samples, self._rate = int(headers[:1].samples[0]), int(headers[:1].sample_rate[0])
        self._slot = 4 if self._layer == 1 else 1
        self._main = self._size - headers.payload_start - headers.side_info_bytes

    def run(self, opening: InfoTag | None, read: Read) -> Run:
        """Return the run; `opening` is the tag in front of it."""
        inserts = [self._lost(each) for each in self._breaks]
        for each, lost in zip(self._breaks, inserts, strict=True):
            if each.damage and not each.joined:
                self._silence(each, healed=lost == 1 and self._healed(each, read) is not None)
        at = [each.index for each, lost in zip(self._breaks, inserts, strict=True) for _ in range(lost)]
        fill = [self._filler(each, lost, read) for each, lost in zip(self._breaks, inserts, strict=True) if lost]
        flat = [frame for frames in fill for frame in frames]
        columns = np.array(flat, dtype=np.int64).reshape(-1, 3)
        moved = np.cumsum([0, *inserts])
        gaps = [
            Gap(each.damage[0].position, each.length, each.index + int(before), lost)
            for each, lost, before in zip(self._breaks, inserts, moved, strict=False)
            if each.damage and not each.joined
        ]
        borders = [
            (each.index + int(before), each.tag)
            for each, before in zip(self._breaks, moved, strict=False)
            if each.joined
        ]
        return Run(
            position=np.insert(self._position, at, columns[:, 0]),
            size=np.insert(self._size, at, columns[:, 1]),
            bits=np.insert(self._bits, at, columns[:, 2]),
            silent=np.insert(self._silent, at, True),
            gaps=tuple(gaps),
            parts=_parts(opening, borders, self._size.size + sum(inserts)),
        )

    def _near(self, index: int) -> NDArray[np.int64]:
        return self._size[max(0, index - _NEIGHBOURS) : index + _NEIGHBOURS]

    def _frame_bytes(self, index: int) -> float:
        """Mean size of the frames about a place; the exact one where the bitrate is constant."""
        near, kbps = self._near(index), int(FrameHeaders(self._bits[index : index + 1]).kbps[0])
        if kbps and np.ptp(near) <= self._slot:
            return kbps * 125 * self._samples / self._rate
        return float(near.mean())

    def _lost(self, each: _Break) -> int:
        """Return how many frames were at a place.

        At a constant bitrate only a whole number of frames can have been there: other bytes were put between frames.
        """
        if each.joined or not each.damage:
            return 0
        mean = self._frame_bytes(each.index)
        count = round(each.length / mean)
        if any(block.name == CUT_FRAME for block in each.damage):
            return max(1, count)
        constant = np.ptp(self._near(each.index)) <= self._slot
        fits = abs(each.length - count * mean) <= 1.5 * self._slot
        return count if fits or not constant else 0

    def _healed(self, each: _Break, read: Read) -> int | None:
        """Return the header of a single frame that lost no more than a byte of it; None if more is wrong."""
        like = int(self._bits[each.index - 1]) & ~_PADDING_BIT
        base = int(self._size[each.index - 1]) - int(FrameHeaders(self._bits[each.index - 1 : each.index]).padding[0])
        extra = each.length - base
        found = read(each.damage[0].position, each.damage[0].position + 4)
        wanted = like.to_bytes(4, "big")
        masks = (0xFF, 0xFF, 0xFD, 0xCF)
        wrong = sum((a & mask) != (b & mask) for a, b, mask in zip(found, wanted, masks, strict=False))
        if extra not in (0, self._slot) or wrong > 1:
            return None
        return like | (_PADDING_BIT if extra else 0)

    def _filler(self, each: _Break, lost: int, read: Read) -> list[tuple[int, int, int]]:
        """Return position, size and header of the frames that stand for lost ones."""
        if lost == 1 and (bits := self._healed(each, read)) is not None:
            # Its main data may be sound, and frames behind may reach back into them.
            return [(each.damage[0].position, each.length, bits)]
        before = each.index - 1
        return [(LOST, int(self._size[before]), int(self._bits[before]))] * lost

    def _silence(self, each: _Break, *, healed: bool) -> None:
        """Mark the frames about a gap that cannot be decoded."""
        if healed:
            return
        if each.damage[0].name != CUT_FRAME:
            # Its end may be what is damaged.
            self._silent[each.index - 1] = True
        if self._layer == _LAYER_3:
            main, begin = self._main[each.index :], self._begin[each.index :]
            reachable = np.cumsum(main) - main
            short = reachable < begin
            # Behind the first 511 bytes nothing reaches back over the gap.
            self._silent[each.index :] |= short & (reachable < 512)


def _parts(opening: InfoTag | None, borders: list[tuple[int, InfoTag | None]], frames: int) -> tuple[Part, ...]:
    """Divide a run where a tag shows that a file begins."""
    starts = [(0, opening), *borders, (frames, None)]
    parts: list[Part] = []
    for (start, tag), (stop, _) in zip(starts, starts[1:], strict=False):
        last = parts[-1] if parts else None
        # A tag in the middle of one file divides nothing: its count of frames goes on behind it.
        if last is not None and tag is None and last.tag is not None and not _ends(last):
            parts[-1] = Part(last.start, stop, last.tag)
        elif start < stop:
            parts.append(Part(start, stop, tag))
    return tuple(parts)


def _ends(part: Part) -> bool:
    """Whether a part is as long as its tag says, or longer."""
    return part.tag is not None and (part.tag.frames or 0) <= part.stop - part.start + _MISCOUNT
