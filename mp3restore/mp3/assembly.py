"""Assemble the runs of a file from its frame table: how many frames each gap lost, and which ones around it suffer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.foreign import CUT_FRAME, PADDING, Block, Read
from mp3restore.mp3.frame_header import FrameHeaders
from mp3restore.mp3.info_tag import InfoTag, read_info_tag
from mp3restore.mp3.runs import LOST, MISCOUNT, Gap, Part, Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mp3restore.mp3.framing import FileTable

_NEIGHBOURS: Final = 8
_LAYER_3: Final = 3
_PADDING_BIT: Final = 1 << 9
# A frame reaches back at most 511 bytes (11172-3, 2.4.2.7: main_data_begin).
_LARGEST_RESERVOIR: Final = 511
# Tags that begin or end a file; ICY metadata comes in the middle of one.
_FILE_TAGS: Final = ("ID3v1", "ID3v2", "APE", "Lyrics3", "RIFF")


@dataclass(frozen=True, slots=True)
class _Break:
    """A place where a frame does not follow the one before it immediately."""

    index: int
    """Index of the frame after it among the sound frames of the run."""
    damage: tuple[Block, ...]
    joined: bool
    """Whether a tag shows that another file begins here."""
    tag: InfoTag | None

    @property
    def length(self) -> int:
        """Number of damaged bytes."""
        return sum(block.length for block in self.damage)


def find_runs(table: FileTable, read: Read) -> list[Run]:
    """Divide the frames of a file into runs, in order; `read` returns its bytes."""
    sound = np.flatnonzero(~table.is_tag)
    if not sound.size:
        return []
    kinds = table.headers.kind[sound]
    groups = np.split(sound, np.flatnonzero(np.diff(kinds)) + 1)
    starts = np.array([block.position for block in table.blocks], dtype=np.int64)
    before = -1
    runs = []
    for rows in groups:
        breaks = [*_opening_break(table, int(rows[0]), starts), *_find_breaks(table, rows, starts, read)]
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


def _opening_break(table: FileTable, row: int, starts: NDArray[np.int64]) -> list[_Break]:
    """Return the damage between a tag frame and the first frame of its run, if there is any."""
    if row == 0 or not table.is_tag[row - 1]:
        return []
    low, high = np.searchsorted(starts, (table.end[row - 1], table.position[row]))
    damage = tuple(block for block in table.blocks[low:high] if not block.is_tag or block.name == PADDING)
    return [_Break(0, damage, joined=False, tag=None)] if damage else []


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
    """Assembles one run: the sound frames, and frames of silence for those lost between them."""

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
        """Return the run; `opening` is the tag before it."""
        inserts = self._counted([self._lost(each) for each in self._breaks], opening)
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
        """Return the mean size of the frames around a place; the exact one if the bitrate is constant."""
        near, kbps = self._near(index), int(FrameHeaders(self._bits[index : index + 1]).kbps[0])
        if kbps and np.ptp(near) <= self._slot:
            return kbps * 125 * self._samples / self._rate
        return float(near.mean())

    def _lost(self, each: _Break) -> int:
        """Return the number of frames lost at a place.

        At a constant bitrate, lost frames fill a whole number of frame sizes; other bytes were inserted between frames.
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

    def _counted(self, inserts: list[int], opening: InfoTag | None) -> list[int]:
        """Correct the numbers of lost frames by the total that the tag states, if one tag covers the whole run.

        If bytes were deleted, the remaining length does not show that a frame is missing; if bytes were inserted
        between frames, they may look like lost frames.
        """
        stated = opening.frames if opening is not None else None
        if stated is None or stated < self._size.size or any(each.joined for each in self._breaks):
            return inserts
        left = stated - self._size.size
        if sum(inserts) < left:
            inserts = [max(lost, int(bool(each.damage))) for each, lost in zip(self._breaks, inserts, strict=True)]
        settled = []
        for lost in inserts:
            settled.append(min(lost, left))
            left -= settled[-1]
        return settled

    def _healed(self, each: _Break, read: Read) -> int | None:
        """Return the header of a single frame if at most one of its bytes is wrong, else None."""
        before = max(0, each.index - 1)
        like = int(self._bits[before]) & ~_PADDING_BIT
        base = int(self._size[before]) - int(FrameHeaders(self._bits[before : before + 1]).padding[0])
        extra = each.length - base
        found = read(each.damage[0].position, each.damage[0].position + 4)
        wanted = like.to_bytes(4, "big")
        masks = (0xFF, 0xFF, 0xFD, 0xCF)
        wrong = sum((a & mask) != (b & mask) for a, b, mask in zip(found, wanted, masks, strict=False))
        if extra not in (0, self._slot) or wrong > 1:
            return None
        return like | (_PADDING_BIT if extra else 0)

    def _filler(self, each: _Break, lost: int, read: Read) -> list[tuple[int, int, int]]:
        """Return position, size and header of the frames that replace lost ones."""
        if lost == 1 and (bits := self._healed(each, read)) is not None:
            # Its main data may be sound, and later frames may reach back into it.
            return [(each.damage[0].position, each.length, bits)]
        before = max(0, each.index - 1)
        return [(LOST, int(self._size[before]), int(self._bits[before]))] * lost

    def _silence(self, each: _Break, *, healed: bool) -> None:
        """Mark the frames around a gap that cannot be decoded."""
        if healed:
            return
        if each.damage[0].name != CUT_FRAME and each.index:
            # The end of the frame before the gap may be damaged.
            self._silent[each.index - 1] = True
        if self._layer == _LAYER_3:
            main, begin = self._main[each.index :], self._begin[each.index :]
            reachable = np.cumsum(main) - main
            short = reachable < begin
            self._silent[each.index :] |= short & (reachable < _LARGEST_RESERVOIR)


def _parts(opening: InfoTag | None, borders: list[tuple[int, InfoTag | None]], frames: int) -> tuple[Part, ...]:
    """Divide a run where a tag shows that another file begins."""
    starts = [(0, opening), *borders, (frames, None)]
    parts: list[Part] = []
    for (start, tag), (stop, _) in pairwise(starts):
        last = parts[-1] if parts else None
        # A tag in the middle of a file does not divide it: the count of frames continues after it.
        if last is not None and tag is None and last.tag is not None and not _ends(last):
            parts[-1] = Part(last.start, stop, last.tag)
        else:
            parts.append(Part(start, stop, tag))
    return tuple(parts)


def _ends(part: Part) -> bool:
    """Return whether a part is at least as long as its tag states."""
    return part.tag is not None and (part.tag.frames or 0) <= part.stop - part.start + MISCOUNT
