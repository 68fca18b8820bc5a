"""The hybrid filter bank of layer III in both directions: 32-band polyphase filter and MDCT (11172-3, 2.4.3.4).

Synthesis turns coefficients into the decoder's output; analysis of that output on the decoder's own grid recovers the
transmitted coefficients. A granule's basis functions start at its first sample and are up to 1632 samples long.

The polyphase filter of the standard is orthogonal only to -84 dB: the analysis of an encoder would leave that much of
every line in other lines. So our analysis uses, instead of the standard's prototype filter, its dual, which is twice as
long and inverts the synthesis to the precision of float32.

Both directions are matrix products over many granules at once, in float32.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mp3restore._typing import FloatArray
from mp3restore.mp3.stream import GRANULE_SAMPLES, band_layout
from mp3restore.mp3.tables import (
    ALIAS_C,
    LINES,
    MIXED_LAYOUT,
    SHORT_BLOCK,
    SHORT_LAYOUT,
    prototype_filter,
)

SUPPORT: Final = 1632
"""Samples from the start of a granule to the end of its longest basis function."""
OVERLAP: Final = SUPPORT - GRANULE_SAMPLES
"""``n`` granules make ``576 n + OVERLAP`` samples."""
HALO: Final = 256
"""Samples that analysis needs on both sides beyond those that synthesis makes."""

_BANDS: Final = 32
_TAPS: Final = 512
_DUAL_TAPS: Final = _TAPS + 2 * HALO
_PERIOD: Final = 64
_SLOTS: Final = 18
_PASS: Final = 640  # rows of samples filtered at once
_MIXED_ROTATED: Final = 26  # lines of a mixed block that take part in alias reduction


def _cosines(taps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the modulation of the sub-bands, shape (taps, 32) (11172-3, 2.4.3.2.2, matrixing)."""
    return np.cos(np.outer(16 + taps, 2 * np.arange(_BANDS) + 1) * np.pi / 64)


@cache
def _matrixing() -> FloatArray:
    """Return one period of the modulation up to its sign, shape (2, 64, 32); index 1 is for odd time slots.

    In odd slots the odd sub-bands change sign (frequency inversion, 11172-3, 2.4.3.4.10.1).
    """
    even = _cosines(np.arange(_PERIOD))
    return np.stack([even, even * np.where(np.arange(_BANDS) % 2, -1.0, 1.0)]).astype(np.float32)


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
    functions = np.zeros((5 * _TAPS, _BANDS))
    functions[2 * _TAPS : 3 * _TAPS] = prototype_filter()[:, None] * _cosines(np.arange(_TAPS))
    shifts = np.arange(_BANDS - _TAPS - HALO, _TAPS + HALO, _BANDS)
    dual = np.empty(_DUAL_TAPS)
    for residue in range(_PERIOD):
        partner = (_BANDS - residue) % _PERIOD
        if partner < residue:
            continue
        coupled = np.flatnonzero(np.isin(tap % _PERIOD, (residue, partner)))
        seen = functions[2 * _TAPS + tap[coupled, None] - shifts].reshape(len(coupled), -1)
        cosines = _cosines(tap[coupled])
        gram = cosines @ cosines.T
        normal = seen @ seen.T * gram
        target = padded[coupled] * np.diag(gram) * _BANDS - normal @ padded[coupled]
        # Some directions change nothing; the ridge keeps q from drifting along them, away from the prototype.
        ridge = 1e-9 * _BANDS**2 * np.eye(len(coupled))
        dual[coupled] = padded[coupled] + np.linalg.solve(normal + ridge, target)
    return _rows(dual)


@cache
def _imdct() -> FloatArray:
    """Return the windowed inverse MDCT of each block type, shape (4, 36, 18) (11172-3, 2.4.3.4.10.2 and .3)."""
    time = np.arange(36)[:, None]
    line = np.arange(18)[None, :]
    wave = np.cos(np.pi / 72 * (2 * time + 1 + 18) * (2 * line + 1))
    long = np.sin(np.pi / 36 * (np.arange(36) + 0.5))
    short = np.sin(np.pi / 12 * (np.arange(12) + 0.5))
    start = np.concatenate([long[:18], np.ones(6), short[6:], np.zeros(6)])
    matrices = np.zeros((4, 36, 18))
    for block_type, window in ((0, long), (1, start), (3, start[::-1])):
        matrices[block_type] = window[:, None] * wave
    time, line = np.arange(12)[:, None], np.arange(6)[None, :]
    wave = short[:, None] * np.cos(np.pi / 24 * (2 * time + 1 + 6) * (2 * line + 1))
    for window in range(3):
        matrices[SHORT_BLOCK, 6 + 6 * window : 18 + 6 * window, window::3] = wave
    return matrices.astype(np.float32)


