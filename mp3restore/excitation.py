"""Raw material for what the codec removed: signals with a flat spectrum that the generator shapes and adds.

Two excitations, each for the mid and the side plane:

- ``noise``: white noise that partly follows the input's fine temporal envelope, so that a cymbal's attack stays an
  attack though a frame is 46 ms long (temporal noise shaping, as in spectral band replication);
- ``harmonic``: the input through a saturating odd nonlinearity, whitened: overtones of what survived.

Both are local in time and blind to the input's level; the harmonic is zero where the input is.
``mp3restore/training/frontend.py`` computes the same in PyTorch; a test holds the two together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from mp3restore.stft import analyse_parts, stretches

__all__ = ["CONTEXT", "EXCITATIONS", "excite"]

EXCITATIONS = ("noise", "harmonic")

SHAPING = 0.5  # share of the noise's amplitude that follows the envelope; the rest is stationary
FAST_ENVELOPE = 65  # samples, 1.5 ms at 44.1 kHz: the attack of a hi-hat
SLOW_ENVELOPE = 2049  # samples, one frame: what the generator's gains already follow
LEVEL_WINDOW = 1025  # samples over which the nonlinearity's drive is kept constant
DRIVE = 2.0  # input level of the nonlinearity, over its root mean square
LARGEST_SWING = 8.0  # of the envelope over its slow mean, so that a lone click cannot dominate
WHITENING_BINS = 65  # 1.4 kHz
WHITENING_RANGE = 1e-7  # power relative to the mean over the spectrum
FLOOR = 1e-12  # power, 24 bits below full scale squared: keeps divisions finite in silence
# Samples on either side that an excited sample depends on, in whole hops of 512.
CONTEXT = 1536


def _mean(values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Running mean over an odd `size`, zeros outside; SciPy sums in float64, so that it does not drift."""
    mean: NDArray[np.float32] = uniform_filter1d(values, size, axis=-1, mode="constant")
    return np.maximum(mean, np.float32(0), out=mean)


def _envelope(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Amplitude of the noise (samples,), around one and common to both planes; treble counts most."""
    power = np.zeros(planes.shape[1], np.float32)
    for plane in planes:
        slope = np.diff(plane)
        slope *= slope
        power[0] += plane[0] ** 2
        power[1:] += slope
    floor = np.float32(FLOOR)
    swing, slow = _mean(power, FAST_ENVELOPE), _mean(power, SLOW_ENVELOPE)
    swing += floor
    slow += floor
    swing /= slow
    np.minimum(swing, np.float32(LARGEST_SWING**2), out=swing)
    shape = np.sqrt(swing, out=swing)
    shape *= np.float32(SHAPING)
    shape += np.float32(1 - SHAPING)
    return shape


def _saturate(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    result = np.empty_like(planes)
    for k, plane in enumerate(planes):  # one by one: what is between the steps stays in the processor's cache
        power = _mean(plane * plane, LEVEL_WINDOW)
        power += np.float32(FLOOR)
        # d / sqrt(1 + d^2) of d = DRIVE x / sqrt(power)
        root = plane * plane
        root += power * np.float32(DRIVE**-2)
        np.divide(plane, np.sqrt(root, out=root), out=result[k])
    return result


def _whiten(parts: NDArray[np.float32]) -> None:
    """Divide spectra (planes, 2 parts, frames, bins) by their envelopes, in place."""
    for piece in stretches(parts.shape[2]):
        real, imaginary = parts[:, 0, piece], parts[:, 1, piece]
        power = real * real
        power += imaginary * imaginary
        around = uniform_filter1d(power, WHITENING_BINS, axis=-1, mode="nearest")
        np.maximum(around, np.float32(0), out=around)
        # Bins that hold nothing but the rounding errors of the transform are not to be raised to unit power.
        around += power.mean(axis=-1, keepdims=True) * np.float32(WHITENING_RANGE) + np.float32(1e-6)
        gain = np.sqrt(around, out=around)
        np.reciprocal(gain, out=gain)
        real *= gain
        imaginary *= gain


def excite(
    planes: NDArray[np.float32],
    noise: NDArray[np.float32] | None,
    size: int,
    out: tuple[NDArray[np.float32], ...] | tuple[None, None] = (None, None),
) -> tuple[NDArray[np.float32], ...]:
    """Excitations of a stretch of a file.

    Parameters
    ----------
    planes
        Mid and side, shape (2, n + 2 * CONTEXT): the stretch and its context on both sides.
    noise
        White noise of unit variance, shape (2, n); None for no noise at all.
    size
        Frame length of the STFT in samples.
    out
        Where to write the results.

    Returns
    -------
    One for each of `EXCITATIONS`: spectra of shape (2 planes, 2 parts, frames, size // 2 + 1), about unit power per
    bin, of all whole frames in the stretch.
    """
    inner = slice(CONTEXT, planes.shape[1] - CONTEXT)
    # A Hann window's power sums to 3/8 of its length.
    amplitude = _envelope(planes)[inner] * np.float32((0.375 * size) ** -0.5)
    shaped = np.zeros_like(planes[:, inner]) if noise is None else noise * amplitude
    harmonic = analyse_parts(_saturate(planes)[:, inner], size, out[1])
    _whiten(harmonic)
    return analyse_parts(shaped, size, out[0]), harmonic
