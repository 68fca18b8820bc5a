"""Raw material for what the codec removed: noise with a flat spectrum, which the generator filters and adds.

The noise partly follows the fine temporal envelope of the input, so that a cymbal's attack stays sharp although a frame
of the noise is 23 ms long (temporal noise shaping, as in spectral band replication). It does not depend on the input's
level.
``mp3restore/training/networks/frontend.py`` computes the same in PyTorch; a test checks that the two agree.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mp3restore.dsp.running_mean import running_mean
from mp3restore.dsp.stft import noise_level

__all__ = ["CONTEXT", "shape_noise"]

SHAPING = 0.6  # share of the noise's amplitude that follows the envelope; the rest is stationary
FAST_ENVELOPE = 65  # samples, 1.5 ms at 44.1 kHz: the attack of a hi-hat
SLOW_ENVELOPE = 2049  # samples, one frame: the generator's gains already follow such slow changes
LARGEST_SWING = 8.0  # of the envelope over its slow mean, so that a lone click cannot dominate
FLOOR = 1e-12  # power, 24 bits below full scale squared: keeps divisions finite in silence
# Samples on either side that a sample of the noise depends on, in whole hops of 512.
CONTEXT = 1536


def _envelope(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the amplitude of the noise (samples,), about one and common to both planes; treble counts most."""
    power = np.zeros(planes.shape[1], np.float32)
    for plane in planes:
        slope = np.diff(plane)
        slope *= slope
        power[0] += plane[0] ** 2
        power[1:] += slope
    floor = np.float32(FLOOR)
    swing, slow = running_mean(power, FAST_ENVELOPE), running_mean(power, SLOW_ENVELOPE)
    swing += floor
    slow += floor
    swing /= slow
    np.minimum(swing, np.float32(LARGEST_SWING**2), out=swing)
    shape = np.sqrt(swing, out=swing)
    shape *= np.float32(SHAPING)
    shape += np.float32(1 - SHAPING)
    return shape


def shape_noise(planes: NDArray[np.float32], noise: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return the excitation of a stretch of a file: noise that follows the envelope of its planes.

    Parameters
    ----------
    planes : ndarray of float32
        Mid and side, shape (planes, n + 2 * CONTEXT): the stretch and its context on both sides.
    noise : ndarray of float32
        White noise of unit variance, shape (planes, n).
    size : int
        Frame length of the STFT in samples.

    Returns
    -------
    ndarray of float32
        The excitation, shape (planes, n); the bins of its STFT have about unit power.
    """
    amplitude = _envelope(planes)[CONTEXT : planes.shape[1] - CONTEXT]
    return noise * (amplitude * np.float32(1 / noise_level(size)))
