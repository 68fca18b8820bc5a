"""Segments of a prepared data set, drawn at random."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mp3restore.errors import NoInputError
from mp3restore.generator.excitation import CONTEXT
from mp3restore.generator.uncertainty import HOP, LOG_FLOOR, N_FFT, unknown_row
from mp3restore.training.data.pairs import MAP_BANDS
from mp3restore.training.data.prepare import HEADROOM

__all__ = ["Batch", "PairSet"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Mid and side planes of aligned segments, (batch, 2, samples); rate and bandwidth of each item in Hz, (batch,).

    `uncertainty` has the map for all whole frames between the contexts of the excitations: (batch, frames, 6 * bands).
    """

    original: Tensor
    degraded: Tensor
    sample_rate: Tensor
    bandwidth_hz: Tensor
    uncertainty: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on another device."""
        return Batch(*(getattr(self, f.name).to(device) for f in fields(self)))


class PairSet:
    """All pairs of one split as int16, mapped from disk: segments stay in the operating system's cache once drawn."""

    def __init__(self, folder: Path, split: str) -> None:
        self.facts = []
        self.pairs: list[NDArray[np.int16]] = []
        self.maps: list[NDArray[np.float16]] = []
        for path in sorted((folder / "pairs").glob("*.json")):
            facts = json.loads(path.read_text(encoding="utf-8"))
            if facts["split"] == split:
                self.facts.append(facts)
                self.pairs.append(np.load(path.with_suffix(".npy"), mmap_mode="r"))
                self.maps.append(np.load(path.with_suffix(".map.npy"), mmap_mode="r"))
        if not self.pairs:
            hint = "run `mp3restore-train prepare` first"
            raise NoInputError(f"no pairs of the split {split}", path=folder, hint=hint)

    def draw(self, rng: np.random.Generator, batch: int, samples: int, *, map_dropout: float = 0.0) -> Batch:
        """Return `batch` random segments of `samples`, with random level, channel order and polarity.

        They start on the file's grid of hops. The map of a share `map_dropout` is withheld, so that the generator
        learns to work without it.
        """
        originals: list[NDArray[np.float32]] = []
        degradeds: list[NDArray[np.float32]] = []
        rates: list[float] = []
        bandwidths: list[float] = []
        maps: list[NDArray[np.float32]] = []
        while len(originals) < batch:
            index = int(rng.integers(len(self.pairs)))
            pair = self.pairs[index]
            if pair.shape[2] <= samples:
                continue
            start = int(rng.integers(pair.shape[2] - samples))
            lead = self.facts[index]["lead"]
            start = max(start // HOP * HOP - lead % HOP, -lead % HOP)
            segment = pair[:, :, start : start + samples].astype(np.float32) / np.float32(32767 * HEADROOM)
            if np.abs(segment[0]).max() < 0.01:
                continue
            if segment.shape[1] == 2 and rng.random() < 0.5:
                segment = segment[:, ::-1]
            gain = 10 ** rng.uniform(-1.0, 0.1)
            segment = segment * np.float32(rng.choice((-1.0, 1.0)) * gain)
            rows = self._map(index, (lead + start + CONTEXT + N_FFT // 2) // HOP, samples - 2 * CONTEXT)
            if rng.random() < map_dropout:
                rows[:] = unknown_row(MAP_BANDS)
            holes = rows[:, : 2 * MAP_BANDS]
            holes[holes > LOG_FLOOR + 0.01] += np.log(gain)
            maps.append(rows)
            planes = mid_side(segment)
            originals.append(planes[0])
            degradeds.append(planes[1])
            rates.append(self.facts[index]["sample_rate"])
            bandwidths.append(self.facts[index]["bandwidth_hz"])
        return Batch(
            torch.from_numpy(np.stack(originals)),
            torch.from_numpy(np.stack(degradeds)),
            torch.tensor(rates, dtype=torch.float32),
            torch.tensor(bandwidths, dtype=torch.float32),
            torch.from_numpy(np.stack(maps)),
        )

    def _map(self, index: int, first: int, samples: int) -> NDArray[np.float32]:
        """Return the rows of the frames from `first` on that fit into `samples`; outside the file they are unknown."""
        frames = (samples - N_FFT) // HOP + 1
        rows = np.tile(unknown_row(MAP_BANDS), (frames, 1))
        known = self.maps[index][first : first + frames]
        rows[: len(known)] = known
        return rows


def mid_side(signals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convert left and right (..., 1 or 2, samples) to mid and side (..., 2, samples); the side of mono is zero."""
    if signals.shape[-2] == 1:
        return np.concatenate([signals, np.zeros_like(signals)], axis=-2)
    left, right = signals[..., 0, :], signals[..., 1, :]
    return np.stack([(left + right) / 2, (left - right) / 2], axis=-2).astype(np.float32)
