"""Side information of all frames of a stream (11172-3, 2.4.1.7; 13818-3, 2.4.1.7)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.frame_header import CRC_BYTES, HEADER_BYTES
from mp3restore.mp3.headers import FrameTable
from mp3restore.mp3.tables import LINES, LONG_LAYOUT, MIXED_LAYOUT, SHORT_BLOCK, SHORT_LAYOUT

if TYPE_CHECKING:
    from numpy.typing import NDArray

# An encoder that writes wrong CRCs, or a program that changed the headers, does so in every frame.
_WRONG_CRCS: Final = 0.25

_CRC_POLYNOMIAL = 0x8005


@dataclass(frozen=True, slots=True)
class SideInfo:
    """Decoded side information; arrays have shape (frames,) or (frames, granules per frame, channels)."""

    main_data_begin: NDArray[np.int64]
    scfsi: NDArray[np.bool_]
    """Whether granule 1 reuses the scale factors of granule 0, by group of bands; shape (frames, channels, 4)."""
    part2_3_length: NDArray[np.int64]
    big_values: NDArray[np.int64]
    global_gain: NDArray[np.int64]
    scalefac_compress: NDArray[np.int64]
    block_type: NDArray[np.int64]
    mixed: NDArray[np.bool_]
    subblock_gain: NDArray[np.int64]
    """Shape (frames, granules, channels, 3)."""
    preflag: NDArray[np.bool_]
    scalefac_scale: NDArray[np.int64]
    count1_table: NDArray[np.int64]
    valid: NDArray[np.bool_]
    """Whether a frame obeys the standard and matches its CRC, if it has one; shape (frames,)."""

    @property
    def layout(self) -> NDArray[np.int64]:
        """Band layout (long, short or mixed) of every granule and channel."""
        short = np.where(self.mixed, MIXED_LAYOUT, SHORT_LAYOUT)
        return np.where(self.block_type == SHORT_BLOCK, short, LONG_LAYOUT)


def _side_bytes(data: NDArray[np.uint8], frames: FrameTable) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Gather the side information as (frames, bytes) and check the CRC of protected frames."""
    start = frames.position + HEADER_BYTES + CRC_BYTES * frames.protected
    side = data[start[:, None] + np.arange(frames.side_info_bytes)]
    intact = np.ones(start.size, dtype=np.bool_)
    rows = np.flatnonzero(frames.protected)
    if rows.size:
        at = frames.position[rows]
        covered = np.concatenate([data[at[:, None] + np.array([2, 3])], side[rows]], axis=1)
        sent = (data[at + 4].astype(np.uint16) << 8) | data[at + 5]
        fits = crc16(covered) == sent
        intact[rows] = fits | (np.mean(~fits) > _WRONG_CRCS)
    return side, intact


def read_side_info(data: NDArray[np.uint8], frames: FrameTable) -> SideInfo:
    """Decode the side information of all frames; frames that break the standard are decoded, but not ``valid``."""
    side, intact = _side_bytes(data, frames)
    bits = np.unpackbits(side, axis=1)
    count, channels = frames.position.size, frames.channels
    granules = 1 if frames.lsf else 2
    if frames.lsf:
        begin_bits, private_bits, compress_bits, record_bits = 8, (1 if channels == 1 else 2), 9, 63
    else:
        begin_bits, private_bits, compress_bits, record_bits = 9, (5 if channels == 1 else 3), 4, 59
    cursor = begin_bits + private_bits
    scfsi = np.zeros((count, channels, 4), dtype=np.bool_)
    if not frames.lsf:
        scfsi = bits[:, cursor : cursor + 4 * channels].reshape(count, channels, 4) == 1
        cursor += 4 * channels
    # Every granule and channel has a record of fixed size, so all records are rows of one bit matrix.
    records = bits[:, cursor : cursor + record_bits * granules * channels].reshape(-1, record_bits)
    shape = (count, granules, channels)

    def field(position: int, width: int) -> NDArray[np.int64]:
        return fixed_field(records, position, width).reshape(shape)

    switched_at = 29 + compress_bits
    tail = switched_at + 23
    switched = field(switched_at, 1) == 1
    block_type = np.where(switched, field(switched_at + 1, 2), 0)
    gains = np.stack([field(switched_at + 14 + 3 * k, 3) for k in range(3)], axis=-1)
    big_values = field(12, 9)
    # Block type 0 is forbidden where the window switches; a granule has 576 lines, hence 288 pairs (2.4.2.7).
    broken = (switched & (block_type == 0)) | (2 * big_values > LINES)
    return SideInfo(
        main_data_begin=fixed_field(bits, 0, begin_bits),
        scfsi=scfsi,
        part2_3_length=field(0, 12),
        big_values=big_values,
        global_gain=field(21, 8),
        scalefac_compress=field(29, compress_bits),
        block_type=block_type,
        mixed=switched & (field(switched_at + 3, 1) == 1),
        subblock_gain=np.where((block_type == SHORT_BLOCK)[..., None], gains, 0),
        preflag=np.zeros(shape, dtype=np.bool_) if frames.lsf else field(tail, 1) == 1,
        scalefac_scale=field(tail + (0 if frames.lsf else 1), 1),
        count1_table=field(tail + (1 if frames.lsf else 2), 1),
        valid=intact & ~broken.any(axis=(1, 2)),
    )


def fixed_field(bits: NDArray[np.uint8], position: int, width: int) -> NDArray[np.int64]:
    """Return the unsigned field of ``width`` bits at ``position`` of every row of a bit matrix ``(rows, bits)``."""
    powers = 1 << np.arange(width - 1, -1, -1, dtype=np.int64)
    return bits[:, position : position + width].astype(np.int64) @ powers


@cache
def _crc_table() -> NDArray[np.uint16]:
    table = np.zeros(256, dtype=np.uint16)
    for byte in range(256):
        value = byte << 8
        for _ in range(8):
            value = ((value << 1) ^ (_CRC_POLYNOMIAL if value & 0x8000 else 0)) & 0xFFFF
        table[byte] = value
    return table


def crc16(rows: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Return the CRC-16 of every row of bytes (11172-3, 2.4.3.1: start value 0xffff, no reflection)."""
    table = _crc_table()
    value = np.full(rows.shape[0], 0xFFFF, dtype=np.uint16)
    for column in range(rows.shape[1]):
        value = (value << 8) ^ table[(value >> 8) ^ rows[:, column]]
    return value
