"""Excerpts of several recordings of one piece: aligned, at the same rate and length, as FLAC or Opus."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from mp3restore.audio.decode import open_audio
from mp3restore.audio.encode import open_writer
from mp3restore.audio.excerpt import read_excerpt
from mp3restore.audio.lossy import number_by_content
from mp3restore.dsp.alignment import find_delay
from mp3restore.job import OutputFormat
from mp3restore.views.measure import Measures, measure

__all__ = [
    "FLAC", "OPUS", "Coding", "Track", "common_rate", "flac", "load_track", "matching_gains", "measured", "read_delay",
]  # fmt: skip

_OPUS_RATE = 48000
# libsndfile spreads 6 to 256 kbit/s of each channel over 1 to 0.
_OPUS_KBPS = 64  # of a channel
_OPUS_COMPRESSION = (256 - _OPUS_KBPS) / 250


@dataclass(frozen=True, slots=True)
class Track:
    """An excerpt of one recording.

    Attributes
    ----------
    samples : ndarray of float32, shape (channels, samples)
        Full scale 1.0.
    sample_rate : int
        Rate in Hz.
    """

    samples: NDArray[np.float32]
    sample_rate: int


def common_rate(paths: Sequence[Path]) -> int:
    """Return the highest rate of the files in Hz: no file loses anything by conversion to it."""
    rates = []
    for path in paths:
        with open_audio(path) as source:
            rates.append(source.sample_rate)
    return max(rates)


def load_track(path: Path, *, start: float, duration: float, sample_rate: int, delay: int = 0) -> Track:
    """Read exactly `duration` seconds, with zeros where the file has no samples.

    Parameters
    ----------
    path : Path
        Any audio file.
    start, duration : float
        The part to read, in seconds.
    sample_rate : int
        Rate of the result in Hz.
    delay : int
        Number of samples, at the rate of the result, by which the file lags behind the others.

    Raises
    ------
    UsageError
        If the file ends before `start`.
    NoInputError, InputError
        As for `open_audio`.
    """
    wanted = round(duration * sample_rate)
    begin = start + delay / sample_rate
    lead = max(0, round(-begin * sample_rate))
    # A tenth of a second more, because rate conversion works in whole steps.
    samples, _ = read_excerpt(path, start=max(begin, 0.0), duration=duration + 0.1, sample_rate=sample_rate)
    padded = np.pad(samples, ((0, 0), (lead, wanted)))[:, :wanted]
    return Track(np.ascontiguousarray(padded), sample_rate)


def read_delay(path: Path, other: Path, *, start: float, duration: float, sample_rate: int) -> int:
    """Return by how many samples at `sample_rate` Hz `path` lags behind `other`, judged by a part in seconds."""
    tracks = [load_track(p, start=start, duration=duration, sample_rate=sample_rate) for p in (other, path)]
    return find_delay(tracks[0].samples, tracks[1].samples, sample_rate)


def measured(track: Track) -> Measures:
    """Measure a track."""
    return measure(track.samples, track.sample_rate)


def matching_gains(measures: Sequence[Measures]) -> list[float]:
    """Return factors, 1.0 at most, that make all as loud as the quietest; 1.0 where there is no loudness to match."""
    known = [m.loudness_lufs for m in measures if m.loudness_lufs is not None]
    quietest = min(known, default=0.0)
    return [1.0 if m.loudness_lufs is None else 10 ** ((quietest - m.loudness_lufs) / 20) for m in measures]


def flac(track: Track) -> bytes:
    """Encode a track as 16-bit FLAC with dither."""
    file = io.BytesIO()
    writer = open_writer(
        file, OutputFormat("flac", "16"), sample_rate=track.sample_rate, channels=track.samples.shape[0]
    )
    writer.write(track.samples)
    writer.close()
    return file.getvalue()


def opus(track: Track) -> bytes:
    """Encode a track of 48 kHz as Ogg Opus, with about 64 kbit/s of each channel."""
    file = io.BytesIO()
    shape = {"channels": track.samples.shape[0], "format": "OGG", "subtype": "OPUS"}
    with soundfile.SoundFile(
        file, "w", samplerate=track.sample_rate, compression_level=_OPUS_COMPRESSION, **shape
    ) as out:
        out.write(track.samples.T)
    number_by_content(file)
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class Coding:
    """How a page codes its audio.

    Attributes
    ----------
    words : str
        Its name in a sentence.
    sample_rate : int or None
        The only rate in Hz that it knows; None if any will do.
    encode : callable
        Makes an audio file of a track.
    """

    words: str
    sample_rate: int | None
    encode: Callable[[Track], bytes]


FLAC = Coding("16-bit FLAC with dither", None, flac)
OPUS = Coding("Opus with about 64 kbit/s of each channel, which a page of several songs needs", _OPUS_RATE, opus)
