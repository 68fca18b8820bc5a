"""The steps of bands, told from the decoded lines of an MP3 where it can be and estimated where it cannot.

Steps are exponents here, in quarter octaves over the gain of the samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mp3restore.mp3.lattice import cell_limits, lattice_values, nearest
from mp3restore.mp3.tables import LINES, PRETAB, SHORT_BLOCK, SLOTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Deviations of the noise within which a line lies on a lattice point: that of rounding a million samples stays within.
_ON_LATTICE: Final = 5.0
# Exactness of the analysis: share of the value of a line.
_EXACT: Final = 1e-4
# How many quarter octaves below the smallest line of a band its step is looked for.
_DEEPEST: Final = 64
# A step is sure where fewer than this many of the coarser ones and itself would have fitted by chance.
_BY_CHANCE: Final = 0.01
# What other bands are judged by is surer than that, where such a step is to be had.
_CERTAIN: Final = 1e-4
# Quarter octaves that a scale factor counts, and twice that with the other scale (11172-3, 2.4.2.7, scalefac_scale).
_UNIT: Final = 2
# An encoder with scale factors uses them in more of the granules; fewer are errors.
_USES_FACTORS: Final = 0.01


def read_exponents(
    magnitude: NDArray[np.float32],
    noise: NDArray[np.float32],
    coded: NDArray[np.intp],
    bands: NDArray[np.int64],
    gain: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the coarsest steps on whose lattice all coded lines of a band lie, as far as they can be told.

    Parameters
    ----------
    magnitude : ndarray of float32
        Lines without their sign, shape (n, channels, 576).
    noise : ndarray of float32
        Deviation of the rounding noise in lines of each granule and channel, shape (n, channels).
    coded : ndarray of int
        Places of the coded lines in the flattened ``magnitude``, in order.
    bands : ndarray of int
        Band of every line, 39 for each granule and channel; same shape as ``magnitude``.
    gain : float
        Gain of the samples over the decoder's output.

    Returns
    -------
    exponents : ndarray of float64
        Shape (n, channels, 39); NaN in bands without coded lines. Where the step is not sure, this is the coarsest
        that it can be, by the smallest line.
    odds : ndarray of float64
        How often chance would have put the lines on this lattice or on a coarser one, where that is so seldom that the
        step is sure; else 1. Same shape.
    """
    count, channels = magnitude.shape[:2]
    result, odds = np.full(count * channels * SLOTS, np.nan), np.ones(count * channels * SLOTS)
    order = np.argsort(bands.ravel()[coded], kind="stable")
    sites = coded[order]
    value, band = magnitude.ravel()[sites].astype(np.float64) / gain, bands.ravel()[sites]
    allowed = _ON_LATTICE * noise.ravel()[sites // LINES] / gain + _EXACT * value
    starts = np.flatnonzero(np.diff(band, prepend=-1))
    lengths = np.diff(np.append(starts, band.size))
    smallest = np.minimum.reduceat(value + allowed, starts)
    coarsest, owner = np.floor(4 * np.log2(smallest)), band[starts]
    result[owner] = coarsest
    chance = np.zeros(starts.size)
    for depth in range(_DEEPEST):  # pragma: no branch - all are told before the deepest step
        exponent = coarsest - depth
        fits, more = _fit(value, allowed, starts, lengths, np.exp2(exponent / 4))
        chance += more
        likely = chance < _BY_CHANCE
        found = fits & likely
        result[owner[found]], odds[owner[found]] = exponent[found], chance[found]
        left = ~fits & likely
        if not left.any():
            break
        keep = np.repeat(left, lengths)
        value, allowed = value[keep], allowed[keep]
        coarsest, owner, lengths, chance = coarsest[left], owner[left], lengths[left], chance[left]
        starts = np.cumsum(lengths) - lengths
    shape = (count, channels, SLOTS)
    exponents, odds = result.reshape(shape), odds.reshape(shape)
    return exponents, np.where(_one_parity(exponents, odds < 1), odds, 1)


def _fit(
    value: NDArray[np.float64],
    allowed: NDArray[Any],
    starts: NDArray[np.intp],
    lengths: NDArray[np.intp],
    step: NDArray[np.float64],
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return whether all lines of each band lie on the lattice of its step, and the chance that others would."""
    steps = np.repeat(step, lengths)
    scaled = value / steps
    q = nearest(scaled.astype(np.float32))
    lower, upper = cell_limits(q)
    away = np.abs(scaled - lattice_values(q)) * steps <= allowed
    chance = np.minimum(2 * allowed / ((upper - lower) * steps), 1)
    return np.logical_and.reduceat(away, starts), np.exp(np.add.reduceat(np.log(chance), starts))


def _one_parity(exponents: NDArray[np.float64], sure: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which steps remain sure: in a granule of one channel all lie an even number of quarter octaves apart.

    Scale factors count half octaves or octaves, window gains two octaves (11172-3, 2.4.3.4.7).
    """
    odd = np.where(sure, exponents, 0).astype(np.int64) % 2 == 1
    mostly_odd = (odd & sure).sum(axis=-1) > sure.sum(axis=-1) / 2
    return np.asarray(sure & (odd == mostly_odd[..., None]))


def completed(
    exponents: NDArray[np.float64], odds: NDArray[np.float64], block_type: NDArray[np.uint8], *, pretab: bool
) -> NDArray[np.float64]:
    """Give bands without a sure step the one that LAME would have written for them.

    It leaves the scale factors of bands of zeros at 0, so that their step is the coarsest of the granule and channel,
    which is that of its global gain. Before it does so it moves the table of the standard for the treble, `PRETAB`, out
    of the scale factors wherever they allow (LAME 3.100, takehiro.c, best_scalefac_store). Encoders without scale
    factors have that step everywhere.

    Parameters
    ----------
    exponents, odds : ndarray of float64
        As `read_exponents` returns them.
    block_type : ndarray of uint8
        Shape (n, channels).
    pretab : bool
        Whether the MP3 has that table: MPEG-1.

    Returns
    -------
    ndarray of float64
        Shape (n, channels, 39); NaN in granules without a sure step. Bands with coded lines have a step no coarser than
        these lines allow.
    """
    sure, certain = odds < 1, odds < _CERTAIN
    judging = np.where(certain.any(axis=-1, keepdims=True), certain, sure)
    top = np.where(judging, exponents, -np.inf).max(axis=-1, keepdims=True)
    below = np.where(judging, np.maximum(top - exponents, 0), 0)
    # A silent channel takes the step of the other.
    top = np.where(np.isfinite(top), top, top.max(axis=1, keepdims=True))
    estimate = np.repeat(np.where(np.isfinite(top), top, np.nan), SLOTS, axis=-1)
    if pretab and np.mean(below.any(axis=-1)) > _USES_FACTORS:
        octaves = (below % (2 * _UNIT) == 0).all(axis=-1) & below.any(axis=-1)
        bands = slice(PRETAB.size)
        lift = PRETAB * np.where(octaves, 2 * _UNIT, _UNIT)[..., None]
        room = np.where(np.isfinite(exponents), top - exponents, np.inf)[..., bands]
        allowed = (room >= lift).all(axis=-1) & (block_type != SHORT_BLOCK)
        estimate[..., bands] -= np.where(allowed[..., None], lift, 0)
    return np.where(sure, exponents, np.fmin(exponents, estimate))
