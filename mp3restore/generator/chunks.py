"""Extend the music beyond both ends of a file, so that the generator sees no sudden start or stop.

Where a file begins or ends in the middle of a sound, silence next to it would make a click, with energy at all
frequencies, and the generator would restore what is not missing. So the file continues as its mirror image, faded out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from mp3restore._typing import Samples
from mp3restore.generator.uncertainty import PLANES, unknown_row

__all__ = ["MapRows", "Passage", "with_edges", "without_edges"]


@dataclass(frozen=True, slots=True)
class Passage:
    """The next samples of a file, and the rows of its map that have become known.

    `samples` has shape (channels, n). `uncertainty` has the next rows of the file's map (`generator.uncertainty`), for
    frames centred on every 512th sample from the first on. It has shape (0, values) if there are none yet, and is None
    if there is no bitstream.
    """

    samples: Samples
    uncertainty: Samples | None = None


def _mirrored(tail: Samples, length: int) -> Samples:
    """Return `length` samples that continue `tail` (channels, n > 0): its mirror image, faded out."""
    fade = np.cos(np.linspace(0, np.pi / 2, length, dtype=np.float32)) ** 2
    following: Samples = np.pad(tail, ((0, 0), (0, length)), mode="symmetric")[:, tail.shape[1] :] * fade
    return following


def _begun(head: Samples, length: int) -> Samples:
    """Prepend `length` mirrored samples that fade in to `head`."""
    return np.concatenate([_mirrored(head[:, :length][:, ::-1], length)[:, ::-1], head], axis=1)


def with_edges(passages: Iterable[Passage], length: int) -> Iterator[Passage]:
    """Add `length` samples before and after those of a file of any length."""
    recent: Samples | None = None  # all samples until there are enough to begin, then the last `length`
    begun = False
    for passage in passages:
        samples = passage.samples
        recent = samples if recent is None else np.concatenate([recent, samples], axis=1)
        if not begun and recent.shape[1] < length:
            yield Passage(samples[:, :0], passage.uncertainty)
            continue
        if not begun:
            samples, begun = _begun(recent, length), True
        recent = recent[:, -length:]
        yield Passage(samples, passage.uncertainty)
    if recent is not None and recent.shape[1]:
        if not begun:
            yield Passage(_begun(recent, length))
        yield Passage(_mirrored(recent, length))


def without_edges(blocks: Iterable[Samples], length: int) -> Iterator[Samples]:
    """Remove the first and the last `length` samples from blocks (channels, n)."""
    before = length
    held: Samples | None = None
    for block in blocks:
        inside = block[:, min(before, block.shape[1]) :]
        before -= block.shape[1] - inside.shape[1]
        held = inside if held is None else np.concatenate([held, inside], axis=1)
        if held.shape[1] > length:
            yield held[:, :-length]
            held = held[:, -length:]


class MapRows:
    """Rows of the uncertainty map, from row `first` <= 0 on, that wait for their samples.

    The first row is repeated before it and the last one after it, because the samples out there mirror those inside.
    """

    def __init__(self, first: int, values: int) -> None:
        self._before = -first
        self._outside = unknown_row(values // PLANES)[None]
        self._rows = np.zeros((0, values), np.float32)

    @property
    def count(self) -> int:
        """Number of rows that wait."""
        return len(self._rows)

    def push(self, rows: Samples) -> None:
        """Append rows."""
        if not len(rows):
            return
        before = np.repeat(rows[:1], self._before, axis=0)
        self._rows = np.concatenate([self._rows, before, rows])
        self._before, self._outside = 0, rows[-1:]

    def take(self, count: int, step: int) -> Samples:
        """Return the next `count` rows, repeating the last one if there are too few, then advance by `step`."""
        taken = self._rows[:count]
        missing = np.repeat(self._outside, count - len(taken), axis=0)
        self._rows = self._rows[step:]
        return np.concatenate([taken, missing])
