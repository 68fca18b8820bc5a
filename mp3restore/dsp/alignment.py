"""The delay between two recordings of the same music."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["cross_correlation", "find_delay"]

_LONGEST_DELAY_SECONDS = 0.2


def cross_correlation(
    reference: NDArray[np.floating], samples: NDArray[np.floating], reach: int
) -> NDArray[np.floating]:
    """Return the sums of products of two signals (n,), the second moved back by -`reach` to `reach` samples.

    Shape (2 * reach + 1,); `reach` is shorter than either signal.
    """
    import scipy.fft  # noqa: PLC0415 - slow to import

    size = scipy.fft.next_fast_len(len(reference) + len(samples), real=True)
    spectrum = scipy.fft.rfft(samples, size) * np.conj(scipy.fft.rfft(reference, size))
    found: NDArray[np.floating] = scipy.fft.irfft(spectrum, size)[np.arange(-reach, reach + 1)]
    return found


def find_delay(reference: NDArray[np.float32], samples: NDArray[np.float32], sample_rate: int) -> int:
    """Return by how many samples `samples` lags behind `reference`, both of shape (channels, samples).

    Encoders and decoders that do not write or read a length tag shift the music by up to 2257 samples. The delay is the
    lag of the largest cross-correlation within 0.2 s. `sample_rate` is in Hz.
    """
    a, b = reference.mean(axis=0), samples.mean(axis=0)
    reach = min(round(_LONGEST_DELAY_SECONDS * sample_rate), min(len(a), len(b)) - 1)
    return int(np.argmax(cross_correlation(a, b, reach))) - reach
