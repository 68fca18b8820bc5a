"""Drum hits that were never coded, laid over music, so that treble above a source's bandwidth can be learnt.

Most free music was coded with a low-pass. A crash or a snare laid over it brings a whole spectrum along; where it
dominates, the original is known up to the highest bin.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from mp3restore.dsp.resample import resample_stream
from mp3restore.errors import NoInputError
from mp3restore.training.networks.known import BLOCK, GUARD_HZ

__all__ = ["Hits", "Layered", "read_hits"]

_TEMPI = (70.0, 170.0)  # beats per minute
_STEPS = 16  # of a bar of four beats
_LEVEL_DB = (-9.0, 9.0)  # peak of a hit over four times the music's root mean square
_UNEVEN_DB = 2.0  # standard deviation of a player's strokes
_MOST_HITS = 4
_DOMINANCE = 10.0  # a hit dominates with ten times the music's power
_BELOW_EDGE_HZ = 4000.0  # compared in a band this wide below the edge of the source


@dataclass(frozen=True, slots=True)
class Layered:
    """Music (channels, samples) with hits over it; `dominated` is true in blocks of `BLOCK` samples that they rule."""

    samples: NDArray[np.float32]
    dominated: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Hits:
    """Recordings of single hits, (channels, samples) each, and their rates in Hz."""

    recordings: tuple[tuple[NDArray[np.float32], int], ...]

    def over(self, music: NDArray[np.float32], sample_rate: int, edge_hz: float, rng: np.random.Generator) -> Layered:
        """Lay a rhythm of one to four of the hits over music.

        Parameters
        ----------
        music : ndarray of float32
            Shape (channels, samples), full scale 1.0.
        sample_rate : int
            Of the music, in Hz.
        edge_hz : float
            Up to where the music is known.
        rng : numpy.random.Generator
            Draws the hits, their rhythm, level and place.

        Returns
        -------
        Layered
            As loud as the music at most, where that would clip.
        """
        loudness = max(float(np.sqrt(np.mean(np.square(music)))), 1e-3)
        hits = self._rhythm(music.shape, loudness, sample_rate, rng)
        mixed = music + hits
        peak = float(np.abs(mixed).max())
        factor = np.float32(min(1.0, 0.99 / peak)) if peak > 0 else np.float32(1)
        return Layered(mixed * factor, _dominated(hits, music, sample_rate, edge_hz))

    def alone(self, samples: int, sample_rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return a rhythm without music, (2, samples): a recording that was never coded, and is known completely.

        Parameters
        ----------
        samples : int
            Its length.
        sample_rate : int
            Its rate in Hz.
        rng : numpy.random.Generator
            Draws the hits, their rhythm, level and place.

        Returns
        -------
        ndarray of float32
            Its peak is 0.8 of full scale.
        """
        while True:
            rhythm = self._rhythm((2, samples), 0.1, sample_rate, rng)
            peak = float(np.abs(rhythm).max())
            if peak > 0:  # a bar may have no hit
                return rhythm * np.float32(0.8 / peak)

    def _rhythm(
        self, shape: tuple[int, ...], loudness: float, sample_rate: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return one to four of the hits in a rhythm, for music (channels, samples) of that root mean square."""
        hits = np.zeros(shape, np.float32)
        step = 60 / rng.uniform(*_TEMPI) / (_STEPS // 4) * sample_rate
        count = min(int(rng.integers(1, _MOST_HITS + 1)), len(self.recordings))
        for index in rng.choice(len(self.recordings), size=count, replace=False):
            recording, rate = self.recordings[index]
            stroke = recording
            if rate != sample_rate:
                stroke = np.concatenate(list(resample_stream([recording], rate, sample_rate)), axis=1)
            stroke = _panned(stroke, len(hits), rng) / max(float(np.abs(stroke).max()), 1e-6)
            level = 4 * loudness * 10 ** (rng.uniform(*_LEVEL_DB) / 20)
            pattern = np.flatnonzero(rng.random(_STEPS) < rng.uniform(0.06, 0.4))
            for bar in range(math.ceil(hits.shape[1] / (step * _STEPS))):
                for place in pattern:
                    start = round((bar * _STEPS + place) * step)
                    part = stroke[:, : max(0, hits.shape[1] - start)]
                    hits[:, start : start + part.shape[1]] += (
                        part * level * 10 ** (rng.normal(0.0, _UNEVEN_DB) / 20)
                    ).astype(np.float32)
        return hits


def _panned(stroke: NDArray[np.float32], channels: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a stroke in one channel, or between left and right."""
    mono = stroke.mean(axis=0)
    if channels == 1:
        return np.asarray(mono[None], dtype=np.float32)
    angle = rng.uniform(0.15, 0.85) * np.pi / 2
    sides = np.array([np.cos(angle), np.sin(angle)], np.float32)
    wide = stroke if stroke.shape[0] == channels else np.stack([mono, mono])
    return np.asarray(wide * sides[:, None] * np.float32(math.sqrt(2)), dtype=np.float32)


def _dominated(
    hits: NDArray[np.float32], music: NDArray[np.float32], sample_rate: int, edge_hz: float
) -> NDArray[np.bool_]:
    """Return in which blocks the hits are far louder than the music, in a band just below the edge of the source."""
    blocks = hits.shape[1] // BLOCK
    hz = np.fft.rfftfreq(BLOCK, 1 / sample_rate)
    top = min(edge_hz - GUARD_HZ, sample_rate / 2)
    band = (hz > top - _BELOW_EDGE_HZ) & (hz <= top)
    window = np.hanning(BLOCK).astype(np.float32)
    powers = [
        np.square(np.abs(np.fft.rfft(s[:, : blocks * BLOCK].reshape(len(s), blocks, BLOCK) * window)[..., band])).sum(
            axis=(0, 2)
        )
        for s in (hits, music)
    ]
    return np.asarray(powers[0] > _DOMINANCE * powers[1] + 1e-6, dtype=np.bool_)


def read_hits(folder: Path, split: str) -> Hits:
    """Read the hits of one split, which a table ``hits.tsv`` with the columns ``path`` and ``split`` names.

    Raises
    ------
    NoInputError
        If there is no table, or no hit of that split.
    """
    table = folder / "hits.tsv"
    if not table.exists():
        raise NoInputError("no table of hits", path=table, hint="it needs the columns path and split")
    with table.open(encoding="utf-8", newline="") as file:
        paths = [folder / row["path"] for row in csv.DictReader(file, delimiter="\t") if row["split"] == split]
    recordings = []
    for path in paths:
        if path.exists():
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
            recordings.append((np.ascontiguousarray(samples.T[:2]), rate))
    if not recordings:
        raise NoInputError(f"no hits of the split {split}", path=folder)
    return Hits(tuple(recordings))
