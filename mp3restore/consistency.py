"""Holding a restoration to what its MP3 says: the bitstream side of the pipeline.

The projection itself is `mp3restore.mp3.Projector`. Here is what it takes to use it on a stream: finding the granules
in what the decoder gives, and bringing the two together where the file is restored at a higher rate than its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from mp3restore.audio_io.decode import open_audio
from mp3restore.errors import BitstreamError
from mp3restore.mp3.grid import locate
from mp3restore.mp3.projection import Projector
from mp3restore.mp3.stream import read_stream
from mp3restore.resample import resample_stream

__all__ = ["SampleQueue", "hold_to_bitstream", "mix", "open_projector"]

_Block = NDArray[np.float32]

# The granules are looked for where the music begins, within the first minutes; a file's grid does not change.
_LOCATE_SECONDS = 15.0
_LONGEST_INTRO_S = 120.0
_SILENT = 1e-4  # peak
# Share of the lines that must lie on the lattice before the bitstream is believed.
_LEAST_FIT = 0.9


def open_projector(path: Path) -> Projector | None:
    """Read the bitstream of an MP3 and find its granules in the decoder's output.

    None where the file is no MP3, or what the decoder gives is not what the bitstream says (decoded at another rate,
    damaged throughout, intensity stereo, free format): then nothing can be guaranteed.
    """
    try:
        stream = read_stream(path)
    except BitstreamError:
        return None
    with open_audio(path) as source:
        if (source.sample_rate, source.channels) != (stream.sample_rate, stream.channels):
            return None
        head: list[_Block] = []
        heard = waited = 0
        for block in source.blocks():
            head.append(block)
            heard += block.shape[1] if np.abs(block).max() > _SILENT else 0
            waited += block.shape[1]
            if heard >= _LOCATE_SECONDS * source.sample_rate or waited >= _LONGEST_INTRO_S * source.sample_rate:
                break
    offset, fit = locate(stream, np.concatenate(head, axis=1))
    return Projector(stream, offset=offset) if fit >= _LEAST_FIT else None


class SampleQueue:
    """Samples that passed one point of a stream and wait at another, perhaps in another thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._samples: _Block | None = None

    def watch(self, blocks: Iterable[_Block]) -> Iterator[_Block]:
        """Pass blocks (channels, n) on and remember them."""
        for block in blocks:
            with self._lock:
                waiting = self._samples
                self._samples = block if waiting is None else np.concatenate([waiting, block], axis=1)
            yield block

    def take(self, count: int) -> _Block:
        """Remove the next `count` samples, or as many as there are; something must have passed."""
        with self._lock:
            if self._samples is None:
                raise RuntimeError("nothing has passed yet")
            taken, self._samples = self._samples[:, :count], self._samples[:, count:]
        return taken


def mix(decoded: SampleQueue, restored: Iterable[_Block], strength: float) -> Iterator[_Block]:
    """Go only part of the way from what was decoded to what was restored, both at one rate."""
    for block in restored:
        original = decoded.take(block.shape[1])
        yield original + np.float32(strength) * (block[:, : original.shape[1]] - original)


def hold_to_bitstream(
    projector: Projector, decoded: SampleQueue, restored: Iterable[_Block], *, file_rate: int, rate: int
) -> Iterator[_Block]:
    """Project restored blocks at `rate` Hz onto what the decoder gave at `file_rate` Hz; the length stays the same.

    Where the rates differ, the change that the projection makes is found at the rate of the file and added at the
    higher one: what lies above the file's own band is not touched.
    """
    if file_rate == rate:
        yield from _project(projector, decoded, restored)
        return
    at_rate, at_file_rate = SampleQueue(), SampleQueue()
    low = at_file_rate.watch(resample_stream(at_rate.watch(restored), rate, file_rate))
    changes = (p - at_file_rate.take(p.shape[1]) for p in _project(projector, decoded, low))
    for change in resample_stream(changes, file_rate, rate):
        yield at_rate.take(change.shape[1]) + change


def _project(projector: Projector, decoded: SampleQueue, restored: Iterable[_Block]) -> Iterator[_Block]:
    """Give the projector both signals in equal blocks; what conversion rounded up at the end is cut."""
    waiting: deque[_Block] = deque()

    def known() -> Iterator[_Block]:
        for block in restored:
            original = decoded.take(block.shape[1])
            if original.shape[1]:
                waiting.append(block[:, : original.shape[1]])
                yield original

    def candidates() -> Iterator[_Block]:
        while waiting:
            yield waiting.popleft()

    yield from projector.stream(known(), candidates())
