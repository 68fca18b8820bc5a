"""Convert samples from the rate of a file to a rate of the generator, and from there to the rate of the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from mp3restore.dsp.resample import output_rate, resample_stream, resampled_length
from mp3restore.generator.restorer import SAMPLE_RATES

__all__ = ["RatePath"]


class RatePath:
    """Converts one stream before and after the generator, so that the result covers exactly the time of the input.

    Parameters
    ----------
    source_rate : int
        Rate of the input in Hz.
    target_rate : int, optional
        Rate of the result in Hz; by default the input's, or the full rate of its family.
    direct : bool
        Whether to skip the generator, so that its rate does not matter.

    Attributes
    ----------
    source, working, target : int
        Rates of the input, of the generator, and of the result in Hz.
    taken : int
        Samples of the input taken so far.
    """

    def __init__(self, source_rate: int, target_rate: int | None = None, *, direct: bool = False) -> None:
        self.source = source_rate
        self.target = target_rate or output_rate(source_rate)
        if direct:
            self.working = source_rate
        elif self.target in SAMPLE_RATES:
            self.working = self.target
        else:
            self.working = 44100 if source_rate % 11025 == 0 else 48000
        self.taken = 0
        self._length: int | None = None

    def before(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Convert blocks of shape (channels, samples) to the working rate."""
        return resample_stream(self._count(blocks), self.source, self.working)

    def after(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Convert the generator's output for all blocks of `before` to the rate of the result."""
        given = 0
        for block in resample_stream(blocks, self.working, self.target):
            # Each conversion rounds up. The last block is made only after the end of the input has been seen.
            kept = block if self._length is None else block[:, : self._length - given]
            given += kept.shape[1]
            yield kept

    def _count(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            self.taken += block.shape[1]
            yield block
        self._length = resampled_length(self.taken, self.source, self.target)
