"""Short-time Fourier transform on an absolute frame grid, and its overlap-add inverse.

Frame ``t`` covers the samples from ``(t - 3) * hop`` on, so that with a hop of a quarter frame every sample of a file,
the first and the last included, lies in exactly four frames, and hop block ``j`` (samples ``j * hop`` to
``(j + 1) * hop``) is made of the frames ``j`` to ``j + 3``. The windows then need no normalisation at the edges.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["OVERLAP", "analyse", "synthesise", "window"]

OVERLAP = 4  # frames over each sample


@lru_cache(maxsize=4)
def window(size: int) -> NDArray[np.float32]:
    """Periodic Hann window; at a hop of a quarter of `size`, its square sums to 1.5."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)


def analyse(samples: NDArray[np.float32], size: int) -> NDArray[np.complex64]:
    """Spectra of shape (..., frames, size // 2 + 1) of all whole frames in `samples` (..., n)."""
    hop = size // OVERLAP
    framed = sliding_window_view(samples, size, axis=-1)[..., ::hop, :]
    return np.asarray(scipy.fft.rfft(framed * window(size), axis=-1, overwrite_x=True), dtype=np.complex64)


def synthesise(spectrum: NDArray[np.complex64], size: int) -> NDArray[np.float32]:
    """Overlap-add inverse of `analyse`: hop blocks that four frames cover.

    From (..., frames, size // 2 + 1) to (..., (frames - 3) * hop) samples.
    """
    hop = size // OVERLAP
    frames = scipy.fft.irfft(spectrum, size, axis=-1, overwrite_x=True)
    frames *= window(size) / np.float32(1.5)
    parts = frames.reshape(*frames.shape[:-1], OVERLAP, hop)
    count = frames.shape[-2] - OVERLAP + 1
    blocks: NDArray[np.float32] = parts[..., OVERLAP - 1 : OVERLAP - 1 + count, 0, :].copy()
    for k in range(1, OVERLAP):
        start = OVERLAP - 1 - k
        blocks += parts[..., start : start + count, k, :]
    return blocks.reshape(*blocks.shape[:-2], count * hop)
