"""Tell a restoration that was held to its MP3 by the samples alone, when no tag says what it is.

A hold moves every line into its cell, and lines that would leave it to the limit of the cell. So on the grid of the MP3,
and on no other, many lines of a band have the same magnitude. Of a restoration from 96 kbit/s on this is plain; at 32
kbit/s few lines are held, and it does not show.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.filterbank import long_lines_at_every_slot
from mp3restore.mp3.offsets import count_by_offset

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CLEAR", "ties_deviations"]

CLEAR: Final = 7.0
"""So far one offset stands above the others only if the lines were held."""

# Where magnitudes are compared: below, neighbours are near each other by chance.
_FIRST_BAND: Final = 2
_LEAST: Final = 1e-4
# Rounding to 16 bits leaves 5e-7 (deviation) in every line.
_SAME: Final = 2e-6


def ties_deviations(samples: NDArray[np.float32]) -> float:
    """Say how far one offset stands above the other 575 by the share of lines that are as large as another one.

    Parameters
    ----------
    samples : ndarray of float32
        Shape (channels, n), one or two channels, full scale 1.0.

    Returns
    -------
    float
        In standard deviations of the shares at the other offsets; 0 where nothing is loud enough. Music that was never
        an MP3 stays below 5.
    """
    counts = count_by_offset(samples, _ties)
    if not counts.any():
        return 0.0
    same, all_pairs = counts.T
    share = same / np.maximum(all_pairs, 1)
    best = int(np.argmax(share))
    others = np.delete(share, best)
    # Of few pairs the spread is not known: as that of counts, at least.
    least = math.sqrt(float(np.median(same)) + 1) / max(1.0, float(np.median(all_pairs)))
    return float((share[best] - np.median(others)) / max(float(others.std()), least))


def _ties(subbands: NDArray[np.float32], slots: int) -> NDArray[np.float64]:
    """Count pairs of neighbours by magnitude that are the same, and all of them: shape (slots, 2)."""
    magnitude = np.sort(np.abs(long_lines_at_every_slot(subbands, slots))[:, :, _FIRST_BAND:], axis=-1)
    audible = magnitude[..., :-1] > _LEAST
    same = audible & (np.diff(magnitude, axis=-1) < _SAME)
    return np.stack([np.count_nonzero(each, axis=(1, 2, 3)) for each in (same, audible)], axis=-1).astype(np.float64)
