"""Holding a restoration to what its MP3 says: the bitstream side of the pipeline.

What the encoder did to every line is read off the decoder's output while that passes, once, for two: the generator,
which gets it as a map of what is missing (`mp3.uncertainty`), and the projection of the result (`mp3.projection`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from mp3restore.dsp.resample import resample_stream
from mp3restore.generator.chunks import Passage
from mp3restore.generator.uncertainty import HOP, PLANES, UncertaintyMap
from mp3restore.inspection.bitstream import Bitstream
from mp3restore.mp3.granules import CodedGranules, GranuleReader
from mp3restore.mp3.projection import Projector
from mp3restore.pipeline.stages import SampleQueue

__all__ = ["BitstreamWatch", "hold_to_bitstream", "mix"]

_Block = NDArray[np.float32]


class BitstreamWatch:
    """Reads the granules of an MP3 off the decoder's output while that passes, perhaps in a thread of its own.

    Parameters
    ----------
    bitstream
        The file.
    working_rate
        Rate of the generator in Hz.
    bands
        Number of bands of the generator's map.
    keep
        Whether somebody will take the granules from `runs`.

    Attributes
    ----------
    length : int
        Samples that have passed.
    """

    def __init__(self, bitstream: Bitstream, *, working_rate: int, bands: int, keep: bool) -> None:
        self.bitstream = bitstream
        self.length = 0
        stream, offset = bitstream.stream, bitstream.offset
        self._reader = GranuleReader(stream, offset=offset)
        self._map = UncertaintyMap(stream, offset=offset, working_rate=working_rate, bands=bands)
        self._keep = keep
        self._runs: deque[CodedGranules] = deque()
        self._no_rows = np.zeros((0, PLANES * bands), np.float32)
        self._rows: list[_Block] = []

    def watch(self, blocks: Iterable[_Block]) -> Iterator[_Block]:
        """Pass the blocks of the decoder on."""
        for block in blocks:
            self.length += block.shape[1]
            self._take(self._reader.push(block))
            yield block
        self._take(self._reader.finish())

    def _take(self, runs: Iterable[CodedGranules]) -> None:
        for run in runs:
            if self._keep:
                self._runs.append(run)
            self._rows.append(self._map.push(run))

    def passages(self, blocks: Iterable[_Block]) -> Iterator[Passage]:
        """Add what is known of their losses to the same blocks at the working rate."""
        length = 0
        for block in blocks:
            length += block.shape[1]
            yield Passage(block, self._known())
        if length:
            self._rows.append(self._map.finish(1 + length // HOP))
            yield Passage(block[:, :0], self._known())

    def _known(self) -> _Block:
        """Rows of the map that have become known since the last call."""
        rows, self._rows = [self._no_rows, *self._rows], []
        return np.concatenate(rows)

    def runs(self) -> Iterator[CodedGranules]:
        """Take the granules that have passed, in order; to ask for more than that is an error."""
        while True:
            yield self._runs.popleft()


def mix(decoded: SampleQueue, restored: Iterable[_Block], strength: float) -> Iterator[_Block]:
    """Go only part of the way from what was decoded to what was restored, both at one rate."""
    for block in restored:
        original = decoded.take(block.shape[1])
        yield original + np.float32(strength) * (block[:, : original.shape[1]] - original)


def hold_to_bitstream(watch: BitstreamWatch, restored: Iterable[_Block], *, rate: int) -> Iterator[_Block]:
    """Project restored blocks at `rate` Hz onto the file whose decoded samples have passed `watch`.

    The length stays the same. Where the rates differ, the change that the projection makes is found at the rate of the
    file and added at the higher one: what lies above the file's own band is not touched.
    """
    file_rate = watch.bitstream.stream.sample_rate
    if file_rate == rate:
        yield from _project(watch, restored)
        return
    at_rate, at_file_rate = SampleQueue(), SampleQueue()
    low = at_file_rate.watch(resample_stream(at_rate.watch(restored), rate, file_rate))
    changes = (p - at_file_rate.take(p.shape[1]) for p in _project(watch, low))
    for change in resample_stream(changes, file_rate, rate):
        yield at_rate.take(change.shape[1]) + change


def _project(watch: BitstreamWatch, restored: Iterable[_Block]) -> Iterator[_Block]:
    """Project blocks at the rate of the file; what conversion rounded up at the end is cut."""

    def cut() -> Iterator[_Block]:
        given = 0
        for block in restored:
            kept = block[:, : watch.length - given]
            given += kept.shape[1]
            yield kept

    projector = Projector(watch.bitstream.stream, offset=watch.bitstream.offset)
    yield from projector.stream(watch.runs(), cut())
