"""Short-time Fourier transform on an absolute frame grid, and its overlap-add inverse.

Frame ``t`` covers the samples from ``(t - 3) * hop`` on, so that with a hop of a quarter frame every sample of a file,
the first and the last included, lies in exactly four frames, and hop block ``j`` (samples ``j * hop`` to
``(j + 1) * hop``) is made of the frames ``j`` to ``j + 3``. The windows then need no normalisation at the edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["OVERLAP", "analyse", "analyse_parts", "stretches", "synthesise", "window"]

OVERLAP = 4  # frames over each sample
_STRETCH = 32  # frames that are transformed at once: what is between the steps stays in the processor's cache


@lru_cache(maxsize=4)
def window(size: int) -> NDArray[np.float32]:
    """Periodic Hann window; at a hop of a quarter of `size`, its square sums to 1.5."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)


def analyse(samples: NDArray[np.float32], size: int) -> NDArray[np.complex64]:
    """Spectra of shape (..., frames, size // 2 + 1) of all whole frames in `samples` (..., n)."""
    hop = size // OVERLAP
    framed = sliding_window_view(samples, size, axis=-1)[..., ::hop, :]
    return np.asarray(scipy.fft.rfft(framed * window(size), axis=-1, overwrite_x=True), dtype=np.complex64)


def stretches(frames: int) -> Iterator[slice]:
    """Cut `frames` frames into pieces that are small enough for the processor's cache."""
    for first in range(0, frames, _STRETCH):
        yield slice(first, min(first + _STRETCH, frames))


def analyse_parts(
    samples: NDArray[np.float32], size: int, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """`analyse` with real and imaginary parts apart, as the generator takes them.

    From (..., n) to (..., 2 parts, frames, size // 2 + 1), written to `out` where it is given.
    """
    hop = size // OVERLAP
    frames = (samples.shape[-1] - size) // hop + 1
    parts = np.empty((*samples.shape[:-1], 2, frames, size // 2 + 1), np.float32) if out is None else out
    for piece in stretches(frames):
        spectrum = analyse(samples[..., piece.start * hop : (piece.stop - 1) * hop + size], size)
        parts[..., 0, piece, :], parts[..., 1, piece, :] = spectrum.real, spectrum.imag
    return parts


def synthesise(parts: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Overlap-add inverse of `analyse_parts`: hop blocks that four frames cover.

    From (..., 2 parts, frames, size // 2 + 1) to (..., (frames - 3) * hop) samples.
    """
    hop = size // OVERLAP
    count = parts.shape[-2] - OVERLAP + 1
    # Three blocks at either end are covered in part only, and are dropped in the end.
    blocks = np.zeros((*parts.shape[:-3], count + 2 * (OVERLAP - 1), hop), np.float32)
    for piece in stretches(parts.shape[-2]):
        spectrum = np.empty((*parts.shape[:-3], piece.stop - piece.start, parts.shape[-1]), np.complex64)
        spectrum.real, spectrum.imag = parts[..., 0, piece, :], parts[..., 1, piece, :]
        frames = scipy.fft.irfft(spectrum, size, axis=-1, overwrite_x=True)
        frames *= window(size) / np.float32(1.5)
        quarters = frames.reshape(*frames.shape[:-1], OVERLAP, hop)
        for k in range(OVERLAP):
            blocks[..., piece.start + k : piece.stop + k, :] += quarters[..., k, :]
    whole = blocks[..., OVERLAP - 1 : OVERLAP - 1 + count, :]
    return whole.reshape(*parts.shape[:-3], count * hop)
