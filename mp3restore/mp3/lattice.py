"""The lattice of values that an MP3 can carry, and the cells of originals that an encoder rounds to them.

The quantiser follows a power law: a line with quantiser step ``s`` takes the values ``+-q ** (4/3) * s`` for whole
``q`` (11172-3, 2.4.3.4.7). The cell of ``q`` contains the values that are nearest to this one. LAME rounds this way:
its rounding offset, 0.4054 at ``q = 0``, is ``1 - 0.5 ** 0.75``, which puts the limit half way between 0 and 1. An
encoder that follows the example of the standard, with the same offset for all ``q``, has limits up to 6 % of a cell
higher.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mp3restore._typing import FloatArray

# Huffman codes carry 15 and an escape of 13 bits (11172-3, 2.4.2.7, linbits).
LARGEST: Final = 15 + 8191
_POWERS: Final = np.arange(LARGEST + 2, dtype=np.float64) ** (4 / 3)
# Limits between the cells of q - 1 and q, in steps.
_LIMITS: Final[FloatArray] = np.concatenate([[0.0], (_POWERS[:-1] + _POWERS[1:]) / 2]).astype(np.float32)
_UPPER: Final[FloatArray] = _LIMITS[1:]
_LOWER: Final[FloatArray] = np.concatenate([-_LIMITS[1:2], _LIMITS[1:-1]])
_VALUES: Final[FloatArray] = _POWERS.astype(np.float32)


def rotate_ms(lines: FloatArray, ms: NDArray[np.bool_]) -> None:
    """Turn left and right into mid and side, or back, in place, in the granules of ``ms`` (11172-3, 2.4.3.4.9.2).

    ``lines`` has shape (n, 2, 576); mid and side are sum and difference divided by the square root of 2.
    """
    rows = np.flatnonzero(ms)
    if not rows.size:
        return
    left, right = lines[rows, 0], lines[rows, 1]
    half = np.float32(np.sqrt(0.5))
    lines[rows, 0] = (left + right) * half
    lines[rows, 1] = (left - right) * half


def peak_around(lines: FloatArray) -> NDArray[np.float64]:
    """Return the largest magnitude in a granule and its two neighbours, shape (n,); ``lines`` is (n, channels, 576)."""
    peak = np.abs(lines).max(axis=(1, 2)).astype(np.float64)
    return np.asarray(np.maximum.reduce([peak, np.append(peak[1:], 0), np.insert(peak[:-1], 0, 0)]))


def nearest(scaled: FloatArray) -> NDArray[np.intp]:
    """Return for each magnitude in steps the ``q``, 0 to 8206, of the nearest lattice point."""
    bounded = np.minimum(scaled, _VALUES[LARGEST])
    root = np.sqrt(bounded)
    # x ** (3/4) by two square roots. When it is rounded, it is never below the nearest point: the powers are convex.
    guess: NDArray[np.intp] = (root * np.sqrt(root) + np.float32(0.5)).astype(np.intp)
    guess -= bounded < _LIMITS[guess]
    return guess


def quantise(lines: FloatArray, steps: FloatArray) -> NDArray[np.intp]:
    """Return the magnitude ``q`` of the lattice point nearest to each line, 0 to 8206."""
    scaled: FloatArray = np.divide(np.abs(lines), steps)
    return nearest(scaled)


def coded_lines(scaled: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find the lines whose ``q`` is not zero; at low bitrates these are few.

    Returns
    -------
    places : ndarray of int
        Their places in the flattened array of magnitudes in steps, in order.
    magnitudes : ndarray of int
        Their ``q``.
    """
    places = np.flatnonzero(scaled >= _LIMITS[1])
    return places, nearest(scaled.ravel()[places])


@cache
def _limits(margin: float) -> tuple[FloatArray, FloatArray]:
    width = margin * (_UPPER - _LOWER)
    return _LOWER + width, _UPPER - width


def cell_limits(magnitudes: NDArray[np.integer[Any]], *, margin: float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Return the lower and the upper limits of the cells of ``q``, in steps. The cell of 0 is symmetric: -0.5 to 0.5.

    ``margin`` is the share of a cell by which both limits are moved inwards.
    """
    lower, upper = _limits(margin)
    return np.take(lower, magnitudes), np.take(upper, magnitudes)


def lattice_values(magnitudes: NDArray[np.intp]) -> FloatArray:
    """Return ``q ** (4/3)``, the lattice points in steps."""
    return _VALUES[magnitudes]


def lattice_distance(lines: FloatArray, steps: FloatArray, magnitudes: NDArray[np.intp]) -> FloatArray:
    """Return how far lines lie from their lattice points, as a share of the width of the local cell."""
    lower, upper = cell_limits(magnitudes)
    distance: FloatArray = np.abs(np.abs(lines) / steps - _VALUES[magnitudes]) / (upper - lower)
    return distance
