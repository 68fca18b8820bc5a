"""Holding a restoration to what its MP3 says: the bitstream side of the pipeline.

What the encoder did to every line is read off the decoder's output while that passes, once, for two: the generator,
which gets it as a map of what is missing (`mp3.uncertainty`), and the projection of the result (`mp3.projection`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from mp3restore.audio.decode import open_audio
from mp3restore.dsp.resample import resample_stream
from mp3restore.errors import BitstreamError, DecodeError
from mp3restore.generator.chunks import Passage
from mp3restore.generator.uncertainty import HOP, PLANES, UncertaintyMap
from mp3restore.mp3.granules import CodedGranules, GranuleReader
from mp3restore.mp3.grid import locate
from mp3restore.mp3.projection import Projector
from mp3restore.mp3.stream import GRANULE_SAMPLES, Mp3Stream, read_stream

__all__ = [
    "Bitstream",
    "BitstreamWatch",
    "SampleQueue",
    "check_complete",
    "hold_to_bitstream",
    "mix",
    "open_bitstream",
]

_Block = NDArray[np.float32]

# The granules are looked for where the music begins, within the first minutes; a file's grid does not change.
_LOCATE_SECONDS = 15.0
_LONGEST_INTRO_S = 120.0
_SILENT = 1e-4  # peak
# Share of the lines that must lie on the lattice before the bitstream is believed.
_LEAST_FIT = 0.9
# What a decoder may leave out at the end: padding that the bitstream does not state, a frame that is cut off.
_LONGEST_TAIL = 8 * GRANULE_SAMPLES


@dataclass(frozen=True, slots=True)
class Bitstream:
    """The bitstream of an MP3, and at which sample of the decoder's output granule 0 starts."""

    stream: Mp3Stream
    offset: int


def open_bitstream(path: Path) -> Bitstream | None:
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
    return Bitstream(stream, offset) if fit >= _LEAST_FIT else None


def check_complete(bitstream: Bitstream, length: int, path: Path) -> None:
    """Refuse a file whose decoder has ended, after `length` samples, long before the frames do.

    That is what decoders do at damaged bytes in the middle, without a word.

    Raises
    ------
    DecodeError
        If music is missing.
    """
    stream = bitstream.stream
    end = bitstream.offset + GRANULE_SAMPLES * stream.granules - (stream.padding or 0)
    if length < end - _LONGEST_TAIL:
        raise DecodeError(
            f"is damaged after {length / stream.sample_rate:.1f} s",
            path=path,
            hint="'ffmpeg -i FILE -c copy REPAIRED' drops the damaged frames",
        )


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


class SampleQueue:
    """Samples that passed one point of a stream and wait at another, perhaps in another thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pieces: deque[_Block] = deque()

    def watch(self, blocks: Iterable[_Block]) -> Iterator[_Block]:
        """Pass blocks (channels, n) on and remember them."""
        for block in blocks:
            with self._lock:
                self._pieces.append(block)
            yield block

    def take(self, count: int) -> _Block:
        """Remove the next `count` samples, or as many as there are; something must have passed."""
        taken: list[_Block] = []
        with self._lock:
            if not self._pieces:
                raise RuntimeError("nothing has passed yet")
            while self._pieces and (count > 0 or not taken):
                piece = self._pieces.popleft()
                taken.append(piece[:, :count])
                count -= taken[-1].shape[1]
            # What is left, perhaps nothing, stays: its number of channels is the stream's.
            if taken[-1].shape[1] < piece.shape[1] or not self._pieces:
                self._pieces.appendleft(piece[:, taken[-1].shape[1] :])
        return np.concatenate(taken, axis=1)


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
