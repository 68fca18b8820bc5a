"""Scale factors of all granules, read through the bit reservoir, and the quantiser steps that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.frame_header import CRC_BYTES, HEADER_BYTES
from mp3restore.mp3.headers import FrameTable
from mp3restore.mp3.tables import (
    LONG_LAYOUT,
    LSF_COUNTS,
    MIXED_LAYOUT,
    PRETAB,
    SHORT_LAYOUT,
    SLEN1,
    SLEN2,
    SLOTS,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mp3restore.mp3.sideinfo import SideInfo

# The slots at which slen1 and slen2 end, by layout (11172-3, 2.4.2.7); the last band has no scale factor.
_MPEG1_SPLIT: Final = np.array([[11, 21], [18, 36], [17, 35]], dtype=np.int64)
# First slot of each scfsi group, and the end of the last group (11172-3, 2.4.2.7).
_SCFSI_EDGES: Final = np.array([0, 6, 11, 16, 21], dtype=np.int64)
_UNIT_GAIN: Final = 210


@dataclass(frozen=True, slots=True)
class MainData:
    """The main data of all frames joined, without headers and side information, and where that of each frame begins."""

    data: NDArray[np.uint8]
    begin: NDArray[np.int64]
    """Byte at which a frame's main data begins, reservoir included; shape (frames,)."""
    available: NDArray[np.bool_]
    """Whether the reservoir holds all data that the frame refers to; shape (frames,)."""


def gather_main_data(data: NDArray[np.uint8], frames: FrameTable, side: SideInfo) -> MainData:
    """Join the main data of the frames (11172-3, 2.4.2.7: main_data_begin)."""
    head = frames.size - _main_bytes(frames)
    ends = np.cumsum(_main_bytes(frames))
    own = ends - _main_bytes(frames)
    inside = np.zeros(data.size + 1, dtype=np.int8)
    np.add.at(inside, frames.position + head, 1)
    np.add.at(inside, frames.position + frames.size, -1)
    joined = data[np.cumsum(inside[:-1], dtype=np.int8).astype(np.bool_)]
    begin = own - side.main_data_begin
    length = (side.part2_3_length.sum(axis=(1, 2)) + 7) // 8
    return MainData(joined, begin, (begin >= 0) & (begin + length <= ends) & ~frames.silent)


def _main_bytes(frames: FrameTable) -> NDArray[np.int64]:
    return frames.size - HEADER_BYTES - CRC_BYTES * frames.protected - frames.side_info_bytes


def _mpeg1_widths(side: SideInfo) -> NDArray[np.int64]:
    """Return the bits per slot, taking scfsi into account; shape (frames, 2, channels, 39)."""
    split = _MPEG1_SPLIT[side.layout]
    slot = np.arange(SLOTS)
    slen1, slen2 = SLEN1[side.scalefac_compress], SLEN2[side.scalefac_compress]
    widths = np.where(slot < split[..., :1], slen1[..., None], slen2[..., None])
    widths[slot >= split[..., 1:]] = 0
    widths[:, 1][_shared(side)] = 0
    return widths


def _shared(side: SideInfo) -> NDArray[np.bool_]:
    """Return which slots of granule 1 reuse the scale factor of granule 0; shape (frames, channels, 39)."""
    shared = np.zeros((*side.scfsi.shape[:2], SLOTS), dtype=np.bool_)
    shared[..., : _SCFSI_EDGES[-1]] = np.repeat(side.scfsi, np.diff(_SCFSI_EDGES), axis=-1)
    # Short blocks have no scfsi groups: the flags mean nothing there.
    return np.asarray(shared & (side.layout[:, 1] == LONG_LAYOUT)[..., None])


