"""Whether a set of restorations is like a set of originals: a kernel distance of patches of their spectra.

Measures that compare a restoration with its own original cannot tell an unlikely sound from a likely one that was not
there. The maximum mean discrepancy (Gretton et al. 2012) compares two sets and needs no pairs: that of log spectra in
bands of the ear, in patches of 0.19 s, whose values and modulation over time it takes.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from mp3restore.dsp.stft import analyse
from mp3restore.training.networks.known import GUARD_HZ

__all__ = ["kernel_distance", "patches"]

_SIZE = 1024
_FRAMES = 32  # of hop 256
_BANDS = 24
_MODULATIONS = 8  # lowest coefficients of the cosine transform over time
_FLOOR = 10**-6.5
_LOWEST_HZ = 2000.0
_SCALES = (0.5, 1.0, 2.0)


def _erb_rate(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Number of equivalent rectangular bandwidths below a frequency (Glasberg & Moore 1990)."""
    return np.asarray(21.4 * np.log10(1 + 0.00437 * hz))


def _erb_bands(sample_rate: int, highest_hz: float) -> NDArray[np.float32]:
    """Triangles of equal width on the ERB scale, each of sum 1: (bins, bands)."""
    rate = _erb_rate(np.arange(_SIZE // 2 + 1) * sample_rate / _SIZE)
    low, high = _erb_rate(np.array([_LOWEST_HZ, highest_hz]))
    position = (rate - low) / (high - low) * (_BANDS - 1)
    weights = np.maximum(0, 1 - np.abs(position[:, None] - np.arange(_BANDS)))
    return np.asarray(weights / (weights.sum(0) + 1e-9), dtype=np.float32)


def patches(signal: NDArray[np.float32], sample_rate: int, bandwidth_hz: float) -> NDArray[np.float32]:
    """Describe a signal (channels, samples): (patches, values), up to 16 kHz or its bandwidth.

    Levels are relative to the mean power of the patch, so that loudness does not decide.
    """
    bands = _erb_bands(sample_rate, min(bandwidth_hz - GUARD_HZ, 16000.0))
    power = (np.abs(analyse(signal, _SIZE)) ** 2).mean(0)
    count = len(power) // _FRAMES
    whole = power[: count * _FRAMES].reshape(count, _FRAMES, -1)
    mean = whole.mean((1, 2), keepdims=True) + 1e-9
    levels = np.log((whole / mean) @ bands + _FLOOR)
    modulation = scipy.fft.dct(levels, axis=1, norm="ortho")[:, :_MODULATIONS]
    loud = whole.mean((1, 2)) > 1e-4 * whole.mean()
    return np.asarray(modulation[loud].reshape(int(loud.sum()), -1), dtype=np.float32)


def kernel_distance(originals: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Unbiased squared maximum mean discrepancy of two sets (patches, values), times 1000; 0 for sets that are alike.

    The kernel is a sum of Gaussians around the median distance of originals.
    """
    within, among, between = (
        cdist(a, b, "sqeuclidean") for a, b in ((originals, originals), (others, others), (originals, others))
    )
    width = float(np.median(within[within > 0]))
    total = 0.0
    for scale in _SCALES:
        a, b, c = (np.exp(-d / (scale * width)) for d in (within, among, between))
        total += _off_diagonal(a) + _off_diagonal(b) - 2 * float(c.mean())
    return 1000 * total / len(_SCALES)


def _off_diagonal(kernel: NDArray[np.float64]) -> float:
    n = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (n * (n - 1)))
