"""Spectrograms of a few validation clips: original, MP3, and what a model or checkpoint makes of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from mp3restore.edges import Passage
from mp3restore.engine import Restorer
from mp3restore.models import load_model
from mp3restore.mp3.uncertainty import HOP
from mp3restore.plot import plot_spectrograms
from mp3restore.training.data import PairSet
from mp3restore.training.export import export
from mp3restore.training.paper_restorer import PaperRestorer
from mp3restore.training.prepare import HEADROOM

__all__ = ["Restore", "draw_clips", "restore_with"]

Restore = Callable[[Passage, int], NDArray[np.float32]]
"""Restores samples (channels, n), of which the map is known, at a rate in Hz."""


def restore_with(trained: Path) -> Restore:
    """What a model folder, or a checkpoint of our networks or the paper's, makes of a clip.

    Raises
    ------
    ModelError
        If there is no such model, or ONNX Runtime disagrees with the checkpoint.
    """
    if trained.is_dir():
        return _with_model(Restorer(load_model(trained), threads=1))
    if "generator" not in torch.load(trained, map_location="cpu", weights_only=True)["config"]:
        paper = PaperRestorer(trained)
        return lambda passage, _: paper.restore(passage.samples)
    with tempfile.TemporaryDirectory() as folder:
        export(trained, Path(folder) / "model", name="checkpoint", version="0")
        return _with_model(Restorer(load_model(Path(folder) / "model"), threads=1))


def _with_model(restorer: Restorer) -> Restore:
    return lambda passage, rate: np.concatenate(list(restorer.stream([passage], sample_rate=rate)), axis=1)


def _choose(pairs: PairSet, count: int) -> list[int]:
    """Always the same clips, from low to high bitrates."""
    rates = [facts["condition"]["kbps"] for facts in pairs.facts]
    order = [k for k in np.argsort(rates, kind="stable") if rates[k]]
    return [int(order[k]) for k in np.linspace(0, len(order) - 1, min(count, len(order))).astype(int)]


def draw_clips(restore: Restore, data: Path, file: BinaryIO, *, count: int = 3) -> None:
    """Draw spectrograms of `count` validation clips of a prepared data set into a PNG, three for each.

    Raises
    ------
    NoInputError
        If the data set has none.
    MissingExtraError
        If matplotlib is not installed.
    """
    pairs = PairSet(data, "val")
    paths: list[Path] = []
    titles: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for index in _choose(pairs, count):
            facts = pairs.facts[index]
            # The rows of the map are those of the file's grid of hops.
            start = -facts["lead"] % HOP
            original, degraded = pairs.pairs[index][:, :, start:].astype(np.float32) / np.float32(32767 * HEADROOM)
            rows = pairs.maps[index][(facts["lead"] + start) // HOP :].astype(np.float32)
            restored = restore(Passage(degraded, rows[: 1 + degraded.shape[1] // HOP]), facts["sample_rate"])
            signals = {"original": original, facts["condition"]["name"]: degraded, "restored": restored}
            for what, samples in signals.items():
                paths.append(Path(folder) / f"{len(paths)}.wav")
                soundfile.write(paths[-1], samples.T, facts["sample_rate"], subtype="FLOAT")
                titles.append(f"{facts['source']}: {what}")
        plot_spectrograms(paths, file, titles=titles)
