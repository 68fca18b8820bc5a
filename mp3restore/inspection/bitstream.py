"""The bitstream of an MP3, and where its granules lie in the decoder's output."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mp3restore._typing import Samples
from mp3restore.audio.mpeg import MpegSource, MusicRange
from mp3restore.audio.source import AudioSource
from mp3restore.mp3.granules import GranuleReader, coded_granules
from mp3restore.mp3.grid import grid_fit
from mp3restore.mp3.stream import Mp3Stream, states_lowpass

__all__ = ["LEAST_FIT", "Bitstream", "Stretch", "move_bitstream", "open_bitstream"]

LEAST_FIT = 0.9
"""Share of the lines that must lie on the lattice before the bitstream is believed."""

# The fit is judged where the music begins, within the first minutes.
_JUDGED_SECONDS = 15.0
_LONGEST_INTRO_S = 120.0
_SILENT = 1e-4  # peak
_LAYER_3 = 3
# Of the coded edges of granules, the one that a low-pass would let few exceed.
_EDGE_QUANTILE = 0.995


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the decoded file that comes from one bitstream.

    Attributes
    ----------
    stream : Mp3Stream
        What the bitstream says.
    start, stop : int
        First sample in the decoded file, and the one after the last.
    offset : int
        Sample of the decoded file at which granule 0 starts; before `start` where the encoder's delay is cut off.
    """

    stream: Mp3Stream
    start: int
    stop: int
    offset: int

    def reader(self) -> GranuleReader:
        """Return what reads the granules off the samples of the stretch."""
        return GranuleReader(self.stream, offset=self.offset - self.start)


@dataclass(frozen=True, slots=True)
class Bitstream:
    """What the bitstreams of a file say, and where they lie in the decoder's output.

    Attributes
    ----------
    stretches : tuple of Stretch
        One for each part of the file at its own rate; between them nothing is known.
    fit : float
        Share of the lines at the beginning that lie on the lattice, 0 to 1.
    """

    stretches: tuple[Stretch, ...]
    fit: float

    @property
    def stream(self) -> Mp3Stream:
        """The bitstream of the longest stretch."""
        return max(self.stretches, key=lambda each: each.stop - each.start).stream

    @property
    def offset(self) -> int:
        """Where granule 0 of that stream starts."""
        return max(self.stretches, key=lambda each: each.stop - each.start).offset

    @property
    def believed(self) -> bool:
        """Whether the decoder's output is what the bitstream says."""
        return self.fit >= LEAST_FIT


def move_bitstream(found: Bitstream, samples: Samples, *, late: int) -> Bitstream:
    """Place a bitstream in samples that another decoder has made of it.

    Parameters
    ----------
    found : Bitstream
        The bitstream, in the output of the decoder of this program.
    samples : ndarray of float32, shape (channels, samples)
        All samples.
    late : int
        By how many samples they come later than that output.

    Returns
    -------
    Bitstream
        It is `believed` only if the samples are what the bitstream says.
    """
    length = samples.shape[1]
    moved = [
        replace(each, start=max(0, each.start + late), stop=min(length, each.stop + late), offset=each.offset + late)
        for each in found.stretches
    ]
    inside = tuple(each for each in moved if each.start < each.stop)
    head = samples[:, : round(_LONGEST_INTRO_S * found.stream.sample_rate)]
    judged = [(_heard(head, each), grid_fit(each.stream, *_inside(head, each))) for each in inside]
    weights = [count for count, _ in judged]
    return Bitstream(inside, float(np.average([fit for _, fit in judged], weights=weights)) if any(weights) else 0.0)


class _Music:
    """Counts the audible seconds of a beginning, until there are enough to judge."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._heard = self._waited = 0

    def enough(self, block: Samples) -> bool:
        self._heard += block.shape[1] if np.abs(block).max() > _SILENT else 0
        self._waited += block.shape[1]
        return self._heard >= _JUDGED_SECONDS * self._rate or self._waited >= _LONGEST_INTRO_S * self._rate


def open_bitstream(source: AudioSource) -> Bitstream | None:
    """Read the bitstream of an MP3, and judge whether the decoder's output is what it says.

    Parameters
    ----------
    source : AudioSource
        The open file. Its beginning is decoded here; `AudioSource.blocks` yields it again.

    Returns
    -------
    Bitstream or None
        None where nothing of the file is layer III at the rate of its result.
    """
    if not isinstance(source, MpegSource):
        return None
    streams: dict[int, Mp3Stream] = {}
    stretches = []
    for each in source.ranges:
        run = source.runs[each.run]
        kind = (run.layer, run.sample_rate, run.channels)
        if kind != (_LAYER_3, source.sample_rate, source.channels):
            continue
        if each.run not in streams:
            streams[each.run] = source.stream(each.run)
        stretches.append(_stretch(streams[each.run], each))
    if not stretches:
        return None
    head = np.concatenate(source.peek(_Music(source.sample_rate).enough), axis=1)
    fits = [(_heard(head, each), grid_fit(each.stream, *_inside(head, each))) for each in stretches]
    judged = [(samples, fit) for samples, fit in fits if samples]
    fit = float(np.average([f for _, f in judged], weights=[n for n, _ in judged])) if judged else 1.0
    return Bitstream(tuple(_with_edge(head, each) for each in stretches), fit)


def _stretch(stream: Mp3Stream, place: MusicRange) -> Stretch:
    return Stretch(stream, place.place, place.place + place.length, place.place - place.start)


def _inside(head: Samples, each: Stretch) -> tuple[Samples, int]:
    """Return the samples of a stretch as far as they are decoded, and where its granule 0 starts in them."""
    return head[:, each.start : each.stop], each.offset - each.start


def _heard(head: Samples, each: Stretch) -> int:
    return max(0, min(each.stop, int(head.shape[1])) - each.start)


def _with_edge(head: Samples, each: Stretch) -> Stretch:
    """Measure where the lines of a stretch end, if no tag and no known encoder says it."""
    if states_lowpass(each.stream):
        return each
    samples, offset = _inside(head, each)
    runs = coded_granules(each.stream, [samples], offset=offset) if samples.shape[1] else ()
    edges = np.concatenate([np.zeros(0, np.int64), *(run.edges[run.sound].ravel() for run in runs)])
    if not edges.size:
        return each
    line_hz = each.stream.sample_rate / 2 / 576
    edge = float(np.quantile(edges, _EDGE_QUANTILE)) * line_hz
    return replace(each, stream=replace(each.stream, measured_edge_hz=edge))
