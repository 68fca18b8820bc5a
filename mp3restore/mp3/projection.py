"""Consistency projection: keep a restoration among the signals that could have produced its MP3.

Every coefficient of the restored signal, on the MP3's own grid, is clipped into the cell that the encoder rounded to
the transmitted value. So what the MP3 kept is not damaged, and what it lost stays free: holes within their zero cell,
lines above the encoder's low-pass altogether.

Limits of the guarantee. It holds for encoders that round to the nearest value, which LAME does; the rule of the
standard's example encoder differs by up to 6 % of a cell. Encoders may set lines to zero that rounding would have
kept. Of a file that was compressed twice it guarantees only the last step. Samples must be those of the file's own
rate. The cells describe what the encoder quantised: LAME scales its input, by 0.95 for instance, before that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mp3restore.errors import InputError
from mp3restore.mp3.filterbank import HALO, OVERLAP, analyse, synthesise
from mp3restore.mp3.lattice import cell_limits, nearest, rotate_ms
from mp3restore.mp3.lowpass import first_free_line
from mp3restore.mp3.stream import GRANULE_SAMPLES
from mp3restore.mp3.trust import complete_granules, fits_lattice, trusted_granules
from mp3restore.mp3.windows import (
    BATCH,
    BATCH_SAMPLES,
    first_granule,
    granule_windows,
    lead_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mp3restore.mp3.stream import Mp3Stream

_Array = NDArray[np.float32]

# Projected values stay this share of a cell away from its limits, so that another analysis, which is exact only to
# -100 dB of the signal, finds them inside.
_MARGIN: Final = 0.02


def clip_to_cells(
    decoded: _Array, restored: _Array, steps: _Array, first_free: int
) -> tuple[_Array, NDArray[np.bool_]]:
    """Clip coefficients of a restored signal into the cells of the decoded ones.

    Parameters
    ----------
    decoded, restored, steps
        Coefficients of both signals, as coded (M/S where the granule is), and quantiser steps; (n, channels, 576).
    first_free
        First line at which zeros do not bound.

    Returns
    -------
    change
        What to add to ``restored``, same shape.
    fits
        Granules in which ``decoded`` lies on the lattice, shape (n,); elsewhere the change means nothing.
    """
    scaled: _Array = np.divide(np.abs(decoded), steps)
    magnitudes = nearest(scaled)
    lower, upper = cell_limits(magnitudes)
    fits = fits_lattice(scaled, magnitudes)
    margin = _MARGIN * (upper - lower)
    lower += margin
    upper -= margin
    holes = magnitudes[..., first_free:] == 0
    lower[..., first_free:][holes] = -np.inf
    upper[..., first_free:][holes] = np.inf
    sign = np.copysign(np.float32(1), decoded)
    value = restored * sign
    change = (np.clip(value, lower * steps, upper * steps) - value) * sign
    return change, fits


class Projector:
    """Projects restored audio onto the cells of one MP3 stream, block by block.

    Parameters
    ----------
    stream
        The file as `read_stream` reads it.
    offset
        Where granule 0 starts in the decoder's output, in samples; see `grid.expected_offset` and `grid.locate`.
    """

    def __init__(self, stream: Mp3Stream, *, offset: int) -> None:
        self._stream = stream
        self._trusted = trusted_granules(stream)
        self._first_free = first_free_line(stream)
        self._offset = offset

    def stream(self, decoded: Iterable[_Array], restored: Iterable[_Array]) -> Iterator[_Array]:
        """Yield the projection of ``restored``, with bounded memory.

        Parameters
        ----------
        decoded, restored
            Blocks of shape (channels, n), float32, full scale 1.0, from the decoder's first sample on; both in the
            same sizes. The decoder must not clip.

        Yields
        ------
        Blocks of shape (channels, m) that together are as long as the input. Their samples do not depend on the sizes
        of the input's blocks.

        Raises
        ------
        InputError
            If the two inputs disagree in length, or the stream has another number of channels.
        """
        channels = self._stream.channels
        carry = np.zeros((channels, OVERLAP), dtype=np.float32)
        first = first_granule(self._offset)
        start = lead_in(self._offset) - HALO
        for window, filled in granule_windows(self._pairs(decoded, restored), rows=2 * channels, offset=self._offset):
            correction = self._correction(first, window, filled)
            correction[:, :OVERLAP] += carry
            carry = correction[:, BATCH_SAMPLES:]
            stop = min(BATCH_SAMPLES, filled - HALO)
            yield window[channels:, HALO + start : HALO + stop] + correction[:, start:stop]
            first, start = first + BATCH, 0

    def _pairs(self, decoded: Iterable[_Array], restored: Iterable[_Array]) -> Iterator[_Array]:
        ends = iter(restored)
        for block in decoded:
            other = next(ends, None)
            if other is None or other.shape != block.shape or block.shape[0] != self._stream.channels:
                raise InputError("decoded and restored audio do not match the MP3 stream in channels or length")
            yield np.concatenate([block, other]).astype(np.float32, copy=False)
        if next(ends, None) is not None:
            raise InputError("the restored audio is longer than the decoded audio")

    def _correction(self, first: int, window: _Array, filled: int) -> _Array:
        """Return the correction of granules ``first`` to ``first + 32``, shape (channels, 32 * 576 + 1056)."""
        stream = self._stream
        channels = stream.channels
        result = np.zeros((channels, BATCH_SAMPLES + OVERLAP), dtype=np.float32)
        low, high = max(first, 0), min(first + BATCH, stream.granules)
        # Functions that reach beyond either end of the samples cannot be analysed.
        inside = complete_granules(self._offset, first, filled)[low - first : max(high - first, 0)]
        if high <= low or not (self._trusted[low:high] & inside).any():
            return result
        place = GRANULE_SAMPLES * (low - first)
        span = GRANULE_SAMPLES * (high - low) + OVERLAP
        block_type, mixed = stream.block_type[low:high], stream.mixed[low:high]
        lines = analyse(window[:, place : place + span + 2 * HALO], np.tile(block_type, 2), np.tile(mixed, 2))
        decoded, restored = lines[:, :channels], lines[:, channels:]
        ms = stream.ms[low:high]
        rotate_ms(decoded, ms)
        rotate_ms(restored, ms)
        change, fits = clip_to_cells(decoded, restored, stream.line_steps(low, high), self._first_free)
        change[~(self._trusted[low:high] & inside & fits)] = 0
        rotate_ms(change, ms)
        result[:, place : place + span] = synthesise(change, block_type, mixed)
        return result
