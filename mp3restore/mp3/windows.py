"""Cutting a stream of sample blocks into windows on the granule grid, with bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.filterbank import HALO, OVERLAP
from mp3restore.mp3.stream import GRANULE_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

BATCH: Final = 32
"""Granules per window."""
BATCH_SAMPLES: Final = BATCH * GRANULE_SAMPLES
WINDOW: Final = BATCH_SAMPLES + OVERLAP + 2 * HALO


def first_granule(offset: int) -> int:
    """Return the granule of the first window: the last that starts at or before the first sample.

    ``offset`` is where granule 0 starts; the result is negative where samples come before granule 0.
    """
    return -offset // GRANULE_SAMPLES


def lead_in(offset: int) -> int:
    """Return how many zeros stand before the first sample in the first window: `HALO` to ``HALO + 575``."""
    return HALO - (offset + GRANULE_SAMPLES * first_granule(offset))


def granule_windows(
    blocks: Iterable[NDArray[np.float32]], *, rows: int, offset: int
) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Yield windows a batch apart, shape (rows, WINDOW), and how many samples of each the signal fills.

    The first granule of a window starts at its sample `HALO`. Samples outside the signal are zero. The windows do not
    depend on how the signal of shape (rows, n) is cut into blocks.
    """
    size = lead_in(offset)
    pieces = [np.zeros((rows, size), dtype=np.float32)]
    for block in blocks:
        pieces.append(block)
        size += block.shape[1]
        if size < WINDOW:
            continue
        pending = np.concatenate(pieces, axis=1)
        start = 0
        while start + WINDOW <= size:
            yield pending[:, start : start + WINDOW], WINDOW
            start += BATCH_SAMPLES
        pieces, size = [pending[:, start:]], size - start
    pending = np.concatenate(pieces, axis=1)
    while size > HALO:
        window = np.zeros((rows, WINDOW), dtype=np.float32)
        window[:, :size] = pending
        yield window, size
        pending, size = pending[:, BATCH_SAMPLES:], max(size - BATCH_SAMPLES, 0)
