"""Files that were decoded from an MP3: a CD, a WAV or a FLAC that an MP3 was converted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mp3restore.audio.mpeg import MpegSource
from mp3restore.audio.source import AudioSource
from mp3restore.inspection.beginning import audible_beginning
from mp3restore.mp3.decoded import DecodedReader, DecodedStream, describe_coding
from mp3restore.mp3.grid import GridResult, find_grid
from mp3restore.mp3.tables import SAMPLE_RATES

__all__ = ["DecodedMp3", "DecodedStretch", "find_coding"]

_LEAST_SOUND = 0.5
_SEARCH_SECONDS = 15.0
_MOST_CHANNELS = 2
_ENDLESS = 1 << 50


@dataclass(frozen=True, slots=True)
class DecodedStretch:
    """The counterpart of `bitstream.Stretch`: all of a file.

    Attributes
    ----------
    stream : DecodedStream
        What the samples tell of their coding.
    offset : int
        Sample at which a granule starts.
    start, stop : int
        First sample, and one after the last.
    """

    stream: DecodedStream
    offset: int
    start: int = 0
    stop: int = _ENDLESS

    def reader(self) -> DecodedReader:
        """Return what reads the granules off the samples."""
        return DecodedReader(self.stream, offset=self.offset)


@dataclass(frozen=True, slots=True)
class DecodedMp3:
    """What the samples of a file tell of the MP3 that they were decoded from.

    Attributes
    ----------
    stream : DecodedStream
        Its coding.
    grid : GridResult
        Where its granules are, and how certain that is.
    """

    stream: DecodedStream
    grid: GridResult

    @property
    def stretches(self) -> tuple[DecodedStretch, ...]:
        """The whole file; where its grid changes is found while it is read."""
        return (DecodedStretch(self.stream, self.grid.offset),)

    @property
    def readable(self) -> bool:
        """Whether the steps of the quantiser can be read, and not only the place of its granules."""
        return self.stream.sound_share >= _LEAST_SOUND


def find_coding(source: AudioSource) -> DecodedMp3 | None:
    """Find out whether an open file was decoded from an MP3, from its first audible seconds.

    Returns
    -------
    DecodedMp3 or None
        None where nothing shows that it was: it was not, it was changed too much since (another rate, an equaliser,
        another codec), or it is too quiet. Files in which a codec is at work now, MP3 among them, are not searched.
    """
    rate = source.sample_rate
    if isinstance(source, MpegSource) or source.channels > _MOST_CHANNELS or rate not in SAMPLE_RATES:
        return None
    head = audible_beginning(source, _SEARCH_SECONDS)
    if not head:
        return None
    samples = np.concatenate(head, axis=1)
    grid = find_grid(samples, rate)
    stream = describe_coding(samples, rate, grid.offset) if grid.found else None
    return None if stream is None else DecodedMp3(stream, grid)
