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
from mp3restore.mp3.filterbank import HALO, OVERLAP, SUPPORT, analyse, synthesise
from mp3restore.mp3.lattice import cell_limits, lattice_values, nearest, rotate_ms
from mp3restore.mp3.lowpass import first_free_line
from mp3restore.mp3.stream import GRANULE_SAMPLES, Mp3Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_Array = NDArray[np.float32]

_BATCH: Final = 32
_BATCH_SAMPLES: Final = _BATCH * GRANULE_SAMPLES
_WINDOW: Final = _BATCH_SAMPLES + OVERLAP + 2 * HALO
# Projected values stay this share of a cell away from its limits, so that another analysis, which is exact only to
# -100 dB of the signal, finds them inside.
_MARGIN: Final = 0.02
# A granule whose decoded lines miss the lattice was not decoded from what we read: damage that the bitstream hides, a
# clipping decoder, or a wrong offset.
_MISS: Final = 0.1
_MISS_SHARE: Final = 0.25
_JUDGED_LINES: Final = 8
# A decoder that loses a granule loses its samples; the granules before and after whose functions reach there suffer.
_REACH: Final = 2


def trusted_granules(stream: Mp3Stream) -> NDArray[np.bool_]:
    """Return which granules can be projected: known without intensity stereo, as are two on each side; (granules,)."""
    good = np.pad(stream.known & ~stream.intensity, _REACH, constant_values=True)
    windows = np.lib.stride_tricks.sliding_window_view(good, 2 * _REACH + 1)
    return np.asarray(windows.all(axis=1))


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
    scaled: _Array = np.abs(decoded) / steps
    magnitudes = nearest(scaled)
    lower, upper = cell_limits(magnitudes)
    width = upper - lower
    coded = magnitudes > 0
    missed = coded & (np.abs(scaled - lattice_values(magnitudes)) > _MISS * width)
    total, wrong = np.count_nonzero(coded, axis=(1, 2)), np.count_nonzero(missed, axis=(1, 2))
    fits = (total < _JUDGED_LINES) | (wrong <= _MISS_SHARE * total)

    width *= _MARGIN
    lower += width
    upper -= width
    holes = ~coded[..., first_free:]
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
        # Batches start at a granule that begins at or just before the decoder's first sample.
        self._first_granule = -offset // GRANULE_SAMPLES
        self._lead = HALO - (offset + GRANULE_SAMPLES * self._first_granule)

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
        carry = np.zeros((self._stream.channels, OVERLAP), dtype=np.float32)
        for batch, (window, filled) in enumerate(self._windows(decoded, restored)):
            correction = self._correction(self._first_granule + batch * _BATCH, window, filled)
            correction[:, :OVERLAP] += carry
            carry = correction[:, _BATCH_SAMPLES:]
            first = self._lead - HALO if batch == 0 else 0
            last = min(_BATCH_SAMPLES, filled - HALO)
            yield window[1, :, HALO + first : HALO + last] + correction[:, first:last]

    def _windows(self, decoded: Iterable[_Array], restored: Iterable[_Array]) -> Iterator[tuple[_Array, int]]:
        """Yield windows of both signals, (2, channels, samples), a batch apart, and how much of each is signal."""
        pieces = [np.zeros((2, self._stream.channels, self._lead), dtype=np.float32)]
        size = self._lead
        for pair in self._pairs(decoded, restored):
            pieces.append(pair)
            size += pair.shape[2]
            if size < _WINDOW:
                continue
            pending = np.concatenate(pieces, axis=2)
            start = 0
            while start + _WINDOW <= size:
                yield pending[:, :, start : start + _WINDOW], _WINDOW
                start += _BATCH_SAMPLES
            pieces, size = [pending[:, :, start:]], size - start
        pending = np.concatenate(pieces, axis=2)
        while size > HALO:
            window = np.zeros((2, self._stream.channels, _WINDOW), dtype=np.float32)
            window[:, :, :size] = pending
            yield window, size
            pending, size = pending[:, :, _BATCH_SAMPLES:], max(size - _BATCH_SAMPLES, 0)

    def _pairs(self, decoded: Iterable[_Array], restored: Iterable[_Array]) -> Iterator[_Array]:
        ends = iter(restored)
        for block in decoded:
            other = next(ends, None)
            if other is None or other.shape != block.shape or block.shape[0] != self._stream.channels:
                raise InputError("decoded and restored audio do not match the MP3 stream in channels or length")
            yield np.stack([block, other]).astype(np.float32, copy=False)
        if next(ends, None) is not None:
            raise InputError("the restored audio is longer than the decoded audio")

    def _correction(self, first: int, window: _Array, filled: int) -> _Array:
        """Return the correction of granules ``first`` to ``first + 32``, shape (channels, 32 * 576 + 1056)."""
        stream = self._stream
        channels = stream.channels
        result = np.zeros((channels, _BATCH_SAMPLES + OVERLAP), dtype=np.float32)
        low, high = max(first, 0), min(first + _BATCH, stream.granules)
        granules = np.arange(low, high)
        starts = HALO + GRANULE_SAMPLES * (granules - first)
        # Functions that reach beyond either end of the samples cannot be analysed.
        use = self._trusted[low:high] & (starts + SUPPORT <= filled)
        use &= (granules > self._first_granule) | (self._lead == HALO)
        if not use.any():
            return result
        place = GRANULE_SAMPLES * (low - first)
        span = GRANULE_SAMPLES * (high - low) + OVERLAP
        signals = window[:, :, place : place + span + 2 * HALO].reshape(2 * channels, -1)
        block_type, mixed = stream.block_type[low:high], stream.mixed[low:high]
        lines = analyse(signals, np.tile(block_type, 2), np.tile(mixed, 2))
        decoded, restored = lines[:, :channels], lines[:, channels:]
        ms = stream.ms[low:high]
        rotate_ms(decoded, ms)
        rotate_ms(restored, ms)
        change, fits = clip_to_cells(decoded, restored, stream.line_steps(low, high), self._first_free)
        change[~(use & fits)] = 0
        rotate_ms(change, ms)
        result[:, place : place + span] = synthesise(change, block_type, mixed)
        return result
