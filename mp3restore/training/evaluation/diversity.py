"""Measure whether several draws differ from each other as much as the original differs from them.

If original and draws came from one distribution, two draws would on average be as far apart as a draw and the original:
``E d(g, g') / E d(y, g)`` is 1 for a calibrated generator, and 0 for one whose draws are all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from mp3restore.dsp.stft import analyse
from mp3restore.training.networks.known import GUARD_HZ

__all__ = ["REGIONS", "distances", "regions"]

REGIONS = ("kept", "holes", "missing")
_SIZE = 2048
_NEIGHBOURS = 33  # bins, 0.7 kHz
_HOLE = 0.01  # of the mean power of the neighbours; 1 % of the bins of noise are below this
_FLOOR = 1e-8  # of a power, as in the log-spectral distance


def _powers(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.abs(analyse(samples, _SIZE)).astype(np.float64) ** 2


def regions(
    degraded: NDArray[np.float32], sample_rate: int, edge_hz: float, bandwidth_hz: float
) -> dict[str, NDArray[np.bool_]]:
    """Sort the bins of an MP3 (channels, samples) into `REGIONS`, as masks of shape (channels, frames, bins).

    Only the MP3 decides: if the original did, its loud bins would be selected, and no generator would be calibrated.
    Above `edge_hz` everything is missing; below it, holes are bins 20 dB under the mean of their neighbours. Bins above
    `bandwidth_hz`, where the original ends, belong to no region.
    """
    power = _powers(degraded)
    hz = np.arange(power.shape[-1]) * sample_rate / _SIZE
    known = hz <= bandwidth_hz - GUARD_HZ
    coded = hz <= edge_hz
    empty = power < _HOLE * uniform_filter1d(power, _NEIGHBOURS, axis=-1, mode="nearest")
    return {
        "kept": known & coded & ~empty,
        "holes": known & coded & empty,
        "missing": np.broadcast_to(known & ~coded, power.shape),
    }


def distances(
    original: NDArray[np.float32], draws: Sequence[NDArray[np.float32]], masks: dict[str, NDArray[np.bool_]]
) -> dict[str, dict[str, float]]:
    """Return the mean differences in dB for every region that has bins.

    ``apart`` is the difference between draws, ``off`` that between draws and the original. Draws are compared in pairs,
    the first with the second and so on; there must be two or more.
    """
    wanted, *levels = (10 * np.log10(_powers(samples) + _FLOOR) for samples in (original, *draws))
    result = {}
    for name, mask in masks.items():
        if mask.any():
            apart = [np.abs(a - b)[mask].mean() for a, b in zip(levels[::2], levels[1::2], strict=False)]
            off = [np.abs(wanted - level)[mask].mean() for level in levels]
            result[name] = {"apart": float(np.mean(apart)), "off": float(np.mean(off))}
    return result
