"""Hold a restoration to its MP3: the bitstream side of the pipeline.

The quantised value of every line is read from the decoder's output as that passes. It is read once and used twice: as a
map of the losses for the generator (`generator.uncertainty`), and for the projection of the result (`mp3.projection`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from mp3restore._typing import Samples
from mp3restore.dsp.resample import resample_stream
from mp3restore.generator.chunks import Passage
from mp3restore.generator.uncertainty import HOP, PLANES, UncertaintyMap
from mp3restore.inspection.bitstream import Bitstream
from mp3restore.mp3.granules import CodedGranules, GranuleReader
from mp3restore.mp3.projection import Projector
from mp3restore.pipeline.stages import SampleQueue

__all__ = ["GranuleTap", "hold_to_bitstream"]


class GranuleTap:
    """Reads the granules of an MP3 from the decoder's output as that passes, perhaps in a separate thread.

    Parameters
    ----------
    bitstream : Bitstream
        The file.
    working_rate : int
        Rate of the generator in Hz.
    bands : int
        Number of bands of the generator's map.
    keep : bool
        Whether to keep the granules for `runs`.

    Attributes
    ----------
    length : int
        Samples that have passed so far.
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
        self._rows: list[Samples] = []

    def tap(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        """Pass on the decoder's blocks, and read their granules."""
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

    def passages(self, blocks: Iterable[Samples]) -> Iterator[Passage]:
        """Add the rows of the map to the same blocks at the working rate."""
        length = 0
        for block in blocks:
            length += block.shape[1]
            yield Passage(block, self._known())
        if length:
            self._rows.append(self._map.finish(1 + length // HOP))
            yield Passage(block[:, :0], self._known())

    def _known(self) -> Samples:
        """Return the rows of the map that have become known since the last call."""
        rows, self._rows = [self._no_rows, *self._rows], []
        return np.concatenate(rows)

    def runs(self) -> Iterator[CodedGranules]:
        """Yield the granules read so far, in order. Raises IndexError if the consumer gets ahead of the reader."""
        while True:
            yield self._runs.popleft()


def hold_to_bitstream(granules: GranuleTap, restored: Iterable[Samples], *, rate: int) -> Iterator[Samples]:
    """Project restored blocks at `rate` Hz onto the file whose decoded samples have passed `granules`.

    The length stays the same. If the rates differ, the change that the projection makes is computed at the rate of the
    file and added at the higher rate, so frequencies above the file's own band are not touched.
    """
    file_rate = granules.bitstream.stream.sample_rate
    if file_rate == rate:
        yield from _project(granules, restored)
        return
    at_rate, at_file_rate = SampleQueue(), SampleQueue()
    low = at_file_rate.tap(resample_stream(at_rate.tap(restored), rate, file_rate))
    changes = (p - at_file_rate.take(p.shape[1]) for p in _project(granules, low))
    for change in resample_stream(changes, file_rate, rate):
        yield at_rate.take(change.shape[1]) + change


def _project(granules: GranuleTap, restored: Iterable[Samples]) -> Iterator[Samples]:
    """Project blocks at the rate of the file; samples that the conversion's rounding added at the end are cut."""

    def cut() -> Iterator[Samples]:
        given = 0
        for block in restored:
            kept = block[:, : granules.length - given]
            given += kept.shape[1]
            yield kept

    projector = Projector(granules.bitstream.stream, offset=granules.bitstream.offset)
    yield from projector.stream(granules.runs(), cut())
