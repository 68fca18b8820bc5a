"""Raw material for what the codec removed: signals with a flat spectrum that the generator shapes and adds.

Two excitations, each for the mid and the side plane:

- ``noise``: white noise that partly follows the input's fine temporal envelope, so that a cymbal's attack stays sharp
  although a frame is 46 ms long (temporal noise shaping, as in spectral band replication);
- ``harmonic``: the input after a saturating odd nonlinearity and whitening: overtones of what survived.

Both are local in time and independent of the input's level; the harmonic excitation is zero where the input is zero.
``mp3restore/training/networks/frontend.py`` computes the same in PyTorch; a test checks that the two agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from mp3restore.dsp.running_mean import running_mean
from mp3restore.dsp.stft import analyse_stretches, noise_level

__all__ = ["CONTEXT", "EXCITATIONS", "GAINS", "Excitations"]

EXCITATIONS = ("noise", "harmonic")
GAINS = ("copy", *EXCITATIONS)
"""The gains that a generator returns for every bin: one for the input, and one for each excitation added to it."""

SHAPING = 0.6  # share of the noise's amplitude that follows the envelope; the rest is stationary
FAST_ENVELOPE = 65  # samples, 1.5 ms at 44.1 kHz: the attack of a hi-hat
SLOW_ENVELOPE = 2049  # samples, one frame: the generator's gains already follow such slow changes
LEVEL_WINDOW = 1025  # samples over which the nonlinearity's drive is kept constant
DRIVE = 2.0  # input level of the nonlinearity, over its root mean square
LARGEST_SWING = 8.0  # of the envelope over its slow mean, so that a lone click cannot dominate
WHITENING_BINS = 65  # 1.4 kHz
WHITENING_RANGE = 1e-7  # power relative to the mean over the spectrum
FLOOR = 1e-12  # power, 24 bits below full scale squared: keeps divisions finite in silence
# Samples on either side that a sample of an excitation depends on, in whole hops of 512.
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


def _saturate(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return d / sqrt(1 + d^2), where d = DRIVE x / sqrt(power)."""
    square = plane * plane
    power = running_mean(square, LEVEL_WINDOW)
    power += np.float32(FLOOR)
    power *= np.float32(DRIVE**-2)
    square += power
    root: NDArray[np.float32] = np.sqrt(square, out=square)
    return np.divide(plane, root, out=root)


def _flattening(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return one over the envelopes of spectra (planes, frames, bins)."""
    power: NDArray[np.float32] = np.abs(spectrum)
    power *= power
    around = running_mean(power, WHITENING_BINS, "edge")
    # Bins that contain only the rounding errors of the transform must not be raised to unit power.
    around += power.mean(axis=-1, keepdims=True) * np.float32(WHITENING_RANGE) + np.float32(1e-6)
    np.sqrt(around, out=power)
    np.reciprocal(power, out=power)
    return power


class Excitations:
    """Excitations of a stretch of a file.

    Parameters
    ----------
    planes : ndarray of float32
        Mid and side, shape (2, n + 2 * CONTEXT): the stretch and its context on both sides.
    noise : ndarray of float32 or None
        White noise of unit variance, shape (2, n); None for no noise at all.
    size : int
        Frame length of the STFT in samples.
    """

    def __init__(self, planes: NDArray[np.float32], noise: NDArray[np.float32] | None, size: int) -> None:
        inner = slice(CONTEXT, planes.shape[1] - CONTEXT)
        self._size = size
        self._waves = {"harmonic": np.stack([_saturate(plane)[inner] for plane in planes])}
        if noise is not None:
            self._waves["noise"] = noise * (_envelope(planes)[inner] * np.float32(1 / noise_level(size)))

    def apply_gains(
        self, gains: Mapping[str, NDArray[np.float32]], spectra: NDArray[np.complex64]
    ) -> Iterator[NDArray[np.complex64]]:
        """Restore the spectra (2 planes, frames, bins) of all whole frames in place, with the gains that `GAINS` lists.

        Yields the results stretch by stretch, while they are in the processor's cache. Without its gain, an excitation
        has about unit power per bin.
        """
        stretches = [analyse_stretches(wave, self._size) for wave in self._waves.values()]
        for pieces in zip(*stretches, strict=True):
            piece = pieces[0][0]
            spectrum = spectra[:, piece]
            spectrum *= gains["copy"][:, piece]
            for name, (_, excitation) in zip(self._waves, pieces, strict=True):
                gain = gains[name][:, piece]
                if name == "harmonic":
                    gain = gain * _flattening(excitation)
                spectrum += np.multiply(excitation, gain, out=excitation)
            yield spectrum
