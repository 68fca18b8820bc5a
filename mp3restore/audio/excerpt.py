"""Parts of audio files, in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mp3restore.audio.decode import open_audio
from mp3restore.dsp.resample import resample
from mp3restore.errors import UsageError

__all__ = ["read_excerpt"]


def read_excerpt(
    path: str | Path, *, start: float = 0.0, duration: float | None = None, sample_rate: int | None = None
) -> tuple[NDArray[np.float32], int]:
    """Decode a part of a file.

    The file is decoded from its beginning: the state of an MP3 decoder depends on what came before.

    Parameters
    ----------
    path : str or Path
        Any audio file.
    start, duration : float
        The part in seconds; by default to the end, and not beyond it.
    sample_rate : int, optional
        Rate in Hz to convert it to.

    Returns
    -------
    samples : ndarray of float32, shape (channels, samples)
        Full scale 1.0.
    sample_rate : int
        Rate in Hz.

    Raises
    ------
    UsageError
        If the file ends before `start`.
    NoInputError, InputError
        As `open_audio`.
    """
    with open_audio(path) as source:
        rate = source.sample_rate
        first = round(start * rate)
        last = None if duration is None else first + round(duration * rate)
        parts = []
        done = 0
        for block in source.blocks():
            parts.append(block[:, max(first - done, 0) : None if last is None else max(last - done, 0)])
            done += block.shape[1]
            if last is not None and done >= last:
                break
    if done <= first:
        raise UsageError(f"ends at {done / rate:.1f} s, before {start:g} s", path=path)
    samples = np.concatenate(parts, axis=1)
    target = sample_rate or rate
    return resample(samples, rate, target), target
