"""Hold a restoration to its MP3: the bitstream side of the pipeline.

The quantised value of every line is read from the decoder's output as that passes. It is read once and used twice: as a
map of the losses for the generator (`generator.uncertainty`), and for the projection of the result (`mp3.projection`).
A file may have several bitstreams, one after the other; between them nothing is known, and the result is not held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from mp3restore._typing import Samples
from mp3restore.dsp.resample import resample_stream
from mp3restore.generator.chunks import Passage
from mp3restore.generator.uncertainty import HOP, UncertaintyMap, unknown_row
from mp3restore.inspection.bitstream import Bitstream, Stretch
from mp3restore.inspection.decoded import DecodedMp3, DecodedStretch
from mp3restore.mp3.decoded import DecodedReader
from mp3restore.mp3.granules import CodedGranules
from mp3restore.mp3.projection import Projector
from mp3restore.pipeline.stages import SampleQueue

__all__ = ["GranuleTap", "hold_to_bitstream"]


class _StretchTap:
    """Reads the granules of one stretch from its samples, and renders its part of the map."""

    def __init__(self, stretch: Stretch | DecodedStretch, *, working_rate: int, bands: int, keep: bool) -> None:
        stream = stretch.stream
        self.stretch = stretch
        # The frames of the map that are centred in the stretch.
        scale = working_rate / stream.sample_rate / HOP
        self.first_frame = int(np.ceil(stretch.start * scale))
        self.end_frame = int(np.ceil(stretch.stop * scale))
        self._reader = stretch.reader()
        self._map = UncertaintyMap(
            stream, offset=stretch.offset, working_rate=working_rate, bands=bands, first_frame=self.first_frame
        )
        self._keep = keep
        self._runs: deque[CodedGranules] = deque()
        self._closed = False

    def push(self, block: Samples) -> list[Samples]:
        """Take the next samples of the stretch, and return the rows of the map that they complete."""
        return self._take(self._reader.push(block))

    def close(self) -> list[Samples]:
        """Read the last granules, after all samples have been pushed, and return the rows that they complete."""
        if self._closed:
            return []
        self._closed = True
        return self._take(self._reader.finish())

    def finish(self, end_frame: int) -> list[Samples]:
        """Return the last rows, after all samples have been pushed."""
        return [*self.close(), self._map.finish(end_frame)]

    def cleaned(self) -> Iterator[Samples]:
        """Yield the samples of a decoded MP3 read since the last call, without the noise of their rounding."""
        if isinstance(self._reader, DecodedReader):  # pragma: no branch - nobody asks another reader
            yield from self._reader.cleaned()

    def _take(self, runs: Iterable[CodedGranules]) -> list[Samples]:
        rows = []
        for run in runs:
            if self._keep:
                self._runs.append(run)
            rows.append(self._map.push(run))
        return rows

    def runs(self) -> Iterator[CodedGranules]:
        """Yield the granules read so far, in order. Raises IndexError if the consumer gets ahead of the reader."""
        while True:
            yield self._runs.popleft()


class GranuleTap:
    """Reads the granules of an MP3 from the decoder's output as that passes, perhaps in a separate thread.

    Parameters
    ----------
    bitstream : Bitstream or DecodedMp3
        What says how the file was coded.
    working_rate : int
        Rate of the generator in Hz.
    bands : int
        Number of bands of the generator's map.
    keep : bool
        Whether to keep the granules for `stretches`.

    Attributes
    ----------
    length : int
        Samples that have passed so far.
    stretches : list
        The stretches of the file, in order.
    """

    def __init__(self, bitstream: Bitstream | DecodedMp3, *, working_rate: int, bands: int, keep: bool) -> None:
        self.sample_rate = bitstream.stream.sample_rate
        self.length = 0
        self.stretches = [
            _StretchTap(each, working_rate=working_rate, bands=bands, keep=keep) for each in bitstream.stretches
        ]
        self._decoded = self.stretches[0] if isinstance(bitstream, DecodedMp3) else None
        self._waiting = deque(self.stretches)
        self._unknown = unknown_row(bands)[None]
        self._frame = 0  # the next frame of the map
        self._rows: list[Samples] = []

    def tap(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        """Pass on the decoder's blocks, and read their granules; see `DecodedReader` for what changes in them."""
        for block in blocks:
            while self._waiting:
                tap = self._waiting[0]
                start, stop = tap.stretch.start - self.length, tap.stretch.stop - self.length
                if start >= block.shape[1]:
                    break
                self._fill(tap.first_frame)
                self._add(tap.push(block[:, max(0, start) : stop]))
                if stop > block.shape[1]:
                    break
                self._add(tap.finish(tap.end_frame))
                self._waiting.popleft()
            self.length += block.shape[1]
            if self._decoded is None:
                yield block
            else:
                yield from self._decoded.cleaned()
        if self._decoded is not None:
            self._add(self._decoded.close())
            yield from self._decoded.cleaned()

    def _add(self, rows: list[Samples]) -> None:
        self._rows += rows
        self._frame += sum(len(each) for each in rows)

    def _fill(self, frame: int) -> None:
        """Add rows for frames up to `frame` of which nothing is known."""
        if frame > self._frame:
            self._add([np.repeat(self._unknown, frame - self._frame, axis=0)])

    def passages(self, blocks: Iterable[Samples]) -> Iterator[Passage]:
        """Add the rows of the map to the same blocks at the working rate."""
        length = 0
        for block in blocks:
            length += block.shape[1]
            yield Passage(block, self._known())
        if length:
            frames = 1 + length // HOP
            if self._waiting and self._waiting[0].first_frame <= self._frame:
                self._add(self._waiting.popleft().finish(frames))
            self._fill(frames)
            yield Passage(block[:, :0], self._known())

    def _known(self) -> Samples:
        """Return the rows of the map that have become known since the last call."""
        rows, self._rows = [self._unknown[:0], *self._rows], []
        return np.concatenate(rows)


