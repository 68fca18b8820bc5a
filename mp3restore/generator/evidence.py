"""How far the evidence supports a restoration: a strength for every frame and band of an MP3.

Where an encoder starved a band, what it dropped was music; where it had bits to spare, what is missing was hardly
there, and adding it does harm. The map of the losses and the decoded signal tell how a band fared. A logistic function
of a few features of both, fitted to pairs of originals and MP3s, says how far to go. It asks for nothing but the
neighbourhood of a frame, so a dense chorus, a pause, and a frame with bits to spare each get their own strength.
"""

from __future__ import annotations

from functools import cache, reduce
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.dsp.products import product
from mp3restore.dsp.running_mean import running_mean
from mp3restore.dsp.stft import mel_bands
from mp3restore.generator.uncertainty import LOG_FLOOR, PLANES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["BANDS", "FEATURES", "REACH_FRAMES", "evidence", "features", "strengths"]

FEATURES: Final = ("one", "zeros of mid", "zeros of side", "free lines", "cells over signal", "frequency", "level")
"""Names of the features; a model has a weight for each."""

BANDS: Final = 24
REACH_FRAMES: Final = 8
"""Frames to either side whose features count, 0.2 s in all."""

_SILENCE: Final = 1e-9  # of a mean power of bins
_FLOOR: Final = 3e-4  # of a band's power, over the mean power of the frames around
_LEAST_CELLS: Final = -6.0  # of logarithms of amplitudes
_MOST_CELLS: Final = 2.0


@cache
def _bands(bins: int) -> NDArray[np.float32]:
    return mel_bands(BANDS, bins)


def _smooth(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return running means along the first axis."""
    means = running_mean(np.ascontiguousarray(np.moveaxis(values, 0, -1)), 2 * REACH_FRAMES + 1, "edge")
    return np.moveaxis(means, -1, 0)


def _sum(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return sums along a short last axis, several times as fast as `np.sum`."""
    return reduce(np.add, np.moveaxis(values, -1, 0))


def features(power: NDArray[np.float32], uncertainty: NDArray[np.float32]) -> NDArray[np.float32]:
    """Describe each frame and band by what the MP3 says of its losses.

    Parameters
    ----------
    power : ndarray of float32
        Power of the decoded MP3, shape (2 planes, frames, bins).
    uncertainty : ndarray of float32
        Rows of the map for the same frames, shape (frames, 6 * bands); see `generator.uncertainty`.

    Returns
    -------
    ndarray of float32
        Shape (frames, `BANDS`, features), in the order of `FEATURES`. Frames nearer than twice `REACH_FRAMES` to either
        end lack some of their neighbours.
    """
    triangles = _bands(power.shape[-1])
    total = power.sum(axis=0)
    around = _smooth(total.mean(axis=-1, keepdims=True)) + np.float32(_SILENCE)
    level = np.log(product(total, (triangles / triangles.sum(axis=1, keepdims=True)).T) / around + np.float32(_FLOOR))
    planes = uncertainty.reshape(len(uncertainty), PLANES, BANDS, -1)
    zeros_mid, zeros_side, free = np.moveaxis(_sum(planes[:, 2:5]) / np.float32(planes.shape[-1]), 1, 0)
    known = planes[:, 0] > LOG_FLOOR + 0.01
    count = _sum(known.astype(np.float32))
    cells = _sum(np.where(known, planes[:, 0], 0)) / np.maximum(count, 1)
    cells = np.clip(cells - 0.5 * (np.log(around) + level), _LEAST_CELLS, _MOST_CELLS)
    cells[count == 0] = _LEAST_CELLS
    frequency = np.broadcast_to(np.linspace(0, 1, BANDS, dtype=np.float32), free.shape)
    columns = (np.ones_like(free), zeros_mid, zeros_side, free, cells / 3, frequency, level / 6)
    return _smooth(np.stack(columns, axis=-1).astype(np.float32))


def strengths(described: NDArray[np.float32], weights: Sequence[float]) -> NDArray[np.float32]:
    """Return strengths (frames, `BANDS`), 0 to 1, from features (frames, `BANDS`, features)."""
    logits = described @ np.asarray(weights, np.float32)
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits), dtype=np.float32)  # never overflows


def evidence(
    power: NDArray[np.float32], uncertainty: NDArray[np.float32], weights: Sequence[float], halo: int
) -> NDArray[np.float32]:
    """Return a strength, 0 to 1, for frames that have `halo` frames on either side: (frames, bins).

    The bins are those of the noise, every second one of `power`.

    Parameters
    ----------
    power, uncertainty : ndarray of float32
        As for `features`.
    weights : sequence of float
        A weight for each of the `FEATURES`.
    halo : int
        Frames at either end that only serve as neighbours, twice `REACH_FRAMES` or more.
    """
    found = strengths(features(power, uncertainty)[halo : len(uncertainty) - halo], weights)
    return product(found, _bands(power.shape[-1] // 2 + 1))
