"""Signs that a file is not what this program is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mp3restore.audio_io.decode import open_audio
from mp3restore.mp3.grid import find_grid

__all__ = ["ClippingWatch", "looks_lossless"]

_Block = NDArray[np.float32]

# Full scale within a step of 12 bits: what was clipped before an MP3 encoder does not come back exactly.
_CLIPPED = 1 - 2.0**-11
_RUN_SAMPLES = 4
_SEARCH_SECONDS = 10.0
_LOSSLESS = ("WAV", "WAVEX", "FLAC", "AIFF", "RF64", "W64", "CAF", "AU")


class ClippingWatch:
    """Counts the places where a stream stays at full scale for several samples.

    Attributes
    ----------
    places : int
        How many there were.
    """

    def __init__(self) -> None:
        self.places = 0

    def watch(self, blocks: Iterable[_Block]) -> Iterator[_Block]:
        """Pass blocks (channels, n) on."""
        for block in blocks:
            loud = np.abs(block) >= _CLIPPED
            if loud.any():
                run = loud[:, : 1 - _RUN_SAMPLES]
                for k in range(1, _RUN_SAMPLES):
                    run = run & loud[:, k : k + run.shape[1]]
                self.places += int(np.count_nonzero(run[:, 1:] & ~run[:, :-1])) + int(np.count_nonzero(run[:, :1]))
            yield block


def looks_lossless(path: Path, decoder: str) -> bool:
    """Whether a file of a lossless format shows no trace of MP3 compression in its first seconds."""
    if not any(f", {kind} " in decoder for kind in _LOSSLESS):
        return False
    head: list[_Block] = []
    with open_audio(path) as source:
        for block in source.blocks():
            head.append(block)
            if sum(b.shape[1] for b in head) >= _SEARCH_SECONDS * source.sample_rate:
                break
    samples = np.concatenate(head, axis=1)[:2]
    return bool(np.any(samples)) and not find_grid(samples, source.sample_rate).found
