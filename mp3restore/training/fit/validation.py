"""Validate a run: spectrograms and scores of a few clips as original, as MP3, and restored."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from mp3restore.generator.chunks import Passage
from mp3restore.generator.model import load_model
from mp3restore.generator.restorer import Restorer
from mp3restore.generator.uncertainty import HOP
from mp3restore.training.data.prepare import FULL_SCALE
from mp3restore.training.data.segments import PairSet
from mp3restore.training.evaluation.metrics import Scorer
from mp3restore.training.export.export import export
from mp3restore.training.fit.curves import plot_curves
from mp3restore.training.paper.restorer import PaperRestorer
from mp3restore.views.plot import plot_spectrograms

__all__ = ["Restore", "draw_clips", "restore_with", "validate"]

Restore = Callable[[Passage, int], NDArray[np.float32]]
"""Restores samples (channels, n), whose map is known, at a rate in Hz."""


def restore_with(trained: Path) -> Restore:
    """Return a function that restores clips with a model folder, or with a checkpoint of our networks or the paper's.

    Raises
    ------
    ModelError
        If the model does not exist, or ONNX Runtime disagrees with the checkpoint.
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
    """Choose clips from low to high bitrates, always the same ones."""
    rates = [facts["condition"]["kbps"] for facts in pairs.facts]
    order = [k for k in np.argsort(rates, kind="stable") if rates[k]]
    return [int(order[k]) for k in np.linspace(0, len(order) - 1, min(count, len(order))).astype(int)]


def validate(data: Path, run: Path, *, count: int = 3) -> None:
    """Validate a run: write ``curves.png`` and ``clips.png``, and append scores of the clips to ``validation.csv``.

    Raises
    ------
    NoInputError
        If nothing has been logged yet, or the data set has no validation clips.
    MissingExtraError
        If matplotlib is not installed.
    """
    with (run / "curves.png").open("wb") as file:
        plot_curves(run / "log.csv", file)
    checkpoint = run / "checkpoint.pt"
    with (run / "clips.png").open("wb") as file:
        scores = draw_clips(restore_with(checkpoint), data, file, count=count)
    step = torch.load(checkpoint, map_location="cpu", weights_only=True)["step"]
    path = run / "validation.csv"
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        if new:
            writer.writerow(["step", *scores[0]])
        writer.writerows([step, *row.values()] for row in scores)


def draw_clips(restore: Restore, data: Path, file: BinaryIO, *, count: int = 3) -> list[dict[str, str | float]]:
    """Draw spectrograms of `count` validation clips of a prepared data set into a PNG, three for each.

    Returns
    -------
    list of dict
        For each clip its name and its encode, and the scores of the MP3 and the restoration.

    Raises
    ------
    NoInputError
        If the data set has no validation clips.
    MissingExtraError
        If matplotlib is not installed.
    """
    pairs = PairSet(data, "val")
    paths: list[Path] = []
    titles: list[str] = []
    scores: list[dict[str, str | float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for index in _choose(pairs, count):
            facts = pairs.facts[index]
            # The rows of the map lie on the file's grid of hops.
            start = -facts["lead"] % HOP
            original, degraded = pairs.pairs[index][:, :, start:].float().numpy() / np.float32(FULL_SCALE)
            rows = pairs.maps[index][(facts["lead"] + start) // HOP :].float().numpy()
            restored = restore(Passage(degraded, rows[: 1 + degraded.shape[1] // HOP]), facts["sample_rate"])
            signals = {"original": original, facts["condition"]["name"]: degraded, "restored": restored}
            for what, samples in signals.items():
                paths.append(Path(folder) / f"{len(paths)}.wav")
                soundfile.write(paths[-1], samples.T, facts["sample_rate"], subtype="FLOAT")
                titles.append(f"{facts['source']}: {what}")
            row: dict[str, str | float] = {"clip": facts["source"], "encode": facts["condition"]["name"]}
            for what, samples in (("mp3", degraded), ("restored", restored)):
                judged = Scorer().scores(original, samples, facts["sample_rate"], facts["bandwidth_hz"])
                row |= {f"{what}_{metric}": round(value, 3) for metric, value in judged.items()}
            scores.append(row)
        plot_spectrograms(paths, file, titles=titles)
    return scores
