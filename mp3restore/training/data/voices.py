"""Voices laid over music: little free music has any, and the ear knows nothing better."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from mp3restore.dsp.resample import resample_stream

__all__ = ["Mixture", "Voices"]

_LEVEL_DB = (-6.0, 9.0)  # of a voice over the music
_ANGLES = (0.35, 0.65)  # of a right angle between left and right: voices stand near the middle
_QUIET = 3e-3  # root mean square below which nobody speaks
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Mixture:
    """Music (channels, samples) with a voice over it, which is known up to `highest_hz`."""

    samples: NDArray[np.float32]
    highest_hz: float


@dataclass(frozen=True, slots=True)
class Voices:
    """Paths of recordings of voices, and up to which frequency in Hz each is known."""

    recordings: tuple[tuple[Path, float], ...]

    def over(self, music: NDArray[np.float32], sample_rate: int, rng: np.random.Generator) -> Mixture | None:
        """Lay a stretch of a voice over music; None if nobody spoke where it was tried.

        Parameters
        ----------
        music : ndarray of float32
            Shape (channels, samples), full scale 1.0.
        sample_rate : int
            Of the music, in Hz.
        rng : numpy.random.Generator
            Draws the voice, its stretch, level and place.

        Returns
        -------
        Mixture or None
            Scaled down where it would clip.
        """
        for _ in range(_TRIES):
            path, highest_hz = self.recordings[int(rng.integers(len(self.recordings)))]
            voice = _stretch(path, music.shape[1], sample_rate, rng)
            loudness = _rms(voice)
            if loudness > _QUIET:
                factor = max(_rms(music), _QUIET) * 10 ** (rng.uniform(*_LEVEL_DB) / 20) / loudness
                angle = rng.uniform(*_ANGLES) * np.pi / 2
                places = [np.cos(angle) * 2**0.5, np.sin(angle) * 2**0.5] if len(music) == 2 else [1.0]
                mixed = music.copy()
                mixed[:, : len(voice)] += np.outer(places, voice * factor).astype(np.float32)
                mixed *= np.float32(min(1.0, 0.99 / float(np.abs(mixed).max())))
                return Mixture(mixed, highest_hz)
        return None


def _rms(signal: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(signal))))


def _stretch(path: Path, samples: int, sample_rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a stretch of a recording in mono, from anywhere; it may be shorter than asked for."""
    info = soundfile.info(path)
    length = round(samples * info.samplerate / sample_rate)
    start = int(rng.integers(max(1, info.frames - length)))
    voice, rate = soundfile.read(path, start=start, frames=length, dtype="float32", always_2d=True)
    mono = np.ascontiguousarray(voice.mean(axis=1, dtype=np.float32)[None])
    if rate != sample_rate:
        mono = np.concatenate(list(resample_stream([mono], rate, sample_rate)), axis=1)
    return mono[0, :samples]
