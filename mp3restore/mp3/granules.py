"""Recover every quantised line of a file from the decoded signal, which lies on the quantiser's lattice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.filterbank import HALO, OVERLAP, SUPPORT, analyse
from mp3restore.mp3.intensity import Panning, coded_planes
from mp3restore.mp3.lattice import cell_limits, coded_lines, lattice_values, peak_around
from mp3restore.mp3.stream import GRANULE_SAMPLES
from mp3restore.mp3.windows import BATCH, GranuleWindows, first_granule, lead_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from mp3restore.mp3.stream import Mp3Stream

# If the decoded lines of a granule miss the lattice, they were not decoded from the bitstream that we read: because of
# hidden damage, a clipping decoder, or a wrong offset.
_MISS: Final = 0.1
_MISS_SHARE: Final = 0.25
_JUDGED_LINES: Final = 8
_INAUDIBLE: Final = 1e-6
# A decoder that loses a granule loses its samples, and so damages the neighbours whose basis functions reach there.
_REACH: Final = 2


@dataclass(frozen=True, slots=True)
class CodedGranules:
    """A run of granules, in the planes as coded (mid and side, left and right, or those of intensity stereo)."""

    first: int
    """Index of the first granule in the stream."""
    values: NDArray[np.int16]
    """``q`` of every line with its sign, shape (n, channels, 576)."""
    steps: NDArray[np.float32]
    """Quantiser step of every line, same shape."""
    sound: NDArray[np.bool_]
    """Whether the samples of a granule lie on the lattice, shape (n,); if not, its other values mean nothing."""
    block_type: NDArray[np.uint8]
    """0 long, 1 start, 2 short, 3 stop; shape (n, channels)."""
    mixed: NDArray[np.bool_]
    """The two lowest sub-bands have long blocks; shape (n, channels)."""
    ms: NDArray[np.bool_]
    """Granules coded as mid and side, shape (n,)."""
    free: NDArray[np.bool_] | None = None
    """Lines of which nothing is certain, shape (n, channels, 576); None where there are none."""
    panning: Panning | None = None
    """The lines whose planes are along and across a direction; None where there are none."""
    shift: int = 0
    """Samples, 0 to 575, by which the granules of this run start later than the grid of the stream has it."""

    @property
    def magnitudes(self) -> NDArray[np.int16]:
        """``q`` of every line, same shape."""
        return np.abs(self.values)

    @property
    def edges(self) -> NDArray[np.int64]:
        """First line after the last that is not zero, 0 to 576; shape (n, channels)."""
        coded = self.values != 0
        last = coded.shape[-1] - np.argmax(coded[..., ::-1], axis=-1)
        return np.where(coded.any(axis=-1), last, 0)


class GranuleReader:
    """Reads the granules of a stream from the decoder's output, in order, with bounded memory.

    Parameters
    ----------
    stream : Mp3Stream
        The file, as `read_stream` returns it.
    offset : int
        Sample of the decoder's output at which granule 0 starts; see `grid.expected_offset` and `grid.locate`.
    """

    def __init__(self, stream: Mp3Stream, *, offset: int) -> None:
        self._stream = stream
        self._offset = offset
        self._trusted = trusted_granules(stream)
        self._windows = GranuleWindows(rows=stream.channels, offset=offset)
        self._first = first_granule(offset)  # of the next window

    def push(self, block: NDArray[np.float32]) -> Iterator[CodedGranules]:
        """Take the next decoded samples (channels, n), full scale 1.0, and yield the granules that they complete."""
        return self._read(self._windows.push(block))

    def finish(self) -> Iterator[CodedGranules]:
        """Yield the last granules, after all samples have been pushed."""
        return self._read(self._windows.finish())

    def _read(self, windows: Iterator[tuple[NDArray[np.float32], int]]) -> Iterator[CodedGranules]:
        stream = self._stream
        for window, filled in windows:
            first = self._first
            self._first += BATCH
            low, high = max(first, 0), min(first + BATCH, stream.granules)
            if high <= low:
                continue
            place = GRANULE_SAMPLES * (low - first)
            span = GRANULE_SAMPLES * (high - low) + OVERLAP + 2 * HALO
            lines = analyse(window[:, place : place + span], stream.block_type[low:high], stream.mixed[low:high])
            steps, panning = coded_planes(stream, lines, low)
            scaled: NDArray[np.float32] = np.divide(np.abs(lines), steps)
            scaled[inaudible_lines(lines, stream.edge_bound[low:high])] = 0
            free = _uncoded_lines(panning, lines.shape)
            if free is not None:
                scaled[free] = 0
            coded, magnitudes = coded_lines(scaled)
            inside = complete_granules(self._offset, first, filled)[low - first : high - first]
            sound = self._trusted[low:high] & inside & fits_lattice(scaled, coded, magnitudes)
            values = np.zeros(lines.shape, np.int16)
            values.ravel()[coded] = np.where(lines.ravel()[coded] < 0, -magnitudes, magnitudes)
            part = slice(low, high)
            yield CodedGranules(
                first=low,
                values=values,
                steps=steps,
                sound=sound,
                block_type=stream.block_type[part],
                mixed=stream.mixed[part],
                ms=stream.ms[part],
                free=free,
                panning=panning,
            )


def _uncoded_lines(panning: Panning | None, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Return the lines of which intensity stereo says nothing; None where there are none."""
    if panning is None:
        return None
    free = np.zeros(shape, np.bool_)
    free[panning.rows, 1] = panning.uncoded
    return free


