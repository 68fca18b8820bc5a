"""Peaks above full scale: found while the file is written, and removed by one gain for the whole file."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from mp3restore.audio.encode import AudioWriter, open_writer
from mp3restore.job import OutputFormat

__all__ = ["Level", "LevelledWriter", "levelled_writer"]

_SPOOL_BLOCK_SAMPLES = 1 << 16


@dataclass(frozen=True, slots=True)
class Level:
    """What became of the level of a file."""

    peak: float
    """Largest magnitude before any gain, full scale 1.0."""
    gain_db: float
    """Gain of the whole file in dB; 0.0 where nothing was changed."""


class LevelledWriter:
    """Writes blocks as they are, keeps a copy outside memory, and starts again with a gain if a peak was too high.

    Where no peak is too high, nothing has to be done twice; where one is, the encoder rests from there on, for what it
    has written will not be kept. Float formats can hold any peak and are never changed.
    """

    def __init__(
        self, file: BinaryIO, spool: BinaryIO | None, output_format: OutputFormat, *, sample_rate: int, channels: int
    ) -> None:
        self._file = file
        self._spool = spool
        self._format = output_format
        self._sample_rate = sample_rate
        self._channels = channels
        self._writer = self._open()
        self._peak = 0.0

    def _open(self) -> AudioWriter:
        return open_writer(self._file, self._format, sample_rate=self._sample_rate, channels=self._channels)

    def write(self, block: NDArray[np.float32]) -> None:
        """Append a block of shape (channels, samples)."""
        if block.size == 0:
            return
        self._peak = max(self._peak, float(block.max()), -float(block.min()))
        frames = np.ascontiguousarray(block.T)  # as files have them: turned once, for the copy and for the encoder
        if self._spool is not None:
            self._spool.write(frames.data)
        if self._spool is None or self._peak <= 1.0:
            self._writer.write(frames.T)

    def finish(self) -> Level:
        """Complete the file and say what was done to its level."""
        self._writer.close()
        if self._spool is None or self._peak <= 1.0:
            return Level(self._peak, 0.0)
        gain = self._format.highest_peak / self._peak
        self._file.seek(0)
        self._file.truncate()
        self._writer = self._open()
        self._spool.seek(0)
        while data := self._spool.read(_SPOOL_BLOCK_SAMPLES * self._channels * 4):
            frames = np.frombuffer(data, dtype=np.float32).reshape(-1, self._channels)
            self._writer.write(frames.T * np.float32(gain))
        self._writer.close()
        return Level(self._peak, 20 * math.log10(gain))

    def discard(self) -> None:
        """Let go of everything, whether the file is complete or not."""
        self._writer.discard()


@contextmanager
def levelled_writer(
    file: BinaryIO, output_format: OutputFormat, *, sample_rate: int, channels: int, spool_folder: Path
) -> Iterator[LevelledWriter]:
    """Open a `LevelledWriter` on `file` whose copy is an unnamed file in `spool_folder`.

    The folder is the output's and not the system's temporary folder, which may lie in memory: three hours of stereo
    are 4 GB.
    """
    with ExitStack() as stack:
        spool: BinaryIO | None = None
        if not output_format.is_float:
            spool = stack.enter_context(tempfile.TemporaryFile(dir=spool_folder, prefix=".mp3restore-"))
        writer = LevelledWriter(file, spool, output_format, sample_rate=sample_rate, channels=channels)
        stack.callback(writer.discard)
        yield writer
