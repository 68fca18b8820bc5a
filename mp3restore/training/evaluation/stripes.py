"""Whether restorations have stripes: lines that stand still, at the same frequencies in every song.

A generator can make a band less flat by a constant gain for each bin. In one spectrogram such stripes pass for tones,
and every measure of one clip takes them for such; side by side, clips of different songs have them in common. The lines
of originals differ from song to song: what they have in common is near zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from mp3restore.dsp.stft import analyse

__all__ = ["fine_structure", "in_common"]

_SIZE = 4096
_AROUND_BINS = 41
_FLOOR = 1e-9  # power: far below what can be heard
_LEAST_BINS = 128  # that two clips must share
_LEAST_DB = 0.05  # standard deviation below which there is no fine structure


def fine_structure(signal: NDArray[np.float32], sample_rate: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Return how far the mean spectrum of a signal (channels, samples) is above its surroundings, in dB: (bins,).

    Bins outside `low_hz` to `high_hz` are not numbers.
    """
    power = (np.abs(analyse(signal, _SIZE)) ** 2).mean(axis=(0, 1), dtype=np.float64)
    level = 10 * np.log10(power + _FLOOR)
    hz = np.arange(len(level)) * sample_rate / _SIZE
    inside = (hz >= low_hz) & (hz < high_hz)
    return np.where(inside, level - uniform_filter1d(level, _AROUND_BINS), np.nan)


def in_common(found: Sequence[NDArray[np.float64]]) -> float | None:
    """Return the median correlation of the fine structures of any two clips; None if none can be compared."""
    correlations = []
    for one, other in combinations(found, 2):
        both = np.isfinite(one) & np.isfinite(other)
        pair = np.stack([one[both], other[both]])
        if both.sum() >= _LEAST_BINS and pair.std(axis=1).min() > _LEAST_DB:
            correlations.append(np.corrcoef(*pair).item(1))
    return float(np.median(correlations)) if correlations else None
