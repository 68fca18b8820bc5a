"""Short-time Fourier transform on an absolute frame grid, and its overlap-add inverse.

Frame ``t`` begins at sample ``(t - 3) * hop``. The hop is a quarter of a frame, so every sample of a file, the first
and the last included, lies in exactly four frames, and hop block ``j`` (samples ``j * hop`` to ``(j + 1) * hop``) is
the sum of frames ``j`` to ``j + 3``. The windows therefore need no normalisation at the ends of a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["OVERLAP", "analyse", "analyse_stretches", "mel_bands", "noise_level", "synthesise", "window"]

OVERLAP = 4  # frames that cover each sample
_STRETCH = 32  # frames transformed at once: few enough for intermediate results to stay in the cache


@lru_cache(maxsize=4)
def window(size: int) -> NDArray[np.float32]:
    """Return a periodic Hann window; at a hop of a quarter of `size`, its square sums to 1.5."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)


@lru_cache(maxsize=4)
def _scaled_window(size: int) -> NDArray[np.float32]:
    return window(size) * np.float32(size)


def noise_level(size: int) -> float:
    """Return the root mean square of the bins that `analyse` makes of white noise of unit variance.

    The power of a Hann window sums to 3/8 of its length.
    """
    return float((0.375 * size) ** 0.5)


def analyse(samples: NDArray[np.float32], size: int, *, hop: int | None = None) -> NDArray[np.complex64]:
    """Return the spectra, shape (..., frames, size // 2 + 1), of all whole frames in `samples` (..., n).

    Frames are `hop` samples apart, by default a quarter of their size. A sine of full scale has the modulus size / 4.
    """
    framed = sliding_window_view(samples, size, axis=-1)[..., :: hop or size // OVERLAP, :]
    # Only with a factor does NumPy transform float32 at full speed. The window has the inverse of this one, 1 / size.
    return np.asarray(np.fft.rfft(framed * _scaled_window(size), norm="forward"), dtype=np.complex64)


def analyse_stretches(samples: NDArray[np.float32], size: int) -> Iterator[tuple[slice, NDArray[np.complex64]]]:
    """Apply `analyse` to a stretch of frames at a time, so that the next step finds the spectra in the cache.

    Yields
    ------
    frames : slice
        The frames of the stretch.
    spectra : ndarray of complex64
        Their spectra, shape (..., frames, size // 2 + 1).
    """
    hop = size // OVERLAP
    for piece in _stretches((samples.shape[-1] - size) // hop + 1):
        yield piece, analyse(samples[..., piece.start * hop : (piece.stop - 1) * hop + size], size)


def _stretches(frames: int) -> Iterator[slice]:
    """Cut `frames` frames into stretches that are small enough for the processor's cache."""
    for first in range(0, frames, _STRETCH):
        yield slice(first, min(first + _STRETCH, frames))


def synthesise(spectra: Iterable[NDArray[np.complex64]], size: int) -> Iterator[NDArray[np.float32]]:
    """Invert `analyse` by overlap-add, for consecutive stretches of spectra (..., frames, size // 2 + 1).

    Yields each hop block that four frames cover as soon as the fourth is added: (frames - 3) * hop samples in all. Each
    is the sum of its frames in the same order, wherever the stretches begin.
    """
    hop = size // OVERLAP
    partial = OVERLAP - 1  # hop blocks at either end that fewer than four frames cover; the first ones are dropped
    dropped, tail = partial, None
    for spectrum in spectra:
        count = spectrum.shape[-2]
        frames = np.fft.irfft(spectrum, size)
        frames *= window(size) / np.float32(1.5)
        quarters = frames.reshape(*frames.shape[:-1], OVERLAP, hop)
        blocks = np.zeros((*frames.shape[:-2], count + partial, hop), np.float32)
        if tail is not None:
            blocks[..., :partial, :] = tail
        for k in reversed(range(OVERLAP)):
            blocks[..., k : k + count, :] += quarters[..., k, :]
        whole, tail = blocks[..., dropped:count, :], blocks[..., count:, :]
        dropped = max(0, dropped - count)
        yield whole.reshape(*whole.shape[:-2], -1)


def mel_bands(bands: int, bins: int, nyquist_hz: float = 22050.0) -> NDArray[np.float32]:
    """Return triangles on the mel scale that sum to one in every bin: shape (bands, bins)."""
    mel = 1127 * np.log1p(np.linspace(0, nyquist_hz, bins) / 700)
    position = mel / mel[-1] * (bands - 1)
    triangles = np.maximum(0, 1 - np.abs(position[None, :] - np.arange(bands)[:, None]))
    return np.asarray(triangles, dtype=np.float32)
