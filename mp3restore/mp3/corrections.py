"""Add to a signal what was computed granule by granule, window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.filterbank import HALO, OVERLAP, synthesise
from mp3restore.mp3.intensity import turn
from mp3restore.mp3.stream import GRANULE_SAMPLES
from mp3restore.mp3.windows import BATCH, BATCH_SAMPLES, first_granule, lead_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mp3restore.mp3.granules import CodedGranules

_TAIL: Final = OVERLAP + GRANULE_SAMPLES  # samples by which corrections reach beyond their batch


class Corrections:
    """Corrects the windows of a signal one after the other, as `windows.granule_windows` cuts them.

    Parameters
    ----------
    rows : int
        Number of channels.
    offset : int
        Sample at which granule 0 starts.
    """

    def __init__(self, *, rows: int, offset: int) -> None:
        self._carry = np.zeros((rows, _TAIL), np.float32)
        self._first = first_granule(offset)  # of the next window
        self._start = lead_in(offset) - HALO

    @property
    def first(self) -> int:
        """First granule of the next window."""
        return self._first

    def place(self, run: CodedGranules) -> int:
        """Return the sample of the next window at which the halo of a run begins."""
        return GRANULE_SAMPLES * (run.first - self._first) + run.shift

    def add(
        self, window: NDArray[np.float32], filled: int, run: CodedGranules | None, change: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Return the samples that belong to the next window, corrected.

        Parameters
        ----------
        window : ndarray of float32
            Shape (channels, n).
        filled : int
            How many of its samples the signal fills.
        run : CodedGranules or None
            Granules of the window.
        change : ndarray of float32 or None
            What to add to their lines, in the planes as coded, shape (granules, channels, 576); it is overwritten.

        Returns
        -------
        ndarray of float32
            Shape (channels, m); all windows together are as long as the signal.
        """
        correction = np.zeros((window.shape[0], BATCH_SAMPLES + _TAIL), np.float32)
        if run is not None and change is not None:
            turn(change, run.ms, run.panning)
            part = synthesise(change, run.block_type, run.mixed)
            place = self.place(run)
            correction[:, place : place + part.shape[1]] = part
        correction[:, :_TAIL] += self._carry
        self._carry = correction[:, BATCH_SAMPLES:]
        start, stop = self._start, min(BATCH_SAMPLES, filled - HALO)
        self._first, self._start = self._first + BATCH, 0
        return window[:, HALO + start : HALO + stop] + correction[:, start:stop]
