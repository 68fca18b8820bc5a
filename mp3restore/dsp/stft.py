"""Short-time Fourier transform, and its overlap-add inverse.

The inverse needs no normalisation. Frames that are a quarter of their length apart add up to the signal with a Hann
window on the way there and back; frames that overlap by half do so with the root of that window, which is a sine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = [
    "HALF",
    "OVERLAP",
    "analyse",
    "analyse_stretches",
    "mel_bands",
    "noise_level",
    "root_window",
    "synthesise",
    "window",
]

OVERLAP = 4  # frames that cover each sample
HALF = 2  # likewise, of frames that overlap by half
_STRETCH = 32  # frames transformed at once: few enough for intermediate results to stay in the cache


@lru_cache(maxsize=4)
def window(size: int) -> NDArray[np.float32]:
    """Return a periodic Hann window; at a hop of a quarter of `size`, its square sums to 1.5."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)


@lru_cache(maxsize=4)
def root_window(size: int) -> NDArray[np.float32]:
    """Return the sine whose square is a Hann window; at a hop of half of `size`, its square sums to 1."""
    return np.asarray(np.sin(np.pi / size * (np.arange(size) + 0.5)), dtype=np.float32)


@lru_cache(maxsize=4)
def _scaled_window(size: int, root: bool) -> NDArray[np.float32]:
    return (root_window(size) if root else window(size)) * np.float32(size)


def noise_level(size: int) -> float:
    """Return the root mean square of the bins that `analyse` makes of white noise of unit variance.

    The power of a Hann window sums to 3/8 of its length.
    """
    return float((0.375 * size) ** 0.5)


def analyse(samples: NDArray[np.float32], size: int, *, hop: int | None = None) -> NDArray[np.complex64]:
    """Return the spectra, shape (..., frames, size // 2 + 1), of all whole frames in `samples` (..., n).

    Frames are `hop` samples apart, by default a quarter of their size. A sine of full scale has the modulus size / 4.
    """
    return _spectra(samples, _scaled_window(size, root=False), hop or size // OVERLAP)


def _spectra(samples: NDArray[np.float32], scaled_window: NDArray[np.float32], hop: int) -> NDArray[np.complex64]:
    framed = sliding_window_view(samples, len(scaled_window), axis=-1)[..., ::hop, :]
    # Only with a factor does NumPy transform float32 at full speed. The window has the inverse of this one, its length.
    return np.asarray(np.fft.rfft(framed * scaled_window, norm="forward"), dtype=np.complex64)


def analyse_stretches(
    samples: NDArray[np.float32], size: int, *, hop: int, root: bool = False
) -> Iterator[tuple[slice, NDArray[np.complex64]]]:
    """Apply `analyse` to a stretch of frames at a time, so that the next step finds the spectra in the cache.

    Parameters
    ----------
    samples : ndarray of float32
        Shape (..., n).
    size : int
        Length of a frame.
    hop : int
        Samples between frames.
    root : bool
        Use the root of the window, for `synthesise` to use it again.

    Yields
    ------
    frames : slice
        The frames of the stretch.
    spectra : ndarray of complex64
        Their spectra, shape (..., frames, size // 2 + 1).
    """
    weights = _scaled_window(size, root)
    for piece in _stretches((samples.shape[-1] - size) // hop + 1):
        yield piece, _spectra(samples[..., piece.start * hop : (piece.stop - 1) * hop + size], weights, hop)


def _stretches(frames: int) -> Iterator[slice]:
    """Cut `frames` frames into stretches that are small enough for the processor's cache."""
    for first in range(0, frames, _STRETCH):
        yield slice(first, min(first + _STRETCH, frames))


def synthesise(
    spectra: Iterable[NDArray[np.complex64]], size: int, *, root: bool = False
) -> Iterator[NDArray[np.float32]]:
    """Invert `analyse_stretches` by overlap-add, for consecutive stretches of spectra (..., frames, size // 2 + 1).

    The hop is a quarter of `size`, or with the root of the window half of it. Yields each block of a hop as soon as all
    frames that cover it are added: three blocks less than frames in all, or one less. Each is the sum of its frames in
    the same order, wherever the stretches begin.
    """
    overlap, weights = (HALF, root_window(size)) if root else (OVERLAP, window(size) / np.float32(1.5))
    hop = size // overlap
    partial = overlap - 1  # blocks at either end that fewer frames cover; the first ones are dropped
    dropped, tail = partial, None
    for spectrum in spectra:
        count = spectrum.shape[-2]
        frames = np.fft.irfft(spectrum, size)
        frames *= weights
        parts = frames.reshape(*frames.shape[:-1], overlap, hop)
        blocks = np.zeros((*frames.shape[:-2], count + partial, hop), np.float32)
        if tail is not None:
            blocks[..., :partial, :] = tail
        for k in reversed(range(overlap)):
            blocks[..., k : k + count, :] += parts[..., k, :]
        whole, tail = blocks[..., dropped:count, :], blocks[..., count:, :]
        dropped = max(0, dropped - count)
        yield whole.reshape(*whole.shape[:-2], -1)


def mel_bands(bands: int, bins: int, nyquist_hz: float = 22050.0) -> NDArray[np.float32]:
    """Return triangles on the mel scale that sum to one in every bin: shape (bands, bins)."""
    mel = 1127 * np.log1p(np.linspace(0, nyquist_hz, bins) / 700)
    position = mel / mel[-1] * (bands - 1)
    triangles = np.maximum(0, 1 - np.abs(position[None, :] - np.arange(bands)[:, None]))
    return np.asarray(triangles, dtype=np.float32)
