"""Files that were decoded from an MP3: a CD, a WAV or a FLAC that an MP3 was converted to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mp3restore.audio.mpeg import MpegSource
from mp3restore.audio.source import AudioSource
from mp3restore.inspection.beginning import audible_beginning
from mp3restore.mp3.decoded import DecodedReader, DecodedStream, describe_coding
from mp3restore.mp3.grid import GridResult, find_grid
from mp3restore.mp3.stream import lowpass_hz
from mp3restore.mp3.tables import SAMPLE_RATES

__all__ = ["DecodedMp3", "DecodedReport", "DecodedStretch", "decoded_report", "find_coding", "search_coding"]

_LEAST_SOUND = 0.5
_SEARCH_SECONDS = 15.0
_MOST_CHANNELS = 2
_ENDLESS = 1 << 50
# Lines that end at LAME's low-pass, as shares of its nominal frequency; and the least share of mid and side.
_NEAR_LOWPASS = (0.93, 1.02)
_MIXED_STEREO = 0.05


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


@dataclass(frozen=True, slots=True)
class DecodedReport:
    """What `mp3restore inspect` says of a file that was decoded from an MP3.

    Attributes
    ----------
    certainty : float
        Probability that the place of the granules is no accident, 0 to 0.999.
    kbps : float or None
        Bitrate that the coded lines needed; None where they cannot be read.
    edge_hz : float
        Where the coded lines end.
    like_lame : bool
        Whether the lines end where LAME ends them at this bitrate, and both kinds of stereo occur.
    joint_stereo_share, short_share : float
        Share of granules coded as mid and side, and of short blocks, 0 to 1.
    readable_share : float
        Share of the granules whose steps can be read, 0 to 1.
    """

    certainty: float
    kbps: float | None
    edge_hz: float
    like_lame: bool
    joint_stereo_share: float
    short_share: float
    readable_share: float


def decoded_report(decoded: DecodedMp3) -> DecodedReport:
    """Say what was found, as plain data."""
    stream = decoded.stream
    low, high = (share * lowpass_hz(replace(stream, measured_edge_hz=None)) for share in _NEAR_LOWPASS)
    return DecodedReport(
        certainty=decoded.grid.certainty,
        kbps=stream.kbps if decoded.readable else None,
        edge_hz=stream.edge_hz,
        like_lame=decoded.readable and stream.joint_stereo_share > _MIXED_STEREO and low <= stream.edge_hz <= high,
        joint_stereo_share=stream.joint_stereo_share,
        short_share=stream.short_share,
        readable_share=stream.sound_share,
    )


def find_coding(source: AudioSource) -> DecodedMp3 | None:
    """Find out whether an open file was decoded from an MP3; see `search_coding`."""
    return search_coding(source)[1]


def search_coding(source: AudioSource) -> tuple[GridResult | None, DecodedMp3 | None]:
    """Find out whether an open file was decoded from an MP3, from its first audible seconds.

    Returns
    -------
    grid : GridResult or None
        The likeliest place of granules. None for files in which a codec is at work now, such as MP3s, of more than two
        channels, or at a rate that no MP3 has: these are not searched.
    decoded : DecodedMp3 or None
        None where nothing shows an MP3: there was none, or too much was changed since (another rate, an equaliser,
        another codec), or the music is too quiet or too short.
    """
    rate = source.sample_rate
    if isinstance(source, MpegSource) or source.channels > _MOST_CHANNELS or rate not in SAMPLE_RATES:
        return None, None
    head = audible_beginning(source, _SEARCH_SECONDS)
    samples = np.concatenate([np.zeros((source.channels, 0), np.float32), *head], axis=1)
    grid = find_grid(samples, rate)
    stream = describe_coding(samples, rate, grid.offset) if grid.found else None
    return grid, None if stream is None else DecodedMp3(stream, grid)
