"""Read a stream in blocks of frames, so that memory does not grow with its length.

The quantiser steps of three hours of music would fill 130 MB, and ten times that while they are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.frame_header import MODE_JOINT
from mp3restore.mp3.headers import FrameTable
from mp3restore.mp3.scalefactors import gather_main_data, quantiser_exponents
from mp3restore.mp3.sideinfo import SideInfo, read_side_info
from mp3restore.mp3.tables import LINES, SHORT_BLOCK, SLOTS, line_of_position, mixed_is_defined

if TYPE_CHECKING:
    from numpy.typing import NDArray

ByteSource = Callable[[int, int], "NDArray[np.uint8]"]
"""Returns the bytes of a file from one position up to another."""

_BLOCK_FRAMES: Final = 1024
# The bit reservoir reaches back 511 bytes (11172-3, 2.4.2.7); the smallest frames hold 11 bytes of main data.
_LOOK_BACK: Final = 64


@dataclass(frozen=True, slots=True)
class FrameBlock:
    """The contents of a block of frames; shapes begin with (frames,) or (frames, granules of a frame, channels)."""

    block_type: NDArray[np.uint8]
    mixed: NDArray[np.bool_]
    global_gain: NDArray[np.uint8]
    edge_bound: NDArray[np.int16]
    exponents: NDArray[np.int16]
    positions: NDArray[np.uint8]
    """Scale factors of the last channel, which are positions in intensity stereo; (frames, granules, 39)."""
    coarse: NDArray[np.bool_]
    """Whether positions of LSF are in steps of 3 dB instead of 1.5 dB; (frames, granules)."""
    known: NDArray[np.bool_]
    ms: NDArray[np.bool_]
    intensity: NDArray[np.bool_]


class BlockReader:
    """Reads the frames of a run in blocks; the last ones read are kept."""

    def __init__(self, source: ByteSource, frames: FrameTable) -> None:
        self._source = source
        self._all = frames
        self.frames = frames.position.size
        self.block = lru_cache(maxsize=2)(self._read)

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return -(-self.frames // _BLOCK_FRAMES)

    def exponents(self, start: int, stop: int) -> NDArray[np.int16]:
        """Return the quantiser steps of granules ``start`` to ``stop`` in quarters of an octave, (n, channels, 39)."""
        channels = self._all.channels
        parts = [np.zeros((0, channels, SLOTS), dtype=np.int16)]
        parts += [block.exponents.reshape(-1, channels, SLOTS)[rows] for block, rows in self._within(start, stop)]
        return np.concatenate(parts)

    def positions(self, start: int, stop: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return `FrameBlock.positions` and `FrameBlock.coarse` of granules ``start`` to ``stop``: (n, 39) and (n,)."""
        found, coarse = [np.zeros((0, SLOTS), dtype=np.uint8)], [np.zeros(0, dtype=np.bool_)]
        for block, rows in self._within(start, stop):
            found.append(block.positions.reshape(-1, SLOTS)[rows])
            coarse.append(block.coarse.reshape(-1)[rows])
        return np.concatenate(found), np.concatenate(coarse)

    def _within(self, start: int, stop: int) -> Iterator[tuple[FrameBlock, slice]]:
        """Yield the blocks of granules ``start`` to ``stop``, and which of their granules are meant."""
        size = _BLOCK_FRAMES * (1 if self._all.lsf else 2)
        for index in range(start // size, -(-stop // size)):
            yield self.block(index), slice(max(0, start - index * size), stop - index * size)

    def _read(self, index: int) -> FrameBlock:
        start = index * _BLOCK_FRAMES
        stop = min(start + _BLOCK_FRAMES, self.frames)
        low = max(0, start - _LOOK_BACK)
        begin = int(self._all.position[low])
        data = self._source(begin, int(self._all.position[stop - 1] + self._all.size[stop - 1]))
        frames = self._all.part(low, stop, begin)
        side = read_side_info(data, frames)
        joint = (frames.mode == MODE_JOINT) & (frames.channels == 2)
        intensity = joint & ((frames.mode_extension & 1) == 1)
        ms = joint & ((frames.mode_extension & 2) == 2)
        main = gather_main_data(data, frames, side)
        exponents, known, positions = quantiser_exponents(frames, side, main, intensity)
        if not mixed_is_defined(frames.sample_rate):
            known &= ~np.any((side.block_type == SHORT_BLOCK) & side.mixed, axis=(1, 2))
        own = slice(start - low, stop - low)
        return FrameBlock(
            block_type=side.block_type[own].astype(np.uint8),
            mixed=side.mixed[own].astype(np.bool_),
            global_gain=side.global_gain[own].astype(np.uint8),
            edge_bound=_edge_bound(side, frames.sample_rate)[own],
            exponents=exponents[own],
            positions=positions[own],
            coarse=side.scalefac_compress[own, :, -1] % 2 == 1,
            known=known[own],
            ms=ms[own],
            intensity=intensity[own],
        )


def _edge_bound(side: SideInfo, sample_rate: int) -> NDArray[np.int16]:
    """Return an upper bound of the coded region, found without Huffman decoding; shape of ``part2_3_length``.

    The shortest code of a quadruple of the count1 region has 1 bit in table A and 4 in table B (11172-3, B.7).
    """
    shortest = np.where(side.count1_table == 1, 4, 1)
    position = np.minimum(2 * side.big_values + 4 * (side.part2_3_length // shortest), LINES)
    position = np.where(side.part2_3_length == 0, 0, position)
    reached = np.maximum.accumulate(line_of_position(sample_rate) + 1, axis=1)
    bound = np.concatenate([np.zeros((3, 1), dtype=np.int64), reached], axis=1)
    return bound[side.layout, position].astype(np.int16)
