"""An open audio file, whoever decodes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from mp3restore._typing import Samples
from mp3restore.audio.input import InputFile
from mp3restore.errors import DecodeError, InputError
from mp3restore.result import Damage, StreamMetadata

__all__ = ["MAX_CHANNELS", "AudioSource"]

MAX_CHANNELS = 8  # the most that FLAC can hold


class AudioSource(ABC):
    """An open audio file; a context manager.

    Attributes
    ----------
    file : InputFile
        The file, open for other readers too.
    sample_rate : int
        Rate in Hz.
    channels : int
        Number of channels, 1 to `MAX_CHANNELS`.
    frames : int or None
        Length in samples as far as it is known before decoding; only an estimate.
    decoder : str
        Name of the decoder and the format, for display.
    lossless : bool
        Whether the format itself loses nothing.
    """

    file: InputFile
    sample_rate: int
    channels: int
    frames: int | None
    decoder: str
    lossless: bool

    def __init__(self, file: InputFile) -> None:
        self.file = file
        self._peeked: list[Samples] = []
        self._checked = self._check()

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path

    @property
    @abstractmethod
    def kbps(self) -> float | None:
        """Mean bitrate of a file that is compressed with losses; None where it is not known."""

    @property
    def missing_s(self) -> float:
        """Seconds that the file promises and does not have."""
        return 0.0

    @property
    def damage(self) -> tuple[Damage, ...]:
        """Stretches of the file that are no sound, complete when all has been decoded."""
        return ()

    @property
    def stream_metadata(self) -> StreamMetadata | None:
        """Metadata of a saved radio stream between the bytes of its music; None where there is none."""
        return None

    @abstractmethod
    def _decode(self) -> Iterator[Samples]:
        """Yield the blocks as the decoder returns them, unchecked."""

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def peek(self, enough: Callable[[Samples], bool]) -> list[Samples]:
        """Decode the beginning, which `blocks` yields again: up to the first block of which `enough` is true."""
        seen = 0
        while True:
            if seen == len(self._peeked):
                block = next(self._checked, None)
                if block is None:
                    break
                self._peeked.append(block)
            seen += 1
            if enough(self._peeked[seen - 1]):
                break
        return self._peeked[:seen]

    def blocks(self) -> Iterator[Samples]:
        """Decode once from start to end.

        Yields
        ------
        ndarray of float32, shape (channels, samples)
            Finite samples, full scale 1.0; at least one, a few seconds at most.

        Raises
        ------
        DecodeError
            If the file is damaged or holds no audio.
        InputError
            If a sample is infinite or not a number.
        """
        while self._peeked:
            yield self._peeked.pop(0)
        yield from self._checked

    def _check(self) -> Iterator[Samples]:
        done = 0
        for block in self._decode():
            if not np.isfinite(block).all():
                bad = int(np.argmin(np.isfinite(block).all(axis=0)))
                raise InputError(
                    f"has a sample that is not a finite number, at {(done + bad) / self.sample_rate:.3f} s",
                    path=self.path,
                    hint="export the file again, or as 24-bit PCM",
                )
            done += block.shape[1]
            yield block
        if done == 0:
            raise DecodeError("contains no audio", path=self.path, hint="the file may be cut off; get it again")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
