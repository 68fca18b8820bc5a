"""The CRC-16 that LAME puts into its tag: polynomial 0x8005, bits reflected, start value 0 (LAME tag revision 1)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REFLECTED: Final = 0xA001
_ROWS: Final = 1 << 10


@cache
def _table() -> NDArray[np.uint16]:
    table = np.arange(256, dtype=np.uint16)
    for _ in range(8):
        table = ((table >> 1) ^ (_REFLECTED * (table & 1))).astype(np.uint16)
    return table


def _step(value: NDArray[np.uint16], byte: NDArray[np.uint8] | int) -> NDArray[np.uint16]:
    """Add one more byte to each of many CRCs."""
    return np.asarray((value >> 8) ^ _table()[(value ^ byte) & 0xFF], dtype=np.uint16)


def lame_crc(data: bytes, start: int = 0) -> int:
    """Return the CRC of some bytes, continued from `start`, the CRC of the bytes before them.

    A CRC is linear. So the CRCs of rows of equal length are computed in parallel and then joined: the contribution of a
    row is shifted by the length of the rows after it.
    """
    rows = _ROWS if len(data) >= _ROWS else 1
    columns = len(data) // rows
    matrix = np.frombuffer(data, dtype=np.uint8, count=rows * columns).reshape(rows, columns)
    crcs = np.zeros(rows, dtype=np.uint16)
    moved = np.uint16(1) << np.arange(16, dtype=np.uint16)
    for column in range(columns):
        crcs = _step(crcs, matrix[:, column])
        moved = _step(moved, 0)
    value = start
    for crc in crcs.tolist():
        shifted = int(np.bitwise_xor.reduce(moved[[bit for bit in range(16) if value >> bit & 1]], initial=0))
        value = shifted ^ crc
    for byte in data[rows * columns :]:
        value = int(_step(np.array([value], dtype=np.uint16), byte)[0])
    return value
