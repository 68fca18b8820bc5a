"""Formats that only a decoder of the system reads: ffmpeg, Core Audio or GStreamer, through audioread."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import audioread
import numpy as np

from mp3restore._typing import Samples
from mp3restore.audio.input import InputFile
from mp3restore.audio.source import AudioSource
from mp3restore.errors import DecodeError

__all__ = ["AudioreadSource", "system_decoders"]

_INT16_FULL_SCALE = 32768.0


@contextmanager
def _old_modules() -> Iterator[None]:
    """Let audioread look at modules of the standard library that are about to leave it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'(aifc|audioop|sunau)' is deprecated", DeprecationWarning)
        yield


def system_decoders() -> list[str]:
    """Names of the decoders of the system that audioread finds."""
    with _old_modules():
        return [each.__name__.rpartition(".")[2] for each in audioread.available_backends()]


class AudioreadSource(AudioSource):
    """A file that only a decoder of the system reads (ffmpeg, Core Audio, GStreamer), in 16 bits."""

    lossless = False

    def __init__(self, file: InputFile) -> None:
        super().__init__(file)
        with _old_modules():
            self._decoder = audioread.audio_open(str(file.path))
        self.sample_rate = int(self._decoder.samplerate)
        self.channels = int(self._decoder.channels)
        self.frames = round(self._decoder.duration * self.sample_rate) if self._decoder.duration else None
        self.decoder = f"audioread, {type(self._decoder).__name__}"

    @property
    def kbps(self) -> float | None:
        """Mean bitrate, tags and pictures included."""
        return self.file.size * 8 / 1000 / self._decoder.duration if self._decoder.duration else None

    def _decode(self) -> Iterator[Samples]:
        frame_bytes = 2 * self.channels
        rest = b""
        try:
            for data in self._decoder:
                rest += data
                whole = len(rest) // frame_bytes * frame_bytes
                if whole:
                    frames = np.frombuffer(rest[:whole], dtype="<i2").reshape(-1, self.channels)
                    yield np.ascontiguousarray(frames.T, dtype=np.float32) / np.float32(_INT16_FULL_SCALE)
                rest = rest[whole:]
        except audioread.DecodeError as error:
            raise DecodeError("is damaged", path=self.path, hint="get the file again") from error

    def close(self) -> None:
        """Close the decoder and the file."""
        self._decoder.close()
        super().close()