def _lsf_lengths(compress: NDArray[np.int64], right_intensity: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return four scale-factor lengths and the row of ``LSF_COUNTS`` (13818-3, 2.4.3.2); shape (..., 5)."""
    c, i = compress, compress >> 1
    zero = np.zeros_like(c)
    d, e = c - 400, c - 500
    normal = [
        np.stack([(c >> 4) // 5, (c >> 4) % 5, (c & 15) >> 2, c & 3, zero], axis=-1),
        np.stack([(d >> 2) // 5, (d >> 2) % 5, d & 3, zero, zero + 1], axis=-1),
        np.stack([e // 3, e % 3, zero, zero, zero + 2], axis=-1),
    ]
    f, g = i - 180, i - 244
    intensity = [
        np.stack([i // 36, (i % 36) // 6, i % 6, zero, zero + 3], axis=-1),
        np.stack([(f & 63) >> 4, (f & 15) >> 2, f & 3, zero, zero + 4], axis=-1),
        np.stack([g // 3, g % 3, zero, zero, zero + 5], axis=-1),
    ]
    which = np.where(
        right_intensity, (i >= 180).astype(np.int64) + (i >= 244), (c >= 400).astype(np.int64) + (c >= 500)
    )
    rows = np.where(right_intensity, which + 3, which)
    result: NDArray[np.int64] = np.choose(rows[..., None], normal + intensity)
    return result


@cache
def _lsf_groups() -> NDArray[np.int64]:
    """Return which of the four lengths each slot has, or 4 if it has no scale factor; shape (6, 3, 39)."""
    table = np.full((len(LSF_COUNTS), 3, SLOTS), 4, dtype=np.int64)
    for row, layouts in enumerate(LSF_COUNTS):
        for layout, counts in enumerate(layouts):
            groups = np.repeat(np.arange(4), counts)
            table[row, layout, : groups.size] = groups
    return table


def _lsf_widths(side: SideInfo, intensity: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the bits per slot, shape (frames, 1, channels, 39)."""
    right = np.zeros(side.layout.shape, dtype=np.bool_)
    right[:, :, 1:] = intensity[:, None, None]
    lengths = _lsf_lengths(side.scalefac_compress, right)
    groups = _lsf_groups()[lengths[..., 4], side.layout]
    lengths[..., 4] = 0
    return np.take_along_axis(lengths, groups, axis=-1)


def _preflag(side: SideInfo, lsf: bool, intensity: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pre-emphasis flag, which LSF hides in scalefac_compress (13818-3, 2.4.3.2)."""
    if not lsf:
        return side.preflag
    flag = side.scalefac_compress >= 500
    flag[:, :, 1:] &= ~intensity[:, None, None]
    return flag


def _pre_emphasis(layout: NDArray[np.int64], sample_rate_bands: int) -> NDArray[np.int64]:
    """Return ``PRETAB`` by slot of each layout; it applies only to long bands."""
    table = np.zeros((3, SLOTS), dtype=np.int64)
    table[LONG_LAYOUT, : PRETAB.size] = PRETAB
    table[MIXED_LAYOUT, :sample_rate_bands] = PRETAB[:sample_rate_bands]
    return table[layout]


def quantiser_exponents(
    frames: FrameTable, side: SideInfo, main: MainData, intensity: NDArray[np.bool_]
) -> tuple[NDArray[np.int16], NDArray[np.bool_], NDArray[np.uint8]]:
    """Read all scale factors and return the quantiser steps as powers of the fourth root of two.

    Returns
    -------
    exponents : ndarray of int16
        Shape (frames, granules, channels, 39): ``step = 2 ** (exponent / 4)`` at full scale 1.0, according to the
        requantisation formula of 11172-3, 2.4.3.4.7.
    readable : ndarray of bool
        Shape (frames,): whether the scale factors lie inside the main data; if not, the exponents mean nothing.
    positions : ndarray of uint8
        Shape (frames, granules, 39): the scale factors of the last channel as they were sent. In intensity stereo they
        are positions.
    """
    widths = _lsf_widths(side, intensity) if frames.lsf else _mpeg1_widths(side)
    part2 = widths.sum(axis=-1)
    readable = main.available & side.valid & np.all(part2 <= side.part2_3_length, axis=(1, 2))
    lengths = side.part2_3_length.reshape(len(readable), -1)
    before = (np.cumsum(lengths, axis=1) - lengths).reshape(side.part2_3_length.shape)
    start = 8 * main.begin[:, None, None] + before
    places = start[..., None] + np.cumsum(widths, axis=-1) - widths
    widths[~readable] = 0
    places[~readable] = 0
    factors = short_fields(main.data, places, widths)
    if not frames.lsf:
        factors[:, 1] = np.where(_shared(side), factors[:, 0], factors[:, 1])
    positions = factors[:, :, -1].astype(np.uint8)
    flag = _preflag(side, frames.lsf, intensity)
    factors += flag[..., None] * _pre_emphasis(side.layout, 6 if frames.lsf else 8)
    exponents = (
        side.global_gain[..., None]
        - _UNIT_GAIN
        - 8 * _window_gains(side)
        - 2 * (1 + side.scalefac_scale[..., None]) * factors
    )
    return exponents.astype(np.int16), readable, positions


def _window_gains(side: SideInfo) -> NDArray[np.int64]:
    """Return subblock_gain by slot: 0 for long bands, the gain of the slot's window for short ones."""
    windows = np.full((3, 2, SLOTS), 3, dtype=np.int64)
    slot = np.arange(SLOTS)
    windows[SHORT_LAYOUT] = slot % 3
    # A mixed block begins with 8 long bands, or 6 in LSF.
    windows[MIXED_LAYOUT] = np.where(slot >= [[8], [6]], (slot - [[8], [6]]) % 3, 3)
    lsf = int(side.layout.shape[1] == 1)
    gains = np.concatenate([side.subblock_gain, np.zeros((*side.layout.shape, 1), dtype=np.int64)], axis=-1)
    return np.take_along_axis(gains, windows[side.layout, lsf], axis=-1)


def short_fields(data: NDArray[np.uint8], positions: NDArray[np.int64], widths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return unsigned fields of 0 to 8 bits at arbitrary bit positions of ``data``.

    The caller must keep ``positions + widths`` within ``8 * len(data)``; a byte past the end reads as zero.
    """
    padded = np.concatenate([data, np.zeros(2, dtype=np.uint8)])
    index = positions >> 3
    word = (padded[index].astype(np.int64) << 8) | padded[index + 1]
    return np.asarray((word >> (16 - (positions & 7) - widths)) & ((1 << widths) - 1))
