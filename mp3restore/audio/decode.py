"""Decoding audio files of every kind to blocks of float32 samples."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import audioread
import numpy as np
import soundfile
from numpy.typing import NDArray

from mp3restore.audio.gapless import Gapless, read_itunes_gapless
from mp3restore.audio.mpeg import PartOfFile, find_mpeg_range
from mp3restore.errors import DecodeError, InputError, NoInputError

__all__ = ["MAX_CHANNELS", "AudioSource", "open_audio", "system_decoders"]

MAX_CHANNELS = 8  # the most that FLAC can hold
# Blocks span the same time at every rate, and with it what is made of them on the way to the rate of the result.
_BLOCK_SECONDS = 1.4
_INT16_FULL_SCALE = 32768.0


class AudioSource(ABC):
    """An open audio file; a context manager.

    Attributes
    ----------
    path : Path
        The file.
    sample_rate : int
        Rate in Hz.
    channels : int
        Number of channels, 1 to `MAX_CHANNELS`.
    frames : int or None
        Length in samples as far as it is known before decoding; only an estimate.
    decoder : str
        Who decodes what, for display.
    """

    path: Path
    sample_rate: int
    channels: int
    frames: int | None
    decoder: str

    @abstractmethod
    def _decode(self) -> Iterator[NDArray[np.float32]]:
        """Give the blocks as the decoder gives them, unchecked."""

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    def blocks(self) -> Iterator[NDArray[np.float32]]:
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

    def __enter__(self) -> AudioSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A file that is read from start to end.

    soundfile seeks to where it already is after every block of a seekable file. For an MP3 that empties the bit
    reservoir: the next frames come out damaged, most of all at low bitrates, where they reach back furthest.
    """

    def seekable(self) -> bool:
        """Say no, so that nobody seeks."""
        return False


class _SoundfileSource(AudioSource):
    """A file that libsndfile reads."""

    def __init__(
        self, path: Path, stream: PartOfFile, frames: int | None = None, gapless: Gapless | None = None
    ) -> None:
        self._stream = stream
        self._gapless = gapless
        try:
            self._file = _Sequential(stream)
        except soundfile.LibsndfileError:
            stream.close()
            raise
        self.path = path
        self.sample_rate = self._file.samplerate
        self.channels = self._file.channels
        # An endless stream has no length worth telling.
        self.frames = self._file.frames if frames is None and not stream.endless else frames
        self.is_mp3 = self._file.format == "MP3"
        self.decoder = f"libsndfile, {self._file.format} {self._file.subtype}"

    def _decode(self) -> Iterator[NDArray[np.float32]]:
        return self._whole() if self._gapless is None else self._gapless.cut(self._whole())

    def _whole(self) -> Iterator[NDArray[np.float32]]:
        done, size = 0, int(_BLOCK_SECONDS * self.sample_rate)
        while True:
            try:
                frames = self._file.read(size, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise DecodeError(
                    f"is damaged after {done / self.sample_rate:.1f} s",
                    path=self.path,
                    hint="'ffmpeg -i FILE -c copy REPAIRED' drops the damaged frames",
                ) from error
            if len(frames) == 0:
                return
            done += len(frames)
            yield np.ascontiguousarray(frames.T)

    def close(self) -> None:
        self._file.close()
        self._stream.close()


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


class _AudioreadSource(AudioSource):
    """A file that only a decoder of the system reads (ffmpeg, Core Audio, GStreamer), in 16 bits."""

    def __init__(self, path: Path) -> None:
        with _old_modules():
            self._file = audioread.audio_open(str(path))
        self.path = path
        self.sample_rate = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        self.frames = round(self._file.duration * self.sample_rate) if self._file.duration else None
        self.decoder = f"audioread, {type(self._file).__name__}"

    def _decode(self) -> Iterator[NDArray[np.float32]]:
        frame_bytes = 2 * self.channels
        rest = b""
        try:
            for data in self._file:
                rest += data
                whole = len(rest) // frame_bytes * frame_bytes
                if whole:
                    frames = np.frombuffer(rest[:whole], dtype="<i2").reshape(-1, self.channels)
                    yield np.ascontiguousarray(frames.T, dtype=np.float32) / np.float32(_INT16_FULL_SCALE)
                rest = rest[whole:]
        except audioread.DecodeError as error:
            raise DecodeError("is damaged", path=self.path, hint="get the file again") from error

    def close(self) -> None:
        self._file.close()


def _open_soundfile(path: Path) -> AudioSource | None:
    """Open `path` with libsndfile, by content alone; None if it cannot read the file."""
    try:
        source = _SoundfileSource(path, PartOfFile(path))
    except soundfile.LibsndfileError:
        source = None
    if source is not None and not source.is_mp3:
        return source
    # Either it is an MP3, or perhaps one behind junk that libsndfile takes for something else.
    found = find_mpeg_range(path)
    if found is None or (source is not None and found.has_length):
        return source
    frames = None
    if source is not None:
        frames = None if found.joined else source.frames
        source.close()
    # A tag frame, where there is one, has told the decoder already.
    gapless = None if found.has_length or found.joined else read_itunes_gapless(path)
    part = PartOfFile(path, start=found.start, end=found.end, endless=not found.has_length)
    try:
        return _SoundfileSource(path, part, frames if gapless is None else gapless.length, gapless)
    except soundfile.LibsndfileError:
        return None


def _no_audio(path: Path) -> DecodeError:
    able = any("FFmpeg" in each for each in system_decoders())
    hint = "ffmpeg finds none either: get it again" if able else "if a player can play it, install ffmpeg and try again"
    return DecodeError("no audio found in it", path=path, hint=hint)


def open_audio(path: str | Path) -> AudioSource:
    """Open an audio file for decoding; what it is decides its content, not its name.

    libsndfile is asked first. What it cannot read goes to audioread, that is, to a decoder of the system.

    Raises
    ------
    NoInputError
        If there is no such file.
    InputError
        If it is no regular file, may not be read, or has more than `MAX_CHANNELS` channels.
    DecodeError
        If no decoder recognises audio in it.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise NoInputError("no such file", path=path, hint="check the name")
        if not path.is_file():
            raise InputError("is not a regular file", path=path, hint="name an audio file")
        with path.open("rb") as file:
            empty = not file.read(1)
    except PermissionError as error:
        raise InputError("may not be read", path=path, hint="check the permissions") from error
    if empty:
        raise DecodeError("the file is empty", path=path, hint="get it again")
    source = _open_soundfile(path)
    if source is None:
        try:
            source = _AudioreadSource(path)
        except (audioread.DecodeError, EOFError) as error:
            raise _no_audio(path) from error
    if source.channels < 1:
        source.close()
        raise _no_audio(path)
    if source.channels > MAX_CHANNELS:
        source.close()
        raise InputError(
            f"has {source.channels} channels; at most {MAX_CHANNELS} are supported",
            path=path,
            hint="split it into files of fewer channels",
        )
    return source
