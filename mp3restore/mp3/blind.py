"""The coding of an MP3, read from decoded samples alone.

On the grid of its granules a decoded MP3 shows what its encoder wrote. Lines that were coded as zero hold nothing but
the rounding noise of the samples, which is white. All others lie on the lattice of `lattice`, and so, line by line,
tell the step of their band. Decoders play the lattice at a gain of 1, but what happened to the samples later may have
changed it. Steps are whole powers of the fourth root of two, so the gain shows, up to such powers, in the logarithms
of the lines: those of ``q = 1`` share one fraction of a quarter octave.

Reading a decoder's input from its output was introduced as the "inverse decoder": J. Herre, M. Schug, "Analysis of
Decompressed Audio - The Inverse Decoder", AES 109th Convention, 2000. The grid itself is found in `offsets`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mp3restore.mp3.filterbank import analyse_subbands, polyphase_analysis
from mp3restore.mp3.lattice import nearest, rotate_ms
from mp3restore.mp3.steps import completed, read_exponents
from mp3restore.mp3.stream import band_layout
from mp3restore.mp3.tables import LINES, SLOTS, slot_of_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_TYPES: Final = 4
_MPEG1_RATE: Final = 32000
# Lines that no encoder uses at the rates where they are audible, and that hold only noise.
_NOISE_LINES: Final = 20
_MEDIAN_OF_NORMAL: Final = 0.6745
# Their lowest quarter, of which the noise is told, is so many deviations wide: some encoders do use such lines.
_LOWEST: Final = 0.25
_LOWEST_OF_NORMAL: Final = 0.3186
_SLOTS: Final = 18
# Of the lines below the last coded one, a wrong block type leaves hardly any at zero.
_PLAINLY_LONG: Final = 0.4
# White noise in lines of each block type: the functions of short blocks have a third of the energy.
_WIDTHS: Final = np.sqrt([1, 1, 3, 1]).astype(np.float32)
# Deviations of the noise beyond which a line is coded: that of rounding a million samples does not go there.
_CODED: Final = 5.5
# Of samples that were not rounded: that of the filter bank's float32, as a share of the level of a granule.
_LEAST_NOISE: Final = 3e-6
_SILENCE: Final = 1e-9
# Shares of small q among coded lines, as in music at 32 to 192 kbit/s.
_Q_SHARES: Final = (0.6, 0.15, 0.07, 0.05, 0.03, 0.02)
# Lines that tell the gain: one of each group, so many deviations of the noise high.
_GROUP: Final = 16
_EXACT_LINES: Final = (300, 100, 40)
_PHASE_BINS: Final = 512
_REACHES: Final = (0.015, 0.006, 0.002)
_PHASE_LINES: Final = 200
_PHASE_CLEAR: Final = 8.0
# A granule is sound where so many of its coded lines have a sure step: chance gives one of a hundred bands one, and
# quiet music, whose steps are hardly larger than the noise, has fewer than loud music.
_SURE_SHARE: Final = 0.25
_LEAST_LINES: Final = 8


@dataclass(frozen=True, slots=True)
class Coding:
    """What a run of granules shows of its coding; planes are mid and side where ``ms``, else left and right."""

    block_type: NDArray[np.uint8]
    """0 long, 1 start, 2 short, 3 stop; shape (n, channels)."""
    ms: NDArray[np.bool_]
    """Granules coded as mid and side, shape (n,)."""
    lines: NDArray[np.float32]
    """What the filter bank shows, shape (n, channels, 576): coded lines, and between them the rounding noise."""
    values: NDArray[np.int16]
    """``q`` with its sign, shape (n, channels, 576); where the step is not sure, of the coarsest that it can be."""
    steps: NDArray[np.float32]
    """Step of every line, at the gain of the samples, same shape: the coarsest that it can be where it is not sure, an
    estimate in bands of zeros, 0 in granules without a sure step."""
    sure: NDArray[np.bool_]
    """Lines whose band has a sure step, same shape; such a band has coded lines."""
    sound: NDArray[np.bool_]
    """Granules many of whose coded lines have a sure step, shape (n,)."""
    gain: float
    """Gain of the samples over the decoder's output, from 1 up to the fourth root of two; 0 where none shows."""


