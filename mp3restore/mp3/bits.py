"""Reading bit fields of many frames at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fixed_field(bits: NDArray[np.uint8], position: int, width: int) -> NDArray[np.int64]:
    """Return the unsigned field of ``width`` bits at ``position`` of every row of a bit matrix ``(rows, bits)``."""
    powers = 1 << np.arange(width - 1, -1, -1, dtype=np.int64)
    return bits[:, position : position + width].astype(np.int64) @ powers


def short_fields(data: NDArray[np.uint8], positions: NDArray[np.int64], widths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return unsigned fields of 0 to 8 bits at any bit positions of ``data``.

    The caller keeps ``positions + widths`` inside ``8 * len(data)``; a byte past the end reads as zero.
    """
    padded = np.concatenate([data, np.zeros(2, dtype=np.uint8)])
    index = positions >> 3
    word = (padded[index].astype(np.int64) << 8) | padded[index + 1]
    return np.asarray((word >> (16 - (positions & 7) - widths)) & ((1 << widths) - 1))


_CRC_POLYNOMIAL = 0x8005


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
