"""Excerpts of several recordings of one piece: in time with each other, at one rate and length, as FLAC."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mp3restore.audio.decode import open_audio
from mp3restore.audio.encode import open_writer
from mp3restore.audio.excerpt import read_excerpt
from mp3restore.dsp.alignment import find_delay
from mp3restore.job import OutputFormat
from mp3restore.views.measure import Measures, measure

__all__ = ["Track", "common_rate", "flac", "load_track", "matching_gains", "measured", "read_delay"]


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
    """Highest rate in Hz of the files: none loses anything by being brought to it."""
    rates = []
    for path in paths:
        with open_audio(path) as source:
            rates.append(source.sample_rate)
    return max(rates)


def load_track(path: Path, *, start: float, duration: float, sample_rate: int, delay: int = 0) -> Track:
    """Read exactly `duration` seconds, filled with zeros where the file has none.

    Parameters
    ----------
    path : Path
        Any audio file.
    start, duration : float
        The part in seconds.
    sample_rate : int
        Rate in Hz of the result.
    delay : int
        How many samples, of the result's rate, the file is later than the others.

    Raises
    ------
    UsageError
        If the file ends before `start`.
    NoInputError, InputError
        As `open_audio`.
    """
    wanted = round(duration * sample_rate)
    begin = start + delay / sample_rate
    lead = max(0, round(-begin * sample_rate))
    # A tenth of a second more, because rates are converted in whole steps.
    samples, _ = read_excerpt(path, start=max(begin, 0.0), duration=duration + 0.1, sample_rate=sample_rate)
    padded = np.pad(samples, ((0, 0), (lead, wanted)))[:, :wanted]
    return Track(np.ascontiguousarray(padded), sample_rate)


def read_delay(path: Path, other: Path, *, start: float, duration: float, sample_rate: int) -> int:
    """Find by how many samples, at `sample_rate` Hz, `path` is later than `other`, by a part given in seconds."""
    tracks = [load_track(p, start=start, duration=duration, sample_rate=sample_rate) for p in (other, path)]
    return find_delay(tracks[0].samples, tracks[1].samples, sample_rate)


def measured(track: Track) -> Measures:
    """Measure a track."""
    return measure(track.samples, track.sample_rate)


def matching_gains(measures: Sequence[Measures]) -> list[float]:
    """Factors, 1.0 at most, that give all the loudness of the quietest; 1.0 where there is no loudness to match."""
    known = [m.loudness_lufs for m in measures if m.loudness_lufs is not None]
    quietest = min(known, default=0.0)
    return [1.0 if m.loudness_lufs is None else 10 ** ((quietest - m.loudness_lufs) / 20) for m in measures]


def flac(track: Track) -> bytes:
    """Encode a track as FLAC of 16 bits, dithered."""
    file = io.BytesIO()
    writer = open_writer(
        file, OutputFormat("flac", "16"), sample_rate=track.sample_rate, channels=track.samples.shape[0]
    )
    writer.write(track.samples)
    writer.close()
    return file.getvalue()
