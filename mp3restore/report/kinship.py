"""Check whether two files are recordings of the same piece of music."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = ["LEAST_LIKENESS", "likeness"]

LEAST_LIKENESS = 0.4
"""Restorations, and the recordings their MP3s were made from, reach 0.8 and more; other music stays below 0.2."""

# The range that even the lowest bitrates keep.
_LOWEST_HZ, _HIGHEST_HZ = 100.0, 3000.0
_LONGEST_DELAY_S = 0.2
_SILENT = 1e-5  # rms


def likeness(first: NDArray[np.float32], second: NDArray[np.float32], sample_rate: int) -> float | None:
    """Measure how alike two recordings are.

    Parameters
    ----------
    first, second : ndarray of float32, shape (channels, samples)
        The recordings, of the same length and at most 0.2 s apart.
    sample_rate : int
        Rate in Hz.

    Returns
    -------
    float or None
        Largest normalised cross-correlation of the sums of their channels between 100 and 3000 Hz, -1 to 1; None if one
        of them is silent in this range.
    """
    a, b = (each.mean(axis=0, dtype=np.float64) for each in (first, second))
    size = scipy.fft.next_fast_len(len(a) + len(b), real=True)
    hz = scipy.fft.rfftfreq(size, 1 / sample_rate)
    band = (hz >= _LOWEST_HZ) & (hz <= _HIGHEST_HZ)
    spectra = [np.where(band, scipy.fft.rfft(each, size), 0) for each in (a, b)]
    energies = [float(np.sum(np.abs(each) ** 2)) * 2 / size for each in spectra]
    if min(energies) <= _SILENT**2 * len(a):
        return None
    correlation = scipy.fft.irfft(spectra[1] * np.conj(spectra[0]), size)
    reach = min(round(_LONGEST_DELAY_S * sample_rate), len(a) - 1)
    return float(correlation[np.arange(-reach, reach + 1)].max() / np.sqrt(energies[0] * energies[1]))
