"""Draw the learning curves of a run."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from mp3restore.errors import NoInputError
from mp3restore.views.plot import import_figures

__all__ = ["plot_curves"]

_ABOUT = ("step", "seconds", "processes")
_SMOOTH = 21  # entries of the log


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the running median: losses have outliers without meaning."""
    half = min(_SMOOTH, len(values)) // 2
    return np.array([np.median(values[max(0, k - half) : k + half + 1]) for k in range(len(values))])


def plot_curves(log: Path, file: BinaryIO) -> None:
    """Draw every column of a run's ``log.csv`` over the steps, raw and smoothed, into a PNG.

    Raises
    ------
    NoInputError
        If the log does not exist or is empty.
    MissingExtraError
        If matplotlib is not installed.
    """
    rows: list[dict[str, str]] = []
    if log.exists():
        with log.open(encoding="utf-8", newline="") as text:
            rows = list(csv.DictReader(text))
    if not rows:
        raise NoInputError("nothing has been logged yet", path=log)
    steps = np.array([int(row["step"]) for row in rows])
    names = [name for name in rows[0] if name not in _ABOUT]
    figure = import_figures().Figure(figsize=(9, 0.4 + 1.8 * len(names)), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(names), 1, sharex=True))
    for axis, name in zip(axes, names, strict=True):
        values = np.array([float(row[name]) for row in rows])
        axis.plot(steps, values, color="0.75", linewidth=0.8)
        axis.plot(steps, _smooth(values), color="C0")
        axis.set_ylabel(name)
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("step")
    figure.savefig(file, format="png", dpi=100)
