"""A picture of the spectrograms of several recordings, for a paper or a bug report."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mp3restore.audio.excerpt import read_excerpt
from mp3restore.dsp.stft import OVERLAP, analyse, window
from mp3restore.errors import MissingExtraError, UsageError

__all__ = ["PICTURE_FORMATS", "import_figures", "picture_format", "plot_spectrograms"]

_FFT_SIZE = 2048
# Range of the colours in dB of a full-scale sine; the same as in the report.
_LOWEST_DB, _HIGHEST_DB = -110.0, -10.0
_MOST_COLUMNS = 1600
PICTURE_FORMATS = ("pdf", "png", "svg")


def import_figures() -> Any:  # noqa: ANN401 - matplotlib is optional and has no types here
    """Load ``matplotlib.figure``.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        return importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingExtraError("plots need matplotlib", hint="pip install 'mp3restore[plot]'") from error


def picture_format(path: Path) -> str:
    """Return the format of a picture from its name.

    Raises
    ------
    UsageError
        If it is not one of `PICTURE_FORMATS`.
    """
    kind = path.suffix.lower().lstrip(".")
    if kind not in PICTURE_FORMATS:
        raise UsageError(f"the format of '{path.name}' is unknown", hint="end the name in .png, .svg or .pdf")
    return kind


def _levels(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the levels in dB of a full-scale sine, shape (bins, columns), of `samples` (channels, samples)."""
    hop = _FFT_SIZE // OVERLAP
    padded = np.pad(samples, ((0, 0), (_FFT_SIZE // 2, _FFT_SIZE // 2)))
    frames = (padded.shape[1] - _FFT_SIZE) // hop + 1
    # A pixel shows the loudest of its frames, so that short events remain visible.
    stride = -(-frames // _MOST_COLUMNS)
    columns = []
    for first in range(0, frames, stride):
        count = min(stride, frames - first)
        part = padded[:, first * hop : (first + count - 1) * hop + _FFT_SIZE]
        power = np.abs(analyse(part, _FFT_SIZE)) ** 2
        columns.append(power.mean(axis=0).max(axis=0))
    scale = (float(window(_FFT_SIZE).sum()) / 2) ** 2
    return np.asarray(10 * np.log10(np.stack(columns, axis=1) / scale + 1e-20), dtype=np.float32)


def plot_spectrograms(
    paths: Sequence[Path],
    file: BinaryIO,
    *,
    picture: str = "png",
    titles: Sequence[str] | None = None,
    start: float = 0.0,
    duration: float | None = None,
) -> None:
    """Draw the spectrograms of files one above the other, on the same colour scale and axes.

    Parameters
    ----------
    paths : sequence of Path
        Any audio files.
    file : binary file
        File to write the picture to.
    picture : {"png", "svg", "pdf"}
        Format of the picture.
    titles : sequence of str, optional
        Headings; by default the names of the files.
    start, duration : float
        The part to draw, in seconds; by default all of the file.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    UsageError, NoInputError, InputError
        If a file ends before `start`, or cannot be read.
    """
    figures = import_figures()
    figure = figures.Figure(figsize=(9, 0.6 + 1.7 * len(paths)), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(paths), 1, sharex=True, sharey=True))
    image = None
    for axis, path, title in zip(axes, paths, titles or [path.name for path in paths], strict=True):
        samples, rate = read_excerpt(path, start=start, duration=duration)
        image = axis.imshow(
            _levels(samples), origin="lower", aspect="auto", cmap="magma", vmin=_LOWEST_DB, vmax=_HIGHEST_DB,
            extent=(start, start + samples.shape[1] / rate, 0, rate / 2000), interpolation="nearest",
        )  # fmt: skip
        # File names are not formulae.
        axis.set_title(title, loc="left", fontsize=10, parse_math=False)
        axis.set_facecolor("black")
        axis.set_ylabel("kHz")
    axes[-1].set_xlabel("time in s")
    axes[-1].autoscale()
    figure.colorbar(image, ax=list(axes), label="dB of a full-scale sine", shrink=0.8)
    figure.savefig(file, format=picture, dpi=120)
