"""Sibilants of voices: bursts between 6 and 12 kHz, which a low bitrate drops, and a restoration must not lisp.

Lattner and Nistal (2021) name them among what their restorations bring back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from mp3restore.dsp.stft import analyse

__all__ = ["HOP", "burst_powers", "bursts", "sibilant_error"]

_SIZE = 1024
HOP = 512
_BAND_HZ = (6000.0, 12000.0)
_AROUND = 87  # frames, 1 s at 44.1 kHz
_RISE = 10.0  # of the power of a burst over the median around it
_LEAST = 10**-2.5  # of the power of the loudest burst
_FLOOR = 1e-6  # of a mean power of bins: far below what can be heard


def burst_powers(signal: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Return the mean power of the bins from 6 to 12 kHz of a signal (channels, samples), in frames of `HOP`."""
    low, high = (round(hz * _SIZE / sample_rate) for hz in _BAND_HZ)
    spectrum = analyse(signal, _SIZE, hop=HOP)[..., low:high]
    return np.asarray((np.abs(spectrum) ** 2).mean(axis=(0, 2), dtype=np.float64))


def bursts(powers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which frames are in a burst."""
    around = median_filter(powers, _AROUND, mode="nearest")
    return np.asarray((powers > _RISE * around) & (powers > _LEAST * powers.max()) & (powers > _FLOOR))


def sibilant_error(
    original: NDArray[np.float32], other: NDArray[np.float32], sample_rate: int
) -> tuple[float, float] | None:
    """Compare the level of bursts with the original's.

    Parameters
    ----------
    original, other : ndarray of float32
        Signals, (channels, samples) each, aligned.
    sample_rate : int
        In Hz.

    Returns
    -------
    tuple of float or None
        The median error in dB, below zero if bursts are too weak, and the mean absolute error; None without bursts.
    """
    wanted, given = (burst_powers(signal, sample_rate) for signal in (original, other))
    found = bursts(wanted)
    if not found.any():
        return None
    errors = 10 * np.log10((given[found] + _FLOOR) / (wanted[found] + _FLOOR))
    return float(np.median(errors)), float(np.abs(errors).mean())
