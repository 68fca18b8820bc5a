"""The highest frequency of a piece of music."""

from __future__ import annotations

from typing import Final

import numpy as np

from mp3restore._typing import Samples
from mp3restore.dsp.stft import analyse

__all__ = ["bandwidth_of"]

_FRAME_SAMPLES: Final = 2048
# Where the loudest frames fall this far below their own maximum for good, the sound ends.
_BANDWIDTH_DB: Final = -80.0


def bandwidth_of(samples: Samples, sample_rate: int) -> float:
    """Return the highest frequency in Hz that the loudest frames of samples (channels, n) reach."""
    spectra = analyse(samples, _FRAME_SAMPLES, hop=_FRAME_SAMPLES // 2)
    power = (np.abs(spectra) ** 2).reshape(-1, spectra.shape[-1])
    loudest = np.quantile(power, 0.95, axis=0)
    above = np.flatnonzero(loudest > loudest.max() * 10 ** (_BANDWIDTH_DB / 10))
    return float(above[-1]) * sample_rate / _FRAME_SAMPLES if above.size else 0.0
