"""Consistency projection: keep a restoration among the signals that could have produced its MP3.

Every coefficient of the restored signal, on the MP3's own grid, is clipped into the cell that the encoder rounded to
the transmitted value. So what the MP3 kept is not damaged, and what it lost stays free: holes within their zero cell,
lines above the encoder's low-pass altogether.

Limits of the guarantee. It holds for encoders that round to the nearest value, as LAME does; the rule of the standard's
example encoder differs by up to 6 % of a cell. Encoders may set lines to zero that rounding would have kept. If a file
was compressed twice, the guarantee covers only the last step. Samples must be at the file's own rate. The cells
describe what the encoder quantised: before that, LAME scales its input, by 0.95 for instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore._typing import FloatArray
from mp3restore.errors import InputError
from mp3restore.mp3.corrections import Corrections
from mp3restore.mp3.filterbank import HALO, OVERLAP, analyse, subbands_below
from mp3restore.mp3.intensity import turn
from mp3restore.mp3.lattice import cell_limits
from mp3restore.mp3.stream import GRANULE_SAMPLES, first_free_line
from mp3restore.mp3.windows import BATCH, granule_windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mp3restore.mp3.coded import CodedStream
    from mp3restore.mp3.granules import CodedGranules


# Projected values keep this share of a cell away from its limits, so that a second analysis, which is exact only to
# -100 dB of the signal, still finds them inside.
_MARGIN: Final = 0.02
_ZERO_LIMIT: Final = cell_limits(np.zeros(1, np.intp), margin=_MARGIN)[1]


def clip_to_cells(restored: FloatArray, run: CodedGranules, first_free: int) -> FloatArray:
    """Clip coefficients of a restored signal into the cells given by the stream.

    Parameters
    ----------
    restored : ndarray of float32
        Coefficients in the planes as coded (mid and side, or others), shape (n, channels, lines): the lowest, and as
        many as are coded or bounded.
    run : CodedGranules
        The granules of these coefficients.
    first_free : int
        First line at which a zero does not bound the coefficient.

    Returns
    -------
    ndarray of float32
        Change to add to ``restored``, same shape; zero in granules that are not sound.
    """
    # First all lines as if their values were zero, which most are; then the others.
    bounded = restored[..., :first_free]
    bound = run.steps[..., :first_free] * _ZERO_LIMIT
    change = np.zeros_like(restored)
    np.subtract(np.clip(bounded, -bound, bound), bounded, out=change[..., :first_free])
    lines = slice(restored.shape[-1])
    all_values, all_steps = run.values[..., lines].ravel(), run.steps[..., lines].ravel()
    coded = np.flatnonzero(all_values)
    values, steps = all_values[coded], all_steps[coded]
    lower, upper = cell_limits(np.abs(values), margin=_MARGIN)
    sign = np.sign(values).astype(np.float32)
    magnitude = restored.ravel()[coded] * sign
    change.ravel()[coded] = (np.clip(magnitude, lower * steps, upper * steps) - magnitude) * sign
    if run.free is not None:
        change[run.free[..., lines]] = 0
    change[~run.sound] = 0
    return change


class Projector:
    """Projects restored audio onto the cells of one MP3 stream, block by block.

    Parameters
    ----------
    stream : CodedStream
        What is known of the bitstream: of an MP3, or of one read off decoded samples.
    offset : int
        Sample of the decoder's output at which granule 0 starts.
    """

    def __init__(self, stream: CodedStream, *, offset: int) -> None:
        self._stream = stream
        self._first_free = first_free_line(stream)
        self._offset = offset

    def stream(self, runs: Iterator[CodedGranules], restored: Iterable[FloatArray]) -> Iterator[FloatArray]:
        """Yield the projection of ``restored``, with bounded memory.

        Parameters
        ----------
        runs : iterator of CodedGranules
            The granules of the decoder's output, as `granules.GranuleReader` reads them at the same offset. Each run is
            taken when the restored samples that it covers are complete. Samples that no run covers are left free.
        restored : iterable of ndarray of float32
            Blocks of shape (channels, n), full scale 1.0, aligned with the decoder's output and as long.

        Yields
        ------
        ndarray of float32
            Blocks of shape (channels, m) that together are as long as the input. Their samples do not depend on the
            sizes of the input's blocks.

        Raises
        ------
        InputError
            If the restored audio has another number of channels than the stream.
        """
        channels = self._stream.channels
        corrections = Corrections(rows=channels, offset=self._offset)
        for window, filled in granule_windows(self._checked(restored), rows=channels, offset=self._offset):
            covers = corrections.first + BATCH > 0 and corrections.first < self._stream.granules
            run = next(runs, None) if covers else None
            change = None
            if run is not None and run.sound.any():
                change = self._change(run, window[:, corrections.place(run) :])
            yield corrections.add(window, filled, run, change)

    def _checked(self, restored: Iterable[FloatArray]) -> Iterator[FloatArray]:
        for block in restored:
            if block.shape[0] != self._stream.channels:
                raise InputError("the restored audio has another number of channels than the MP3 stream")
            yield block

    def _change(self, run: CodedGranules, samples: FloatArray) -> FloatArray:
        """Return the change of the lines, as coded, of a run whose first granule starts at sample `HALO`."""
        span = GRANULE_SAMPLES * len(run.sound) + OVERLAP + 2 * HALO
        highest = int(np.flatnonzero(run.values.any(axis=(0, 1))).max(initial=-1))
        bands = subbands_below(max(self._first_free, highest + 1))
        lines = analyse(samples[:, :span], run.block_type, run.mixed, bands=bands)
        turn(lines, run.ms, run.panning)
        return clip_to_cells(lines, run, self._first_free)
