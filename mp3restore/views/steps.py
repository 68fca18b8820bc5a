"""A picture of the quantiser steps of an MP3, against time and frequency."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mp3restore.errors import BitstreamError
from mp3restore.files import atomic_file
from mp3restore.mp3.stream import GRANULE_SAMPLES, read_stream
from mp3restore.mp3.tables import LINES
from mp3restore.views.plot import import_figures, picture_format

__all__ = ["plot_steps"]

_MOST_COLUMNS = 1200
_LOWEST_DB, _HIGHEST_DB = -120, -20  # of full scale


def plot_steps(path: Path, target: Path, *, overwrite: bool = False) -> None:
    """Draw the quantiser steps of an MP3, one plot per channel.

    Parameters
    ----------
    path : Path
        An MP3.
    target : Path
        The picture to write; its suffix gives the format.
    overwrite : bool
        Whether to replace an existing file.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    UsageError
        If the suffix is not that of a picture format.
    BitstreamError
        If `read_stream` cannot read the file.
    OutputError
        If the picture cannot be written.
    """
    picture = picture_format(target)
    figures = import_figures()
    try:
        stream = read_stream(path)
    except BitstreamError as error:
        raise BitstreamError("is not an MP3: it has no quantiser steps to draw", path=path) from error
    columns = np.arange(0, stream.granules, -(-stream.granules // _MOST_COLUMNS))
    level = np.full((columns.size, stream.channels, LINES), np.nan, dtype=np.float32)
    for column, granule in enumerate(columns.tolist()):
        if stream.known[granule]:
            level[column] = 20 * np.log10(stream.line_steps(granule, granule + 1)[0])
    figure = figures.Figure(figsize=(12, 4 * stream.channels), layout="constrained")
    extent = (0, stream.granules * GRANULE_SAMPLES / stream.sample_rate, 0, stream.sample_rate / 2000)
    for channel in range(stream.channels):
        axes = figure.add_subplot(stream.channels, 1, channel + 1)
        image = axes.imshow(
            level[:, channel].T, origin="lower", aspect="auto", extent=extent, vmin=_LOWEST_DB, vmax=_HIGHEST_DB
        )
        planes = ("left or mid", "right or side") if stream.channels == 2 else ("mono",)
        axes.set(title=f"quantiser step, {planes[channel]}", xlabel="time in s", ylabel="frequency in kHz")
        figure.colorbar(image, ax=axes, label="dB of full scale")
    with atomic_file(target, overwrite=overwrite) as file:
        figure.savefig(file, format=picture)
