"""Segments of a prepared data set, drawn at random."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mp3restore.errors import NoInputError
from mp3restore.generator.excitation import CONTEXT
from mp3restore.generator.uncertainty import HOP, LOG_FLOOR, N_FFT, unknown_row
from mp3restore.training.data.pairs import MAP_BANDS
from mp3restore.training.data.prepare import FULL_SCALE

__all__ = ["Batch", "PairSet"]

_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Batch:
    """Mid and side planes of aligned segments, (batch, 2, samples); rate and bandwidth of each item in Hz, (batch,).

    `uncertainty` has the map for all whole frames between the contexts of the noise: (batch, frames, 6 * bands).
    `dominated` is true in blocks of `HOP` samples in which a hit makes the whole band known: (batch, samples // HOP).
    """

    original: Tensor
    degraded: Tensor
    sample_rate: Tensor
    bandwidth_hz: Tensor
    uncertainty: Tensor
    dominated: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on another device."""
        return Batch(*(getattr(self, f.name).to(device) for f in fields(self)))


class PairSet:
    """All pairs of one split as int16.

    On a CPU they are mapped from disk, and what is drawn stays in the operating system's cache. On a GPU they lie in
    its memory, 21 MB for a minute of stereo pairs, so that a step waits for no transfer.
    """

    def __init__(self, folder: Path, split: str, device: torch.device = _CPU) -> None:
        self.facts = []
        self.pairs: list[Tensor] = []
        self.maps: list[Tensor] = []
        self.dominated: list[Tensor | None] = []
        self.device = device
        for path in sorted((folder / "pairs").glob("*.json")):
            facts = json.loads(path.read_text(encoding="utf-8"))
            if facts["split"] == split:
                self.facts.append(facts)
                self.pairs.append(_mapped(path.with_suffix(".npy")).to(device))
                self.maps.append(_mapped(path.with_suffix(".map.npy")).to(device))
                hits = path.with_suffix(".hits.npy")
                self.dominated.append(_mapped(hits).to(device) if hits.exists() else None)
        if not self.pairs:
            hint = "run `mp3restore-train prepare` first"
            raise NoInputError(f"no pairs of the split {split}", path=folder, hint=hint)

    def draw(self, rng: np.random.Generator, batch: int, samples: int, *, map_dropout: float = 0.0) -> Batch:
        """`batch` random segments of `samples`, with random level, channel order and polarity, where the pairs lie.

        They start on the file's grid of hops. The map of a share `map_dropout` is withheld, so that the generator
        learns to work without it.
        """
        originals: list[Tensor] = []
        degradeds: list[Tensor] = []
        rates: list[float] = []
        bandwidths: list[float] = []
        maps: list[Tensor] = []
        dominated: list[Tensor] = []
        while len(originals) < batch:
            index = int(rng.integers(len(self.pairs)))
            pair = self.pairs[index]
            if pair.shape[2] <= samples:
                continue
            start = int(rng.integers(pair.shape[2] - samples))
            lead = self.facts[index]["lead"]
            start = max(start // HOP * HOP - lead % HOP, -lead % HOP)
            segment = pair[:, :, start : start + samples].float() / FULL_SCALE
            if segment[0].abs().max() < 0.01:
                continue
            if segment.shape[1] == 2 and rng.random() < 0.5:
                segment = segment.flip(1)
            gain = 10 ** rng.uniform(-1.0, 0.1)
            segment = segment * float(rng.choice((-1.0, 1.0)) * gain)
            rows = self._map(index, (lead + start + CONTEXT + N_FFT // 2) // HOP, samples - 2 * CONTEXT)
            if rng.random() < map_dropout:
                rows[:] = _unknown(self.device)
            holes = rows[:, : 2 * MAP_BANDS]
            holes[holes > LOG_FLOOR + 0.01] += float(np.log(gain))
            maps.append(rows)
            dominated.append(self._dominated(index, start, samples))
            planes = mid_side(segment)
            originals.append(planes[0])
            degradeds.append(planes[1])
            rates.append(self.facts[index]["sample_rate"])
            bandwidths.append(self.facts[index]["bandwidth_hz"])
        return Batch(
            torch.stack(originals),
            torch.stack(degradeds),
            torch.tensor(rates, dtype=torch.float32, device=self.device),
            torch.tensor(bandwidths, dtype=torch.float32, device=self.device),
            torch.stack(maps),
            torch.stack(dominated),
        )

    def _dominated(self, index: int, start: int, samples: int) -> Tensor:
        """Whether a hit dominates, in blocks of `HOP` samples from `start`."""
        known = torch.zeros(samples // HOP, dtype=torch.bool, device=self.device)
        hits = self.dominated[index]
        if hits is not None:
            # A segment may begin within a block.
            part = hits[start // HOP :][: len(known)]
            known[: len(part)] = part
        return known

    def _map(self, index: int, first: int, samples: int) -> Tensor:
        """Rows of the frames from `first` that lie within `samples`; unknown outside the file."""
        frames = (samples - N_FFT) // HOP + 1
        rows = _unknown(self.device).repeat(frames, 1)
        known = self.maps[index][first : first + frames]
        rows[: len(known)] = known
        return rows


def _mapped(path: Path) -> Tensor:
    """An array on disk. It is mapped copy-on-write, for PyTorch has no tensors that cannot be written to."""
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def _unknown(device: torch.device) -> Tensor:
    return torch.from_numpy(unknown_row(MAP_BANDS)).to(device)


def mid_side(signals: Tensor) -> Tensor:
    """Left and right (..., 1 or 2, samples) to mid and side (..., 2, samples); mono has no side."""
    if signals.shape[-2] == 1:
        return torch.cat([signals, torch.zeros_like(signals)], dim=-2)
    left, right = signals.unbind(-2)
    return torch.stack([(left + right) / 2, (left - right) / 2], dim=-2)
