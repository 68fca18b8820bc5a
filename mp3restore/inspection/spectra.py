"""Power spectra for a quick look at a file.

By NumPy: importing the transforms of SciPy, which are faster, would take longer than these few.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mp3restore._typing import Samples

__all__ = ["FRAME_SAMPLES", "frame_powers"]

FRAME_SAMPLES: Final = 2048


def frame_powers(samples: Samples, hop: int) -> NDArray[np.float32]:
    """Return the power of all whole frames of samples (channels, n), `hop` samples apart: (channels * frames, bins)."""
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_SAMPLES) / FRAME_SAMPLES)).astype(np.float32)
    framed = sliding_window_view(samples, FRAME_SAMPLES, axis=-1)[:, ::hop].reshape(-1, FRAME_SAMPLES)
    power: NDArray[np.float32] = np.abs(np.fft.rfft(framed * window)) ** 2
    return power