@cache
def _mdct() -> FloatArray:
    """Return the forward transform of each block type, shape (4, 36, 18), including the polyphase gain of 1/32.

    The squared norm of a basis function is 9 in long and 3 in short blocks.
    """
    scale = np.array([9, 9, 3, 9], dtype=np.float32) * _BANDS
    return _imdct() / scale[:, None, None]


@cache
def _butterflies() -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Return the alias reduction as partner, cosine and sine of each line, each (576,) (11172-3, 2.4.3.4.10.1).

    A line becomes its cosine times itself plus its sine times its partner.
    """
    partner, cosine, sine = np.arange(LINES), np.ones(LINES), np.zeros(LINES)
    edges = _SLOTS * np.arange(1, _BANDS)[:, None]
    upper, lower = edges - 1 - np.arange(len(ALIAS_C)), edges + np.arange(len(ALIAS_C))
    partner[upper], partner[lower] = lower, upper
    cosine[upper] = cosine[lower] = 1 / np.sqrt(1 + ALIAS_C**2)
    sine[lower] = cosine[lower] * ALIAS_C
    sine[upper] = -sine[lower]
    return partner, cosine.astype(np.float32), sine.astype(np.float32)


def _rotate(lines: FloatArray, layout: NDArray[np.uint8], sign: float) -> None:
    """Apply the alias-reduction butterflies in place; ``sign`` is 1 for synthesis and -1 for its inverse.

    Short blocks have no alias reduction.
    """
    partner, cosine, sine = _butterflies()
    short, mixed = layout == SHORT_LAYOUT, layout == MIXED_LAYOUT
    before_short, before_mixed = lines[short], lines[mixed, _MIXED_ROTATED:]
    others = np.take(lines, partner, axis=-1)
    others *= np.float32(sign) * sine
    lines *= cosine
    lines += others
    lines[short] = before_short
    lines[mixed, _MIXED_ROTATED:] = before_mixed


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


def polyphase_analysis(samples: FloatArray, slots: int) -> FloatArray:
    """Return sub-band samples (channels, slots, 32) of ``samples`` (channels, 32 * slots + 992).

    Slots of one parity are 64 samples apart, which is the period of the modulation: their windows are rows of one
    matrix.
    """
    channels = samples.shape[0]
    result = np.empty((channels, slots, _BANDS), dtype=np.float32)
    weights = _analysis_rows()
    for parity, matrix in enumerate(_matrixing()):
        count = (slots + 1 - parity) // 2
        start = _BANDS * parity
        rows = samples[:, start : start + _PERIOD * (count + len(weights) - 1)].reshape(channels, -1, _PERIOD)
        result[:, parity::2] = _windowed(rows, weights) @ matrix
    return result


def _polyphase_synthesis(subbands: FloatArray) -> FloatArray:
    """Return samples (channels, 32 * slots + 480) of ``subbands`` (channels, slots, 32)."""
    channels, slots, _ = subbands.shape
    result = np.zeros((channels, _BANDS * slots + _TAPS - _BANDS), dtype=np.float32)
    weights = _synthesis_rows()
    around = len(weights) - 1
    for parity, matrix in enumerate(_matrixing()):
        count = (slots + 1 - parity) // 2
        vectors = np.zeros((channels, count + 2 * around, _PERIOD), dtype=np.float32)
        np.matmul(subbands[:, parity::2], matrix.T, out=vectors[:, around : around + count])
        rows = _windowed(vectors, weights[::-1])
        start = _BANDS * parity
        result[:, start : start + _PERIOD * rows.shape[1]] += rows.reshape(channels, -1)
    return result


def analyse(samples: FloatArray, block_type: NDArray[np.uint8], mixed: NDArray[np.bool_]) -> FloatArray:
    """Return the MDCT coefficients of consecutive granules.

    Parameters
    ----------
    samples : ndarray of float32
        Shape (channels, 576 * n + 1056 + 512), full scale 1.0; granule 0 starts at sample 256.
    block_type : ndarray of uint8
        Block type of every granule and channel, shape (n, channels).
    mixed : ndarray of bool
        Whether the block is mixed, shape (n, channels).

    Returns
    -------
    ndarray of float32
        Coefficients, shape (n, channels, 576), in the units of the requantised values of 11172-3, 2.4.3.4.7.
    """
    count = block_type.shape[0]
    subbands = polyphase_analysis(np.ascontiguousarray(samples, dtype=np.float32), _SLOTS * (count + 1))
    return analyse_subbands(subbands, block_type, mixed)


def analyse_subbands(subbands: FloatArray, block_type: NDArray[np.uint8], mixed: NDArray[np.bool_]) -> FloatArray:
    """Return the MDCT coefficients, as `analyse` does, of sub-band samples (channels, 18 * (n + 1) or more, 32)."""
    count, channels = block_type.shape
    blocks = _overlapping(subbands, count)
    lines = np.empty((count, channels, _BANDS, _SLOTS), dtype=np.float32)
    np.matmul(blocks.swapaxes(-1, -2), _mdct()[block_type], out=lines)
    if mixed.any():
        lines[mixed, :2] = blocks[mixed][..., :2].swapaxes(-1, -2) @ _mdct()[0]
    result = lines.reshape(count, channels, LINES)
    _rotate(result, band_layout(block_type, mixed), -1.0)
    return result


def long_lines_at_every_slot(subbands: FloatArray, count: int, step: int = 1) -> FloatArray:
    """Return the long blocks that start at every ``step``-th of the first ``count`` slots: (n, channels, bands, 18).

    ``subbands`` has shape (channels, count + 35 or more, bands); only the lowest bands may be given. The last has no
    alias reduction to a band above it.
    """
    channel, slot, band = subbands.strides
    shape = (-(-count // step), subbands.shape[0], subbands.shape[2], 2 * _SLOTS)
    blocks = np.lib.stride_tricks.as_strided(subbands, shape, (step * slot, channel, band, slot), writeable=False)
    lines: FloatArray = np.matmul(blocks, _mdct()[0])
    # The frequency inversion of odd slots falls on even ones where the block starts at an odd one.
    lines[1::2, :, 1::2] *= -1 if step % 2 else 1
    taps = len(ALIAS_C)
    _, cosine, sine = _butterflies()
    rotation, cross = cosine[_SLOTS : _SLOTS + taps], sine[_SLOTS : _SLOTS + taps]
    upper, lower = lines[:, :, :-1, : -taps - 1 : -1], lines[:, :, 1:, :taps]
    before = upper.copy()
    upper *= rotation
    upper += cross * lower
    lower *= rotation
    lower -= cross * before
    return lines


def synthesise(lines: FloatArray, block_type: NDArray[np.uint8], mixed: NDArray[np.bool_]) -> FloatArray:
    """Return the signal of consecutive granules; the inverse of `analyse`.

    ``lines`` has shape (n, channels, 576), the result (channels, 576 * n + 1056), full scale 1.0.
    """
    count, channels = block_type.shape
    work = np.array(lines, dtype=np.float32)
    _rotate(work, band_layout(block_type, mixed), 1.0)
    bands = work.reshape(count, channels, _BANDS, _SLOTS).swapaxes(-1, -2)
    blocks = _imdct()[block_type] @ bands
    if mixed.any():
        blocks[mixed, :, :2] = _imdct()[0] @ bands[mixed][..., :2]
    halves = blocks.reshape(count, channels, 2, _SLOTS, _BANDS)
    subbands = np.zeros((channels, count + 1, _SLOTS, _BANDS), dtype=np.float32)
    subbands[:, :-1] += halves[:, :, 0].swapaxes(0, 1)
    subbands[:, 1:] += halves[:, :, 1].swapaxes(0, 1)
    return _polyphase_synthesis(subbands.reshape(channels, -1, _BANDS))


def _overlapping(subbands: FloatArray, count: int) -> FloatArray:
    """View sub-band samples (channels, 18 * (n + 1), 32) as blocks (n, channels, 36, 32) that overlap by half."""
    channel, slot, band = subbands.strides
    shape = (count, subbands.shape[0], 2 * _SLOTS, _BANDS)
    return np.lib.stride_tricks.as_strided(subbands, shape, (_SLOTS * slot, channel, slot, band), writeable=False)
