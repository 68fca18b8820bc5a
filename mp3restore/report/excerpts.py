"""Choose the parts of a long file that are worth listening to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mp3restore.audio.decode import open_audio
from mp3restore.dsp.stft import analyse

__all__ = ["Excerpt", "Profile", "choose_excerpts", "profile"]

_BLOCK_SECONDS = 0.05
_BANDS = 64
_HIGHEST_BAND_HZ = 20_000
# Quieter levels are not heard, so their loss does not count.
_FLOOR_DB = -90.0


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a piece; `start` and `duration` are in seconds."""

    name: str
    start: float
    duration: float


@dataclass(frozen=True, slots=True)
class Profile:
    """The levels of a file over time.

    Attributes
    ----------
    bands_db : ndarray of float32, shape (blocks, 64)
        Levels of bands from 0 to 20 kHz in blocks of 50 ms, in dB of full scale, at least -90.
    power : ndarray of float64, shape (blocks,)
        Mean square of the blocks.
    duration : float
        Length of the file in seconds.
    """

    bands_db: NDArray[np.float32]
    power: NDArray[np.float64]
    duration: float


def _even_blocks(blocks: Iterator[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """Yield the mean of the channels, cut into shape (n, size); the last block is filled with zeros."""
    rest = np.zeros(0, np.float32)
    for block in blocks:
        rest = np.concatenate([rest, block.mean(axis=0)])
        whole = len(rest) // size * size
        yield rest[:whole].reshape(-1, size)
        rest = rest[whole:]
    if len(rest):
        yield np.pad(rest, (0, size - len(rest)))[None]


def profile(path: str | Path) -> Profile:
    """Measure the levels of a file from start to end, with little memory.

    Raises
    ------
    NoInputError, InputError
        As for `open_audio`.
    """
    levels, powers, done = [], [], 0
    with open_audio(path) as source:
        rate = source.sample_rate
        size = round(_BLOCK_SECONDS * rate)
        band = np.minimum(np.fft.rfftfreq(size, 1 / rate) * _BANDS / _HIGHEST_BAND_HZ, _BANDS).astype(int)
        bins = np.eye(_BANDS + 1, dtype=np.float32)[band]

        def counted() -> Iterator[NDArray[np.float32]]:
            nonlocal done
            for block in source.blocks():
                done += block.shape[1]
                yield block

        for frames in _even_blocks(counted(), size):
            spectrum = np.abs(analyse(frames, size)[:, 0]) ** 2 / (size / 4) ** 2
            levels.append(10 * np.log10(spectrum @ bins[:, :_BANDS] + 10 ** (_FLOOR_DB / 10)))
            powers.append(np.mean(frames.astype(np.float64) ** 2, axis=1))
    return Profile(np.concatenate(levels).astype(np.float32), np.concatenate(powers), done / rate)


def _best(score: NDArray[np.float64], blocks: int, taken: range) -> int | None:
    """Return the first block of the window of `blocks` with the highest sum of `score` that does not touch `taken`."""
    sums = np.convolve(score, np.ones(blocks), "valid")
    starts = np.arange(len(sums))
    free = (starts + blocks <= taken.start) | (starts >= taken.stop)
    if not free.any():
        return None
    return int(starts[free][np.argmax(sums[free])])


def choose_excerpts(original: Profile, other: Profile, *, length: float) -> list[Excerpt]:
    """Choose the most damaged part of a file, and the loudest of the other parts.

    The most damaged part is the one whose band levels, in dB, differ most from those of `other`: the reference if there
    is one, otherwise a restoration.

    Parameters
    ----------
    original, other : Profile
        Levels of the MP3, and of the file that it is compared with.
    length : float
        Length of an excerpt in seconds.

    Returns
    -------
    list of Excerpt
        The whole file if it is not longer than `length`; one excerpt if there is no room for two.
    """
    if original.duration <= length:
        return [Excerpt("Whole file", 0.0, original.duration)]
    count = min(len(original.bands_db), len(other.bands_db))
    damage = np.abs(original.bands_db[:count] - other.bands_db[:count]).mean(axis=1).astype(np.float64)
    blocks = min(round(length / _BLOCK_SECONDS), count)
    first = _best(damage, blocks, range(0)) or 0
    excerpts = [Excerpt("Most damaged", first * _BLOCK_SECONDS, length)]
    second = _best(original.power[:count], blocks, range(first, first + blocks))
    if second is not None:
        excerpts.append(Excerpt("Loudest", second * _BLOCK_SECONDS, length))
    return excerpts
