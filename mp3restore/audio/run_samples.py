"""All samples of a run: exactly as many as its frames have, and silence for frames that cannot be decoded.

One wrong byte can make a granule sound a thousand times louder than full scale. Nobody coded that: such frames are
played as silence, and the others are decoded again around them, so that they fade into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore._typing import Samples
from mp3restore.audio.run_decoder import decode_run
from mp3restore.mp3.foreign import Read
from mp3restore.mp3.run_bytes import RunBytes
from mp3restore.mp3.runs import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RunSamples"]

_LOUDEST: Final = 4.0  # a level of 12 dB over full scale, which no music reaches
_ABOVE_THE_OTHERS: Final = 4.0  # times the median of their peaks: unless all of it is that loud
_WARM_UP_FRAMES: Final = 10  # more than main data and windows reach back


@dataclass(slots=True)
class RunSamples:
    """Decodes a run.

    Attributes
    ----------
    run : Run
        The frames; of one kind.
    read : callable
        Returns the bytes of the file from one position up to another.
    tell : callable
        Gets every frame that is played as silence though the run does not say so.
    """

    run: Run
    read: Read
    tell: Callable[[int], None]

    def blocks(self) -> Iterator[Samples]:
        """Decode to blocks (channels, n); where the decoder gives up, it begins again behind."""
        run, size = self.run, self.run.frame_samples
        silent, data = run.silent.copy(), RunBytes(run, self.read)
        wanted = run.position.size * size
        first = begin = done = 0  # frames from which it can and does begin; samples that are there
        while done < wanted:
            at = begin * size
            for block in decode_run(data, begin, run.sample_rate):
                fresh = block[:, max(0, done - at) : wanted - at]
                at += block.shape[1]
                absurd = _absurd_frames(fresh, done, size)
                # In a silent frame the one before sounds on.
                absurd = np.unique(absurd - silent[absurd])
                absurd = absurd[(absurd >= 0) & ~silent[absurd]]
                if absurd.size:
                    silent[absurd] = True
                    data = RunBytes(replace(run, silent=silent), self.read)
                    for frame in absurd.tolist():
                        self.tell(frame)
                    begin = max(first, done // size - _WARM_UP_FRAMES)
                    break
                done += fresh.shape[1]
                yield fresh
                if done == wanted:
                    return
            else:
                failed = done // size
                yield np.zeros((run.channels, (failed + 1) * size - done), np.float32)
                if not silent[failed]:
                    self.tell(failed)
                first = begin = failed + 1
                done = first * size


def _absurd_frames(samples: Samples, place: int, size: int) -> NDArray[np.int64]:
    """Return the frames of `size` samples that are far too loud, of samples (channels, n) that begin at a place."""
    # Written so that what is no number counts as too loud.
    if not samples.size or (samples.max() <= _LOUDEST and samples.min() >= -_LOUDEST):
        return np.empty(0, np.int64)
    frame = (place + np.arange(samples.shape[1])) // size
    starts = np.flatnonzero(np.diff(frame, prepend=-1))
    peak = np.maximum.reduceat(np.abs(samples).max(axis=0), starts)
    absurd = ~(peak <= max(_LOUDEST, _ABOVE_THE_OTHERS * float(np.median(peak))))
    # A frame sounds on in the next one: whether that is absurd itself is seen when it is decoded again.
    absurd[1:] &= ~absurd[:-1]
    found: NDArray[np.int64] = frame[starts][absurd]
    return found