def read_coding(samples: NDArray[np.float32], count: int, sample_rate: int, *, gain: float = 0.0) -> Coding:
    """Read the coding of consecutive granules from samples on their grid.

    Parameters
    ----------
    samples : ndarray of float32
        Shape (channels, 576 * count + 1056 + 512), one or two channels, any gain; granule 0 starts at sample 256.
    count : int
        Number of granules; the gain is one for all.
    sample_rate : int
        Samples per second, one of an MP3.
    gain : float
        Where these samples do not show their gain, the one to take.
    """
    lines, block_type, ms, noise = _planes(samples, count)
    gain = _gain(np.abs(lines), noise) or gain
    read = partial(_on_lattice, gain=gain, sample_rate=sample_rate)
    found = read(lines, block_type, noise)
    values, steps, sure, sound = found
    # Mid and side that are equal somewhere leave zeros in left or right. There the lattice decides.
    other = np.flatnonzero(~sound & (block_type == block_type[:, :1]).all(axis=-1)) if lines.shape[1] > 1 else ()
    if gain and len(other):
        turned = lines[other]
        rotate_ms(turned, np.ones(len(other), np.bool_))
        again = read(turned, block_type[other], noise[other])
        better, rows = again[-1], other[again[-1]]
        arrays: list[NDArray[Any]] = [lines, *found]
        parts: list[NDArray[Any]] = [turned, *again]
        for array, part in zip(arrays, parts, strict=True):
            array[rows] = part[better]
        ms[rows] = ~ms[rows]
    return Coding(block_type, ms, lines, values, steps, sure, sound, gain)


