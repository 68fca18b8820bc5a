"""Which clips an evaluation judges, and how it reads them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from mp3restore.dsp.resample import resample_stream
from mp3restore.training.data.hits import read_hits
from mp3restore.training.data.prepare import Recording, find_recordings
from mp3restore.training.evaluation.sibilants import HOP, burst_powers, bursts

__all__ = ["RHYTHMS", "VOICES", "Clip", "choose_clips", "choose_rhythms", "choose_voices", "read_clip"]

_POSITIONS = (0.4, 0.7, 0.15)
_STRETCHES = 3  # of each recording with voices
_LONGEST_S = 120.0  # of a recording in which sibilants are looked for
_HIGHEST_RATE = 48000
_RHYTHM_RATE = 44100

VOICES = "voices"
"""Clips with sibilants."""
RHYTHMS = "rhythms"
"""Clips of drum hits alone, which were never coded."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of a recording; on a `full` one all systems are judged. `kind` is `VOICES`, `RHYTHMS`, or empty."""

    source: Recording
    start_s: float
    full: bool = False
    kind: str = ""

    @property
    def name(self) -> str:
        """Name of the recording, and where the clip begins."""
        return f"{self.source.name} at {self.start_s:.0f} s"


def _sources(corpus: Path, split: str) -> list[Recording]:
    """Return the recordings of a split in a fixed pseudo-random order."""
    sources = [s for s in find_recordings(corpus) if s.split == split]
    return sorted(sources, key=lambda s: hashlib.sha256(s.name.encode()).digest())


def choose_clips(corpus: Path, split: str, *, seconds: float, count: int, full: int) -> list[Clip]:
    """Return clips of different recordings; a second one of a recording only when all are used."""
    sources = _sources(corpus, split)
    clips: list[Clip] = []
    for position in _POSITIONS:
        for source in sources:
            duration = soundfile.info(source.path).duration
            if duration >= 3 * seconds:
                clips.append(Clip(source, position * duration, full=len(clips) < full))
    return clips[:count]


def choose_voices(corpus: Path, split: str, *, seconds: float, count: int) -> list[Clip]:
    """Return clips of the recordings with voices, where these have the most sibilants; `count` at most."""
    clips = []
    for source in _sources(corpus, split):
        if source.has_voices:
            samples, rate = _read(source.path, 0.0, _LONGEST_S)
            found = bursts(burst_powers(samples, rate)).astype(np.intp)
            length = round(seconds * rate / HOP)
            for _ in range(min(_STRETCHES, len(found) // length)):
                first = int(np.argmax(np.convolve(found, np.ones(length, np.intp), mode="valid")))
                found[first : first + length] = -length  # not again
                clips.append(Clip(source, first * HOP / rate, kind=VOICES))
    return clips[:count]


def choose_rhythms(hits: Path, split: str, count: int) -> list[Clip]:
    """Return so many rhythms of the drum hits of a split; `read_clip` makes them."""
    sources = (Recording(hits, f"rhythm {k + 1}", split, "drum hits", math.inf) for k in range(count))
    return [Clip(source, 0.0, kind=RHYTHMS) for source in sources]


def read_clip(clip: Clip, seconds: float) -> tuple[NDArray[np.float32], int]:
    """Return the samples of a clip, (channels, samples), and their rate in Hz, 48 kHz at most."""
    if clip.kind == RHYTHMS:
        rng = np.random.default_rng(list(clip.source.name.encode()))
        hits = read_hits(clip.source.path, clip.source.split)
        return hits.alone(round(seconds * _RHYTHM_RATE), _RHYTHM_RATE, rng), _RHYTHM_RATE
    return _read(clip.source.path, clip.start_s, seconds)


def _read(path: Path, start_s: float, seconds: float) -> tuple[NDArray[np.float32], int]:
    rate = soundfile.info(path).samplerate
    samples, _ = soundfile.read(
        path, start=int(start_s * rate), frames=int(seconds * rate), dtype="float32", always_2d=True
    )
    channels = np.ascontiguousarray(samples.T[:2])
    if rate > _HIGHEST_RATE:
        return np.concatenate(list(resample_stream([channels], rate, _HIGHEST_RATE)), axis=1), _HIGHEST_RATE
    return channels, rate
