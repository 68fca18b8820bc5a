"""Decoding audio files of every kind to blocks of float32 samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import audioread
import numpy as np
import soundfile

from mp3restore._typing import Samples
from mp3restore.audio.external import AudioreadSource, system_decoders
from mp3restore.audio.gapless import Gapless, read_itunes_gapless
from mp3restore.audio.input import InputFile, PartOfFile
from mp3restore.audio.mpeg import find_mpeg_range
from mp3restore.audio.source import MAX_CHANNELS, AudioSource
from mp3restore.errors import DecodeError, InputError, NoInputError

__all__ = ["open_audio"]

# Blocks span the same time at every rate, and with it what is made of them on the way to the rate of the result.
_BLOCK_SECONDS = 1.4
_LOSSLESS = ("WAV", "WAVEX", "FLAC", "AIFF", "RF64", "W64", "CAF", "AU")  # formats of libsndfile


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
        self, file: InputFile, stream: PartOfFile, frames: int | None = None, gapless: Gapless | None = None
    ) -> None:
        super().__init__(file)
        self._gapless = gapless
        self._decoder = _Sequential(stream)
        self.sample_rate = self._decoder.samplerate
        self.channels = self._decoder.channels
        # An endless stream has no length worth telling.
        self.frames = self._decoder.frames if frames is None and not stream.endless else frames
        self.is_mp3 = self._decoder.format == "MP3"
        self.decoder = f"libsndfile, {self._decoder.format} {self._decoder.subtype}"
        self.lossless = self._decoder.format in _LOSSLESS and "ADPCM" not in self._decoder.subtype

    def _decode(self) -> Iterator[Samples]:
        return self._whole() if self._gapless is None else self._gapless.cut(self._whole())

    def _whole(self) -> Iterator[Samples]:
        done, size = 0, int(_BLOCK_SECONDS * self.sample_rate)
        while True:
            try:
                frames = self._decoder.read(size, dtype="float32", always_2d=True)
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
        self._decoder.close()
        super().close()


def _open_soundfile(file: InputFile) -> AudioSource | None:
    """Open `file` with libsndfile, by content alone; None if it cannot read the file."""
    try:
        source = _SoundfileSource(file, PartOfFile(file))
    except soundfile.LibsndfileError:
        source = None
    if source is not None and not source.is_mp3:
        return source
    # Either it is an MP3, or perhaps one behind junk that libsndfile takes for something else.
    found = find_mpeg_range(file)
    if found is None or (source is not None and found.has_length):
        return source
    frames = None if source is None or found.joined else source.frames
    # A tag frame, where there is one, has told the decoder already.
    gapless = None if found.has_length or found.joined else read_itunes_gapless(file)
    part = PartOfFile(file, start=found.start, end=found.end, endless=not found.has_length)
    try:
        return _SoundfileSource(file, part, frames if gapless is None else gapless.length, gapless)
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
    file = _open_input(Path(path))
    try:
        return _open_decoder(file)
    except BaseException:
        file.close()
        raise


def _open_input(path: Path) -> InputFile:
    try:
        if not path.exists():
            raise NoInputError("no such file", path=path, hint="check the name")
        if not path.is_file():
            raise InputError("is not a regular file", path=path, hint="name an audio file")
        return InputFile(path)
    except PermissionError as error:
        raise InputError("may not be read", path=path, hint="check the permissions") from error


def _open_decoder(file: InputFile) -> AudioSource:
    path = file.path
    if file.size == 0:
        raise DecodeError("the file is empty", path=path, hint="get it again")
    source = _open_soundfile(file)
    if source is None:
        try:
            source = AudioreadSource(file)
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
