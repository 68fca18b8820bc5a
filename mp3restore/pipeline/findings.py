"""What is odd about an input, found while it passes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from mp3restore.inspection.losses import _Block

__all__ = ["ClippingWatch"]

# Full scale within a step of 12 bits: what was clipped before an MP3 encoder does not come back exactly.
_CLIPPED = 1 - 2.0**-11
_RUN_SAMPLES = 4


class ClippingWatch:
    """Counts the places where a stream stays at full scale for several samples.

    Attributes
    ----------
    places : int
        How many there were.
    overshoots : int
        Places where it goes beyond full scale: what a codec makes of music that was clipped before.
    """

    def __init__(self) -> None:
        self.places = self.overshoots = 0

    def watch(self, blocks: Iterable[_Block]) -> Iterator[_Block]:
        """Pass blocks (channels, n) on."""
        for block in blocks:
            # Beyond full scale nothing is clipped: a float file, or the overshoot of a codec.
            loud = np.abs(np.abs(block) - 1) <= 1 - _CLIPPED
            if loud.any():
                run = loud[:, : 1 - _RUN_SAMPLES]
                for k in range(1, _RUN_SAMPLES):
                    run = run & loud[:, k : k + run.shape[1]]
                self.places += _beginnings(run)
            beyond = np.abs(block) > 1
            if beyond.any():
                self.overshoots += _beginnings(beyond)
            yield block


def _beginnings(where: NDArray[np.bool_]) -> int:
    """How many runs of true there are in all rows."""
    return int(np.count_nonzero(where[:, 1:] & ~where[:, :-1])) + int(np.count_nonzero(where[:, :1]))
