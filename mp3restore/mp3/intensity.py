"""Intensity stereo: in the upper bands one line stands for both channels, and a position says how loud it is in each.

Where the coded lines of the right channel end, the bands of intensity stereo begin; there the scale factors of the
right channel are positions (11172-3, 2.4.3.4.9.3; 13818-3, 2.4.3.2). A line of such a band says how much there is in
one direction, and nothing about what is across it. So its two planes are *along* and *across* instead of mid and side.

This follows libmpg123, which libsndfile uses, and not the standard where they differ: 7 is the only position that means
none, also in LSF; the last band has the position of the one before it; in a mixed block of LSF the positions are those
two slots further on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore._typing import FloatArray
from mp3restore.mp3.lattice import lattice_distance, peak_around, quantise, rotate_ms
from mp3restore.mp3.stream import band_layout
from mp3restore.mp3.tables import LONG_LAYOUT, MIXED_LAYOUT, SHORT_LAYOUT, SLOTS, slot_of_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mp3restore.mp3.stream import Mp3Stream

_NO_POSITION: Final = 7
_OPPOSITE: Final = 9
# What crosses the direction of a line is rounding up to this share of the loudest line: it is 2e-6 at most.
_ROUNDING: Final = 1e-5
# See `granules`: a line misses the lattice by this share of a cell, and a band by this share of its lines.
_MISS: Final = 0.1
_MISS_SHARE: Final = 0.25
# Where the short bands of a mixed block begin, in MPEG-1 and in LSF.
_LONG_SLOTS: Final = (8, 6)


@dataclass(frozen=True, slots=True)
class Panning:
    """The lines of a run of granules that are coded by intensity stereo."""

    rows: NDArray[np.intp]
    """Granules that have such lines, shape (k,)."""
    lines: NDArray[np.bool_]
    """Lines with a direction, shape (k, 576)."""
    uncoded: NDArray[np.bool_]
    """Lines of which the second plane was not coded: these, and those whose position means none; shape (k, 576)."""
    left: FloatArray
    """Share of the left channel in the direction of a line, -1 to 1; shape (k, 576)."""
    right: FloatArray
    """Share of the right channel; the squares of both add up to 1."""


def turn(lines: FloatArray, ms: NDArray[np.bool_], panning: Panning | None) -> None:
    """Turn left and right into the planes as coded, or back, in place.

    ``lines`` has shape (n, channels, 576), or has only the lowest lines. The planes are mid and side in the granules of
    ``ms``; in the lines of ``panning``, along and across its direction; else left and right.
    """
    if panning is None:
        rotate_ms(lines, ms)
        return
    left, right = lines[panning.rows, 0], lines[panning.rows, 1]
    rotate_ms(lines, ms)
    turns, *gains = (each[:, : lines.shape[2]] for each in (panning.lines, panning.left, panning.right))
    along, across = gains[0] * left + gains[1] * right, gains[1] * left - gains[0] * right
    for plane, turned in enumerate((along, across)):
        lines[panning.rows, plane] = np.where(turns, turned, lines[panning.rows, plane])


def directions(positions: NDArray[np.uint8], coarse: NDArray[np.bool_], *, lsf: bool) -> tuple[FloatArray, FloatArray]:
    """Return the gains of left and right for positions other than 7; shape of `positions`.

    Parameters
    ----------
    positions : ndarray of uint8
        Scale factors of the right channel.
    coarse : ndarray of bool
        Whether the steps of LSF are 3 dB instead of 1.5 dB: the lowest bit of scalefac_compress.
    lsf : bool
        Whether this is MPEG-2 or MPEG-2.5.
    """
    number = positions.astype(np.float64)
    if lsf:
        quieter = np.exp2(-0.25 * (1.0 + coarse) * ((positions + 1) // 2))
        odd = positions % 2 == 1
        left, right = np.where(odd, quieter, 1.0), np.where(odd, 1.0, quieter)
    else:
        left, right = np.sin(np.pi / 12 * number), np.cos(np.pi / 12 * number)
        # Opposite directions have no sum: the decoder divides by what rounding leaves of it.
        total = np.where(positions == _OPPOSITE, np.finfo(np.float64).eps, left + right)
        left, right = left / total, right / total
    return left.astype(np.float32), right.astype(np.float32)


def coded_planes(stream: Mp3Stream, lines: FloatArray, start: int) -> tuple[FloatArray, Panning | None]:
    """Turn analysed lines into the planes as coded, in place.

    Parameters
    ----------
    stream : Mp3Stream
        The bitstream.
    lines : ndarray of float32
        Left and right of granules from ``start`` on, shape (n, channels, 576).
    start : int
        Index of the first granule.

    Returns
    -------
    steps : ndarray of float32
        Quantiser step of every line in its plane, same shape. Nothing is known across a direction: that has the step of
        the line along it.
    panning : Panning or None
        The lines of intensity stereo; None where there are none.
    """
    stop = start + len(lines)
    steps = stream.line_steps(start, stop)
    rows = np.flatnonzero(stream.intensity[start:stop] & stream.known[start:stop])
    panning = _find_panning(stream, lines, steps, start, rows) if rows.size else None
    turn(lines, stream.ms[start:stop], panning)
    return steps, panning


def _find_panning(
    stream: Mp3Stream, lines: FloatArray, steps: FloatArray, start: int, rows: NDArray[np.intp]
) -> Panning:
    """Find the lines of intensity stereo in the granules `rows`, and set their steps.

    Without decoding the Huffman codes it is not known where the coded lines of the right channel end. But the bands
    behind show it: nothing crosses their direction.
    """
    lsf = stream.version != "1"
    layout = band_layout(stream.block_type[start + rows, 1], stream.mixed[start + rows, 1])
    positions, coarse = stream.reader.positions(start, start + len(lines))
    slots = slot_of_line(stream.sample_rate)[layout]
    position = np.take_along_axis(_heard_positions(positions[rows], layout, lsf=lsf), slots, axis=1)
    left, right = directions(position, coarse[rows, None], lsf=lsf)
    norm: FloatArray = np.hypot(left, right)
    left, right = np.divide(left, norm), np.divide(right, norm)
    panned = position != _NO_POSITION
    own = lines[rows]
    # Where a position means none, the right channel is silent as it was coded.
    turned = own.copy()
    rotate_ms(turned, stream.ms[start + rows])
    along = np.where(panned, left * own[:, 0] + right * own[:, 1], turned[:, 0])
    across = np.where(panned, right * own[:, 0] - left * own[:, 1], turned[:, 1])
    step = steps[rows, 0] * np.where(panned, norm, 1)
    rounding = _ROUNDING * peak_around(lines)[rows, None]
    crossed = np.abs(across) > rounding
    magnitudes = quantise(along, step)
    judged = (magnitudes > 0) & (np.abs(along) > rounding)
    missed = judged & (lattice_distance(along, step, magnitudes) > _MISS)
    misses = _by_slot(missed, slots) > _MISS_SHARE * _by_slot(judged, slots)
    wrong = misses | (_by_slot(crossed, slots) > 0)
    uncoded = np.take_along_axis(_behind(wrong, layout, lsf=lsf), slots, axis=1)
    steps[rows] = np.where(uncoded[:, None], step[:, None], steps[rows])
    return Panning(rows, uncoded & panned, uncoded, left, right)


def _heard_positions(positions: NDArray[np.uint8], layout: NDArray[np.uint8], *, lsf: bool) -> NDArray[np.uint8]:
    """Return the position by which the decoder plays each slot, shape (k, 39)."""
    heard = positions.copy()
    heard[layout == LONG_LAYOUT, 21] = positions[layout == LONG_LAYOUT, 20]
    heard[layout == SHORT_LAYOUT, 36:] = positions[layout == SHORT_LAYOUT, 33:36]
    mixed, first = layout == MIXED_LAYOUT, _LONG_SLOTS[lsf]
    if lsf:
        heard[mixed, first:-2] = positions[mixed, first + 2 :]
    heard[mixed, first + 27 : first + 30] = heard[mixed, first + 24 : first + 27]
    return heard


def _by_slot(lines: NDArray[np.bool_], slots: NDArray[np.int64]) -> NDArray[np.intp]:
    """Count lines (k, 576) by their slots: (k, 39)."""
    places = (slots + SLOTS * np.arange(len(slots))[:, None])[lines]
    return np.bincount(places, minlength=SLOTS * len(slots)).reshape(-1, SLOTS)


def _behind(wrong: NDArray[np.bool_], layout: NDArray[np.uint8], *, lsf: bool) -> NDArray[np.bool_]:
    """Return which slots (k, 39) lie behind the last band that is coded in the right channel, window by window.

    ``wrong`` marks slots that do not sound like intensity stereo.
    """
    behind = np.zeros_like(wrong)
    mixed = _LONG_SLOTS[lsf]
    for kind, first, stop in ((LONG_LAYOUT, 22, 22), (SHORT_LAYOUT, 0, 39), (MIXED_LAYOUT, mixed, mixed + 30)):
        rows = np.flatnonzero(layout == kind)
        for places in (np.arange(first + window, stop, 3) for window in range(3) if first < stop):
            behind[np.ix_(rows, places)] = _from_the_top(wrong[np.ix_(rows, places)])
            # The decoder takes the last short band for one of intensity stereo even where it is coded.
            behind[rows, places[-1]] = True
        long = _from_the_top(wrong[rows, :first])
        # In a mixed block long bands follow only where no window has a short one.
        behind[rows, :first] = long & behind[rows, first:stop].all(axis=1, keepdims=True)
    return behind


def _from_the_top(wrong: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which bands (k, bands) have no wrong one at or above them."""
    return np.asarray(~np.logical_or.accumulate(wrong[:, ::-1], axis=1)[:, ::-1])