def hold_to_bitstream(granules: GranuleTap, restored: Iterable[Samples], *, rate: int) -> Iterator[Samples]:
    """Project restored blocks at `rate` Hz onto the file whose decoded samples have passed `granules`.

    The length stays the same. If the rates differ, the change that the projection makes is computed at the rate of the
    file and added at the higher rate, so frequencies above the file's own band are not touched.
    """
    if granules.sample_rate == rate:
        yield from _project(granules, restored)
        return
    at_rate, at_file_rate = SampleQueue(), SampleQueue()
    low = at_file_rate.tap(resample_stream(at_rate.tap(restored), rate, granules.sample_rate))
    changes = (p - at_file_rate.take(p.shape[1]) for p in _project(granules, low))
    for change in resample_stream(changes, granules.sample_rate, rate):
        yield at_rate.take(change.shape[1]) + change


class _Pieces:
    """Cuts the samples of a stream into pieces."""

    def __init__(self, blocks: Iterable[Samples]) -> None:
        self._blocks = iter(blocks)
        self._rest: Samples | None = None
        self._place = 0

    def until(self, stop: int | None) -> Iterator[Samples]:
        """Yield the samples up to sample `stop` of the stream, or all that are left."""
        while stop is None or self._place < stop:
            block = next(self._blocks, None) if self._rest is None else self._rest
            if block is None:
                return
            kept = block if stop is None else block[:, : stop - self._place]
            self._rest = block[:, kept.shape[1] :] if kept.shape[1] < block.shape[1] else None
            self._place += kept.shape[1]
            yield kept


def _project(granules: GranuleTap, restored: Iterable[Samples]) -> Iterator[Samples]:
    """Project blocks at the rate of the file; samples that the conversion's rounding added at the end are cut."""

    def cut() -> Iterator[Samples]:
        given = 0
        for block in restored:
            kept = block[:, : granules.length - given]
            given += kept.shape[1]
            yield kept

    pieces = _Pieces(cut())
    for tap in granules.stretches:
        stretch = tap.stretch
        yield from pieces.until(stretch.start)
        projector = Projector(stretch.stream, offset=stretch.offset - stretch.start)
        yield from projector.stream(tap.runs(), pieces.until(stretch.stop))
    yield from pieces.until(None)