def coded_granules(
    stream: Mp3Stream, decoded: Iterable[NDArray[np.float32]], *, offset: int
) -> Iterator[CodedGranules]:
    """Yield the granules of a stream that the decoder's output covers; see `GranuleReader`."""
    reader = GranuleReader(stream, offset=offset)
    for block in decoded:
        yield from reader.push(block)
    yield from reader.finish()


def trusted_granules(stream: Mp3Stream) -> NDArray[np.bool_]:
    """Return which granules can be projected: known, with two such neighbours on each side.

    The result has shape (granules,).
    """
    good = np.pad(stream.known, _REACH, constant_values=True)
    windows = np.lib.stride_tricks.sliding_window_view(good, 2 * _REACH + 1)
    return np.asarray(windows.all(axis=1))


def inaudible_lines(lines: NDArray[np.float32], edge_bound: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Return which lines contain only the decoder's rounding noise; same shape as ``lines`` (n, channels, 576).

    Lines from ``edge_bound`` on are not coded, and a line 120 dB below its granule or a neighbour is lost in the
    rounding of float32. If the quantiser step is as small as that, as in the silence of some encoders, such lines miss
    every lattice.
    """
    below = np.abs(lines) < _INAUDIBLE * peak_around(lines)[:, None, None]
    return np.asarray(below | (np.arange(lines.shape[2]) >= edge_bound[..., None]))


def complete_granules(offset: int, first: int, filled: int) -> NDArray[np.bool_]:
    """Return which granules of a window have all their samples; shape (BATCH,). See `windows.granule_windows`."""
    granule = np.arange(first, first + BATCH)
    inside = HALO + GRANULE_SAMPLES * (granule - first) + SUPPORT <= filled
    cut = (granule == first_granule(offset)) & (lead_in(offset) > HALO)
    return np.asarray(inside & ~cut)


def fits_lattice(
    scaled: NDArray[np.float32], coded: NDArray[np.intp], magnitudes: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Return in which granules the decoded lines lie on the lattice; shape (n,).

    ``scaled`` has the magnitudes in steps, shape (n, channels, 576). ``coded`` and ``magnitudes`` have the places and
    the ``q`` of those that are not zero; see `lattice.coded_lines`.
    """
    lower, upper = cell_limits(magnitudes)
    missed = coded[np.abs(scaled.ravel()[coded] - lattice_values(magnitudes)) > _MISS * (upper - lower)]
    total, wrong = (np.bincount(lines // scaled[0].size, minlength=len(scaled)) for lines in (coded, missed))
    return np.asarray((total < _JUDGED_LINES) | (wrong <= _MISS_SHARE * total))
