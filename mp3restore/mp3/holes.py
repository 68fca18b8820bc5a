"""What the quantiser did to every line of a file: the decoded signal read back on its lattice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mp3restore.mp3.filterbank import HALO, OVERLAP, analyse
from mp3restore.mp3.lattice import nearest, rotate_ms
from mp3restore.mp3.stream import GRANULE_SAMPLES
from mp3restore.mp3.trust import complete_granules, fits_lattice, trusted_granules
from mp3restore.mp3.windows import BATCH, first_granule, granule_windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from mp3restore.mp3.stream import Mp3Stream


@dataclass(frozen=True, slots=True)
class CodedGranules:
    """A run of granules, in the planes in which they were coded (mid and side, or left and right)."""

    first: int
    """Index of the first granule in the stream."""
    magnitudes: NDArray[np.intp]
    """``q`` of every line, shape (n, channels, 576)."""
    steps: NDArray[np.float32]
    """Quantiser step of every line, same shape."""
    sound: NDArray[np.bool_]
    """Granules whose samples lie on the lattice, shape (n,); elsewhere the others mean nothing."""

    @property
    def edges(self) -> NDArray[np.int64]:
        """First line after the last that is not zero, 0 to 576, shape (n, channels)."""
        coded = self.magnitudes > 0
        last = coded.shape[-1] - np.argmax(coded[..., ::-1], axis=-1)
        return np.where(coded.any(axis=-1), last, 0)


def coded_granules(
    stream: Mp3Stream, decoded: Iterable[NDArray[np.float32]], *, offset: int
) -> Iterator[CodedGranules]:
    """Yield the granules of a stream that the decoder's output covers, in order, with bounded memory.

    ``decoded`` gives blocks (channels, n) at full scale 1.0; granule 0 starts at their sample ``offset``.
    """
    trusted = trusted_granules(stream)
    first = first_granule(offset)
    for window, filled in granule_windows(decoded, rows=stream.channels, offset=offset):
        low, high = max(first, 0), min(first + BATCH, stream.granules)
        if high > low:
            place = GRANULE_SAMPLES * (low - first)
            span = GRANULE_SAMPLES * (high - low) + OVERLAP + 2 * HALO
            lines = analyse(window[:, place : place + span], stream.block_type[low:high], stream.mixed[low:high])
            rotate_ms(lines, stream.ms[low:high])
            steps = stream.line_steps(low, high)
            scaled: NDArray[np.float32] = np.divide(np.abs(lines), steps)
            magnitudes = nearest(scaled)
            inside = complete_granules(offset, first, filled)[low - first : high - first]
            yield CodedGranules(low, magnitudes, steps, trusted[low:high] & inside & fits_lattice(scaled, magnitudes))
        first += BATCH
