"""The hybrid filter bank of layer III in both directions: 32-band polyphase filter and MDCT (11172-3, 2.4.3.4).

Synthesis turns coefficients into the decoder's output; analysis of that output on the decoder's own grid recovers the
transmitted coefficients. A granule's basis functions start at its first sample and are up to 1632 samples long.

Both directions are matrix products over many granules at once, in float32. They can do without the highest sub-bands,
of which most of what an encoder leaves out is.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mp3restore._typing import FloatArray
from mp3restore.mp3.polyphase import HALO, SUBBANDS, polyphase_analysis, polyphase_synthesis
from mp3restore.mp3.stream import GRANULE_SAMPLES, band_layout
from mp3restore.mp3.tables import ALIAS_C, MIXED_LAYOUT, SHORT_BLOCK, SHORT_LAYOUT

__all__ = [
    "HALO",
    "OVERLAP",
    "SUPPORT",
    "analyse",
    "analyse_subbands",
    "long_lines_at_every_slot",
    "polyphase_analysis",
    "subbands_below",
    "synthesise",
]

SUPPORT: Final = 1632
"""Samples from the start of a granule to the end of its longest basis function."""
OVERLAP: Final = SUPPORT - GRANULE_SAMPLES
"""``n`` granules make ``576 n + OVERLAP`` samples."""

_SLOTS: Final = 18
_MIXED_ROTATED: Final = 26  # lines of a mixed block that take part in alias reduction


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
    scale = np.array([9, 9, 3, 9], dtype=np.float32) * SUBBANDS
    return _imdct() / scale[:, None, None]


def subbands_below(line: int) -> int:
    """Return how many sub-bands lines below ``line`` need: their own, and the one above, of which they have aliases."""
    return min(SUBBANDS, -(-line // _SLOTS) + 1)


@cache
def _butterflies(bands: int) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Return the alias reduction of the lowest sub-bands (11172-3, 2.4.3.4.10.1).

    Returns partner, cosine and sine of each line, (18 * bands,) each: a line becomes its cosine times itself plus its
    sine times its partner.
    """
    count = _SLOTS * bands
    partner, cosine, sine = np.arange(count), np.ones(count), np.zeros(count)
    edges = _SLOTS * np.arange(1, bands)[:, None]
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
    partner, cosine, sine = _butterflies(lines.shape[-1] // _SLOTS)
    short, mixed = layout == SHORT_LAYOUT, layout == MIXED_LAYOUT
    before_short, before_mixed = lines[short], lines[mixed, _MIXED_ROTATED:]
    others = np.take(lines, partner, axis=-1)
    others *= np.float32(sign) * sine
    lines *= cosine
    lines += others
    lines[short] = before_short
    lines[mixed, _MIXED_ROTATED:] = before_mixed


def analyse(
    samples: FloatArray, block_type: NDArray[np.uint8], mixed: NDArray[np.bool_], *, bands: int = SUBBANDS
) -> FloatArray:
    """Return the MDCT coefficients of consecutive granules.

    Parameters
    ----------
    samples : ndarray of float32
        Shape (channels, 576 * n + 1056 + 512), full scale 1.0; granule 0 starts at sample 256.
    block_type : ndarray of uint8
        Block type of every granule and channel, shape (n, channels).
    mixed : ndarray of bool
        Whether the block is mixed, shape (n, channels).
    bands : int
        How many sub-bands to analyse, from the lowest on; see `subbands_below`.

    Returns
    -------
    ndarray of float32
        Coefficients, shape (n, channels, 18 * bands), in the units of the requantised values of 11172-3, 2.4.3.4.7.
    """
    slots = _SLOTS * (block_type.shape[0] + 1)
    subbands = polyphase_analysis(np.ascontiguousarray(samples, dtype=np.float32), slots, bands)
    return analyse_subbands(subbands, block_type, mixed)


def analyse_subbands(subbands: FloatArray, block_type: NDArray[np.uint8], mixed: NDArray[np.bool_]) -> FloatArray:
    """Return the MDCT coefficients, as `analyse` does, of sub-band samples (channels, 18 * (n + 1) or more, bands)."""
    count, channels = block_type.shape
    blocks = _overlapping(subbands, count)
    lines = np.empty((count, channels, subbands.shape[2], _SLOTS), dtype=np.float32)
    np.matmul(blocks.swapaxes(-1, -2), _mdct()[block_type], out=lines)
    if mixed.any():
        lines[mixed, :2] = blocks[mixed][..., :2].swapaxes(-1, -2) @ _mdct()[0]
    result = lines.reshape(count, channels, -1)
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
    _, cosine, sine = _butterflies(SUBBANDS)
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

    ``lines`` has shape (n, channels, 576), or fewer where those of the highest sub-bands are zero, all of the highest
    sub-band that is left included. The result has shape (channels, 576 * n + 1056), full scale 1.0.
    """
    count, channels = block_type.shape
    work = np.array(lines, dtype=np.float32)
    _rotate(work, band_layout(block_type, mixed), 1.0)
    bands = work.reshape(count, channels, -1, _SLOTS).swapaxes(-1, -2)
    blocks = _imdct()[block_type] @ bands
    if mixed.any():
        blocks[mixed, :, :2] = _imdct()[0] @ bands[mixed][..., :2]
    halves = blocks.reshape(count, channels, 2, _SLOTS, -1).swapaxes(0, 1)
    subbands = np.empty((channels, count + 1, *halves.shape[3:]), dtype=np.float32)
    subbands[:, :-1] = halves[:, :, 0]
    subbands[:, -1] = 0
    subbands[:, 1:] += halves[:, :, 1]
    return polyphase_synthesis(subbands.reshape(channels, _SLOTS * (count + 1), -1))


def _overlapping(subbands: FloatArray, count: int) -> FloatArray:
    """View sub-band samples (channels, 18 * (n + 1), bands) as blocks (n, channels, 36, bands) that overlap by half."""
    channel, slot, band = subbands.strides
    shape = (count, subbands.shape[0], 2 * _SLOTS, subbands.shape[2])
    return np.lib.stride_tricks.as_strided(subbands, shape, (_SLOTS * slot, channel, slot, band), writeable=False)
