"""The delay between two recordings of the same music."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = ["find_delay"]

_LONGEST_DELAY_SECONDS = 0.2


def find_delay(reference: NDArray[np.float32], samples: NDArray[np.float32], sample_rate: int) -> int:
    """Return by how many samples `samples` lags behind `reference`, both of shape (channels, samples).

    Encoders and decoders that do not write or read a length tag shift the music by up to 2257 samples. The delay is the
    lag of the largest cross-correlation within 0.2 s. `sample_rate` is in Hz.
    """
    a, b = reference.mean(axis=0), samples.mean(axis=0)
    size = scipy.fft.next_fast_len(len(a) + len(b), real=True)
    correlation = scipy.fft.irfft(scipy.fft.rfft(b, size) * np.conj(scipy.fft.rfft(a, size)), size)
    reach = min(round(_LONGEST_DELAY_SECONDS * sample_rate), min(len(a), len(b)) - 1)
    lags = np.arange(-reach, reach + 1)
    return int(lags[np.argmax(correlation[lags])])
