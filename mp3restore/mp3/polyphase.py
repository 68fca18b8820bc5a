"""The polyphase filter of layer III in both directions: 32 sub-bands (11172-3, 2.4.3.4.10 and C.1.3).

The filter of the standard is orthogonal only to -84 dB: the analysis of an encoder would leave that much of every line
in other lines. So our analysis uses, instead of the standard's prototype filter, its dual, which is twice as long and
inverts the synthesis to the precision of float32.

Both directions are matrix products over many time slots at once, in float32. They can do without the highest sub-bands.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mp3restore._typing import FloatArray
from mp3restore.dsp.products import product
from mp3restore.mp3.tables import prototype_filter

__all__ = ["HALO", "SUBBANDS", "polyphase_analysis", "polyphase_synthesis"]

SUBBANDS: Final = 32

HALO: Final = 256
"""Samples that analysis needs on both sides beyond those that synthesis makes."""

_TAPS: Final = 512
_DUAL_TAPS: Final = _TAPS + 2 * HALO
_PERIOD: Final = 64
_PASS: Final = 640  # rows of samples filtered at once


def _cosines(taps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the modulation of the sub-bands, shape (taps, 32) (11172-3, 2.4.3.2.2, matrixing)."""
    return np.cos(np.outer(16 + taps, 2 * np.arange(SUBBANDS) + 1) * np.pi / 64)


@cache
def _matrixing() -> FloatArray:
    """Return one period of the modulation up to its sign, shape (2, 64, 32); index 1 is for odd time slots.

    In odd slots the odd sub-bands change sign (frequency inversion, 11172-3, 2.4.3.4.10.1).
    """
    even = _cosines(np.arange(_PERIOD))
    return np.stack([even, even * np.where(np.arange(SUBBANDS) % 2, -1.0, 1.0)]).astype(np.float32)


def _rows(prototype: NDArray[np.float64]) -> FloatArray:
    """Return a prototype filter in rows of 64, each repeated for `_PASS` rows of samples: (taps / 64, 64 * _PASS).

    Every other row is negated, because the modulation changes its sign from row to row.
    """
    rows = prototype.reshape(-1, _PERIOD)
    signed = rows * np.where(np.arange(len(rows)) % 2, -1.0, 1.0)[:, None]
    return np.tile(signed, (1, _PASS)).astype(np.float32)


@cache
def _synthesis_rows() -> FloatArray:
    return _rows(prototype_filter())


@cache
def _analysis_rows() -> FloatArray:
    """Return the rows of the dual prototype q, which minimises |A(q) S - I| in the least-squares sense.

    A(q) S - I is linear in q. Summed over both bands, its normal equations need only the Gram matrix of the cosines.
    This matrix couples only taps with a certain sum or difference modulo 64, so each such set is a small system.
    """
    tap = np.arange(-HALO, _TAPS + HALO)
    padded = np.zeros(_DUAL_TAPS)
    padded[HALO:-HALO] = prototype_filter()
    # Synthesis functions, padded on both sides as far as the analysis can see.
    functions = np.zeros((5 * _TAPS, SUBBANDS))
    functions[2 * _TAPS : 3 * _TAPS] = prototype_filter()[:, None] * _cosines(np.arange(_TAPS))
    shifts = np.arange(SUBBANDS - _TAPS - HALO, _TAPS + HALO, SUBBANDS)
    dual = np.empty(_DUAL_TAPS)
    for residue in range(_PERIOD):
        partner = (SUBBANDS - residue) % _PERIOD
        if partner < residue:
            continue
        coupled = np.flatnonzero(np.isin(tap % _PERIOD, (residue, partner)))
        seen = functions[2 * _TAPS + tap[coupled, None] - shifts].reshape(len(coupled), -1)
        cosines = _cosines(tap[coupled])
        gram = cosines @ cosines.T
        normal = product(seen, seen.T) * gram
        target = padded[coupled] * np.diag(gram) * SUBBANDS - normal @ padded[coupled]
        # Some directions change nothing; the ridge keeps q from drifting along them, away from the prototype.
        ridge = 1e-9 * SUBBANDS**2 * np.eye(len(coupled))
        dual[coupled] = padded[coupled] + np.linalg.solve(normal + ridge, target)
    return _rows(dual)


def _windowed(rows: FloatArray, weights: FloatArray) -> FloatArray:
    """Sum consecutive rows with weights: (channels, n, 64), (taps, 64 * _PASS) to (channels, n - taps + 1, 64)."""
    channels, taps = rows.shape[0], len(weights)
    flat = rows.reshape(channels, -1)
    sums = np.empty((channels, flat.shape[1] - _PERIOD * (taps - 1)), np.float32)
    channel, sample = flat.strides
    for begin in range(0, sums.shape[1], weights.shape[1]):
        part = sums[:, begin : begin + weights.shape[1]]
        shape, strides = (channels, taps, part.shape[1]), (channel, _PERIOD * sample, sample)
        windows = np.lib.stride_tricks.as_strided(flat[:, begin:], shape, strides, writeable=False)
        # The rows are long, and the sum of products runs along each of them in one go.
        np.einsum("krt,rt->kt", windows, weights[:, : part.shape[1]], out=part)
    return sums.reshape(channels, -1, _PERIOD)


def polyphase_analysis(samples: FloatArray, slots: int, bands: int = SUBBANDS) -> FloatArray:
    """Return sub-band samples (channels, slots, bands) of ``samples`` (channels, 32 * slots + 992), the lowest first.

    Slots of one parity are 64 samples apart, which is the period of the modulation: their windows are rows of one
    matrix.
    """
    channels = samples.shape[0]
    result = np.empty((channels, slots, bands), dtype=np.float32)
    weights = _analysis_rows()
    for parity, matrix in enumerate(_matrixing()):
        count = (slots + 1 - parity) // 2
        start = SUBBANDS * parity
        rows = samples[:, start : start + _PERIOD * (count + len(weights) - 1)].reshape(channels, -1, _PERIOD)
        result[:, parity::2] = product(_windowed(rows, weights), matrix[:, :bands])
    return result


def polyphase_synthesis(subbands: FloatArray) -> FloatArray:
    """Return samples (channels, 32 * slots + 480) of ``subbands`` (channels, slots, 32), or of the lowest of them."""
    channels, slots, bands = subbands.shape
    result = np.zeros((channels, SUBBANDS * slots + _TAPS - SUBBANDS), dtype=np.float32)
    weights = _synthesis_rows()
    around = len(weights) - 1
    for parity, matrix in enumerate(_matrixing()):
        count = (slots + 1 - parity) // 2
        vectors = np.zeros((channels, count + 2 * around, _PERIOD), dtype=np.float32)
        product(subbands[:, parity::2], matrix[:, :bands].T, out=vectors[:, around : around + count])
        rows = _windowed(vectors, weights[::-1])
        start = SUBBANDS * parity
        result[:, start : start + _PERIOD * rows.shape[1]] += rows.reshape(channels, -1)
    return result