def _on_lattice(
    lines: NDArray[np.float32],
    block_type: NDArray[np.uint8],
    noise: NDArray[np.float32],
    *,
    gain: float,
    sample_rate: int,
) -> tuple[NDArray[np.int16], NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return values, steps, which of them are sure, and which granules are sound; see `Coding`."""
    magnitude, count = np.abs(lines), len(lines)
    coded = np.flatnonzero(magnitude > _CODED * noise[..., None])
    values = np.zeros(lines.shape, np.int16)
    values.ravel()[coded] = np.sign(lines.ravel()[coded])
    if not gain or not coded.size:
        return values, np.zeros_like(lines), np.zeros(lines.shape, np.bool_), np.zeros(count, np.bool_)
    slots = slot_of_line(sample_rate)[band_layout(block_type, np.zeros(block_type.shape, np.bool_))]
    bands = (np.arange(lines[..., 0].size)[:, None] * SLOTS + slots.reshape(-1, LINES)).reshape(lines.shape)
    exponents, odds = read_exponents(magnitude, noise, coded, bands, gain)
    exponents = completed(exponents, odds, block_type, pretab=sample_rate >= _MPEG1_RATE)
    table = np.where(np.isfinite(exponents), gain * np.exp2(exponents / 4), 0).astype(np.float32)
    steps, sure = table.ravel()[bands], (odds < 1).ravel()[bands]
    sites = coded[steps.ravel()[coded] > 0]
    values.ravel()[sites] *= nearest(magnitude.ravel()[sites] / steps.ravel()[sites]).astype(np.int16)
    granule = coded // lines[0].size
    total, right = np.bincount(granule, minlength=count), np.bincount(granule[sure.ravel()[coded]], minlength=count)
    return values, steps, sure, (right >= _SURE_SHARE * total) & (total >= _LEAST_LINES)


def _planes(
    samples: NDArray[np.float32], count: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.bool_], NDArray[np.float32]]:
    """Return lines (n, channels, 576), block types, M/S, and the noise (n, channels), by what has most zeros."""
    channels = samples.shape[0]
    subbands = polyphase_analysis(np.ascontiguousarray(samples, np.float32), _SLOTS * (count + 1))
    block_type = np.zeros((count, channels), np.uint8)
    lines = analyse_subbands(subbands, block_type, np.zeros((count, channels), np.bool_))
    noise = _noise(lines)
    zero = _CODED * noise[:, None, None]
    ms = _in_best_planes([lines], block_type, zero)
    doubtful = np.flatnonzero(_zeros_below_edge(np.abs(lines) < zero) < _PLAINLY_LONG)
    if doubtful.size:
        own, kinds = _all_types(subbands, doubtful), np.zeros((doubtful.size, channels), np.uint8)
        ms[doubtful] = _in_best_planes(own, kinds, zero[doubtful])
        lines[doubtful], block_type[doubtful] = own[0], kinds
    return lines, block_type, ms, noise[:, None] * _WIDTHS[block_type]


def _zeros_below_edge(zero: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the share of zeros below the last coded line of granules (n, channels, 576), shape (n,)."""
    edge = LINES - np.argmax(~zero[..., ::-1], axis=-1)
    edge = np.where(zero.all(axis=-1), 0, edge).sum(axis=-1)
    coded = np.count_nonzero(~zero, axis=(1, 2))
    return np.asarray(1 - coded / np.maximum(edge, 1))


def _all_types(subbands: NDArray[np.float32], rows: NDArray[np.intp]) -> list[NDArray[np.float32]]:
    """Return some granules as blocks of each type, each of shape (rows, channels, 576)."""
    slots = (_SLOTS * rows[:, None] + np.arange(2 * _SLOTS)).ravel()
    # One behind the other: between two of them lies one that is of no use.
    chosen, count = np.ascontiguousarray(subbands[:, slots]), 2 * rows.size - 1
    shape = (count, subbands.shape[0])
    plain = np.zeros(shape, np.bool_)
    return [analyse_subbands(chosen, np.full(shape, kind, np.uint8), plain)[::2] for kind in range(BLOCK_TYPES)]


def _in_best_planes(
    readings: list[NDArray[np.float32]], block_type: NDArray[np.uint8], zero: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Turn the first of several readings into the best of each granule, and tell which are mid and side.

    ``readings`` are left and right by block type. In mid and side both have the same type.
    """
    left_right = np.stack(readings)
    zero = zero * _WIDTHS[: len(readings), None, None, None]
    zeros = np.count_nonzero(np.abs(left_right) < zero, axis=-1)
    block_type[:] = np.argmax(zeros, axis=0)
    count, channels = block_type.shape
    ms = np.zeros(count, np.bool_)
    if channels == 2:
        rotated = left_right.reshape(-1, channels, LINES).copy()
        rotate_ms(rotated, np.ones(len(rotated), np.bool_))
        mid_side = rotated.reshape(left_right.shape)
        joint = np.count_nonzero(np.abs(mid_side) < zero, axis=-1).sum(axis=-1)
        ms = joint.max(axis=0) > zeros.max(axis=0).sum(axis=-1)
        block_type[ms] = np.argmax(joint, axis=0)[ms, None]
        left_right[:, ms] = mid_side[:, ms]
    rows = np.arange(count)[:, None]
    readings[0][:] = left_right[block_type, rows, np.arange(channels)]
    return np.asarray(ms)


def _noise(lines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the deviation of the rounding noise in long blocks, from the highest lines of each granule, shape (n,)."""
    top = np.abs(lines[..., -_NOISE_LINES:]).reshape(len(lines), -1)
    own = np.quantile(top, _LOWEST, axis=1) / _LOWEST_OF_NORMAL
    level = np.sqrt(np.mean(np.square(lines), axis=(1, 2)))
    floor = np.maximum(_LEAST_NOISE * level, max(float(np.median(own)), _SILENCE))
    return np.asarray(np.maximum(own, floor), dtype=np.float32)


def _gain(magnitude: NDArray[np.float32], noise: NDArray[np.float32]) -> float:
    """Return the gain, 1 up to ``2 ** 0.25``, that puts lines on the lattice of whole quarter octaves; 0 if none."""
    groups = magnitude.reshape(*magnitude.shape[:2], -1, _GROUP)
    deviation = noise[..., None]
    # The smallest coded line of some neighbours is the likeliest to have q = 1.
    smallest = np.where(groups > _CODED * deviation[..., None], groups, np.inf).min(axis=-1)
    for least in _EXACT_LINES:
        exact = smallest[np.isfinite(smallest) & (smallest > least * deviation)]
        if exact.size >= _PHASE_LINES:
            phase = _common_phase(_phases(exact))
            if phase is not None:
                # Of all lines: the smallest of some are the smaller by their noise.
                return _refined(_phases(magnitude[magnitude > least * deviation]), phase)
    return 0.0


def _phases(magnitudes: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray((4 * np.log2(magnitudes.astype(np.float64))) % 1)


def _common_phase(phase: NDArray[np.float64]) -> float | None:
    """Return the fraction of a quarter octave that lines of ``q = 1`` have in common; None if none stands out."""
    found = np.bincount((phase * _PHASE_BINS).astype(np.int64) % _PHASE_BINS, minlength=_PHASE_BINS).astype(float)
    places = 16 / 3 * np.log2(np.arange(1, len(_Q_SHARES) + 1))
    pattern = np.zeros(_PHASE_BINS)
    np.add.at(pattern, np.round(places * _PHASE_BINS).astype(np.int64) % _PHASE_BINS, _Q_SHARES)
    width = np.exp(-0.5 * np.square(np.minimum(np.arange(_PHASE_BINS), _PHASE_BINS - np.arange(_PHASE_BINS)) / 1.5))
    spectrum = np.fft.rfft(found - found.mean()) * np.conj(np.fft.rfft(pattern)) * np.fft.rfft(width)
    match = np.fft.irfft(spectrum, _PHASE_BINS)
    best = int(np.argmax(match))
    if match[best] < _PHASE_CLEAR * np.median(np.abs(match)) / _MEDIAN_OF_NORMAL:
        return None
    return (best + 0.5) / _PHASE_BINS


def _refined(phase: NDArray[np.float64], centre: float) -> float:
    """Return the gain of lines around a common fraction of a quarter octave."""
    for reach in _REACHES:
        away = (phase - centre + 0.5) % 1 - 0.5
        near = np.abs(away) < reach
        centre += float(np.median(away[near])) if near.any() else 0.0
    return float(2 ** ((centre % 1) / 4))
