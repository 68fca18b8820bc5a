"""Cut a stream of sample blocks into windows on the granule grid, with bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.filterbank import HALO, OVERLAP
from mp3restore.mp3.stream import GRANULE_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

BATCH: Final = 128
"""Granules per window, 1.7 s at 44.1 kHz.

There are many, so that this thread does not ask other threads for the interpreter every few microseconds.
"""
BATCH_SAMPLES: Final = BATCH * GRANULE_SAMPLES
# One granule more than the batch, for granules that start later than the grid has it (`CodedGranules.shift`).
WINDOW: Final = BATCH_SAMPLES + GRANULE_SAMPLES + OVERLAP + 2 * HALO


def first_granule(offset: int) -> int:
    """Return the first granule of the first window: the last one that starts at or before the first sample.

    ``offset`` is the sample at which granule 0 starts; the result is negative if samples come before granule 0.
    """
    return -offset // GRANULE_SAMPLES


def lead_in(offset: int) -> int:
    """Return the number of zeros before the first sample in the first window: `HALO` to ``HALO + 575``."""
    return HALO - (offset + GRANULE_SAMPLES * first_granule(offset))


class GranuleWindows:
    """Cuts a signal of shape (rows, n), which comes in blocks of any size, into windows that are one batch apart.

    The first granule of a window starts at its sample `HALO`. Samples outside the signal are zero.

    Parameters
    ----------
    rows : int
        Number of channels.
    offset : int
        Sample at which granule 0 starts.
    """

    def __init__(self, *, rows: int, offset: int) -> None:
        self._size = lead_in(offset)
        self._pieces = [np.zeros((rows, self._size), dtype=np.float32)]

    def push(self, block: NDArray[np.float32]) -> Iterator[tuple[NDArray[np.float32], int]]:
        """Take the next samples; yield each window that they complete, and how many samples of it are filled."""
        self._pieces.append(block)
        self._size += block.shape[1]
        if self._size < WINDOW:
            return
        pending = np.concatenate(self._pieces, axis=1)
        start = 0
        while start + WINDOW <= pending.shape[1]:
            yield pending[:, start : start + WINDOW], WINDOW
            start += BATCH_SAMPLES
        self._pieces, self._size = [pending[:, start:]], pending.shape[1] - start

    def finish(self) -> Iterator[tuple[NDArray[np.float32], int]]:
        """Yield the last windows, and how many samples of each are filled by the signal."""
        pending, size = np.concatenate(self._pieces, axis=1), self._size
        while size > HALO:
            window = np.zeros((pending.shape[0], WINDOW), dtype=np.float32)
            window[:, :size] = pending
            yield window, size
            pending, size = pending[:, BATCH_SAMPLES:], max(size - BATCH_SAMPLES, 0)


def granule_windows(
    blocks: Iterable[NDArray[np.float32]], *, rows: int, offset: int
) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Yield all windows of a signal; see `GranuleWindows`."""
    windows = GranuleWindows(rows=rows, offset=offset)
    for block in blocks:
        yield from windows.push(block)
    yield from windows.finish()
