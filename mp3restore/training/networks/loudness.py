"""Perceived loudness of a spectrum, with masking.

A short form of the ear model of PAQM (Beerends & Stemerdink, J. Audio Eng. Soc. 40, 1992): power in bands, spread to
the neighbouring bands, relative to the threshold in quiet, and compressed like loudness (Zwicker & Fastl 1990).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mp3restore.dsp.stft import mel_bands

__all__ = ["loudness"]

_PLAYBACK_DB = 70.0  # sound pressure of a segment whose root mean square is 1
_LOWER_SLOPE_DB = 31.0  # per Bark, towards lower frequencies
_UPPER_SLOPE_DB = 15.0  # at middle levels
_COMPRESSION = 0.23
_BINS_HZ = 22050.0


def _bark(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the critical-band rate (Zwicker & Terhardt 1980)."""
    return np.asarray(13 * np.arctan(0.00076 * hz) + 3.5 * np.arctan((hz / 7500) ** 2))


def _quiet_db(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the threshold in quiet in dB (Terhardt 1979); above 15 kHz it is that at 15 kHz, as for young ears."""
    khz = np.clip(hz, 50, 15000) / 1000
    return np.asarray(3.64 * khz**-0.8 - 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4)


@lru_cache(maxsize=16)
def _ear(bands: int, bins: int, device: torch.device) -> Tensor:
    """Return the matrix from the mean power per bin in each band to excitation over the threshold: (bands, bands)."""
    weights = mel_bands(bands, bins)
    count = weights.sum(axis=1)
    hz = weights @ np.linspace(0, _BINS_HZ, bins) / count
    distance = _bark(hz)[None, :] - _bark(hz)[:, None]  # from the band that excites to the one that is excited
    slope = np.where(distance < 0, _LOWER_SLOPE_DB * distance, -_UPPER_SLOPE_DB * distance)
    level = _PLAYBACK_DB + 10 * np.log10(count / bins)[:, None] - _quiet_db(hz)[None, :] + slope
    return torch.from_numpy((10 ** (level / 10)).astype(np.float32)).to(device)


def loudness(power: Tensor, bins: int) -> Tensor:
    """Return the loudness in each band, not in sone but scaled to about 1, of mean powers of its bins (..., bands).

    The bands are those of `dsp.stft.mel_bands` over `bins` bins; a power of 1 in every bin stands for 70 dB.
    """
    excitation = power @ _ear(power.shape[-1], bins, power.device)
    result: Tensor = 0.1 * ((1 + excitation) ** _COMPRESSION - 1)
    return result
