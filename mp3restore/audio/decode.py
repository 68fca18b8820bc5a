"""Decoding audio files of every kind to blocks of float32 samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import audioread
import numpy as np
import soundfile

from mp3restore._typing import Samples
from mp3restore.audio.external import AudioreadSource, system_decoders
from mp3restore.audio.inflation import refuse_inflation
from mp3restore.audio.input import InputFile, PartOfFile
from mp3restore.audio.mpeg import begins_with_a_frame, open_mpeg
from mp3restore.audio.ogg import ChainedOggSource, find_links
from mp3restore.audio.run_decoder import BLOCK_SECONDS, Sequential
from mp3restore.audio.source import MAX_CHANNELS, AudioSource
from mp3restore.errors import DecodeError, InputError, NoInputError

__all__ = ["open_audio"]

_LOSSLESS = ("WAV", "WAVEX", "FLAC", "AIFF", "RF64", "W64", "CAF", "AU")  # formats of libsndfile


class _SoundfileSource(AudioSource):
    """A file that libsndfile reads."""

    def __init__(self, file: InputFile) -> None:
        super().__init__(file)
        self._decoder = Sequential(PartOfFile(file))
        self.sample_rate = self._decoder.samplerate
        self.channels = self._decoder.channels
        self.frames = self._decoder.frames
        self.is_mpeg = "MPEG" in (self._decoder.format, self._decoder.subtype.partition("_")[0])
        self.is_ogg = self._decoder.format == "OGG"
        self.decoder = f"libsndfile, {self._decoder.format} {self._decoder.subtype}"
        self.lossless = self._decoder.format in _LOSSLESS and "ADPCM" not in self._decoder.subtype

    @property
    def kbps(self) -> float | None:
        """Mean bitrate of Vorbis and Opus."""
        seconds = self._decoder.frames / self.sample_rate
        return self.file.size * 8 / 1000 / seconds if self.is_ogg and seconds else None

    def _decode(self) -> Iterator[Samples]:
        done, size = 0, int(BLOCK_SECONDS * self.sample_rate)
        while True:
            try:
                frames = self._decoder.read(size, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise DecodeError(
                    f"is damaged after {done / self.sample_rate:.1f} s",
                    path=self.path,
                    hint="get the file again",
                ) from error
            if len(frames) == 0:
                return
            done += len(frames)
            yield np.ascontiguousarray(frames.T)

    def close(self) -> None:
        self._decoder.close()
        super().close()


def _open_soundfile(file: InputFile) -> AudioSource | None:
    """Open `file` with libsndfile, by content alone; None if it cannot read the file, or only guess its length."""
    try:
        source = _SoundfileSource(file)
    except soundfile.LibsndfileError:
        return None
    if source.is_mpeg:
        return None
    if source.is_ogg and len(links := find_links(file)) > 1:
        try:
            return ChainedOggSource(file, links)
        except soundfile.LibsndfileError:
            return source  # a link of another kind, video perhaps
    return source


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
    refuse_inflation(file)
    # libsndfile would guess at the length of MPEG audio, and warn about the guess.
    source: AudioSource | None = (
        (open_mpeg(file) if begins_with_a_frame(file) else None) or _open_soundfile(file) or open_mpeg(file)
    )
    if source is None:
        try:
            source = AudioreadSource(file)
        except (audioread.DecodeError, EOFError) as error:
            raise _no_audio(path) from error
    if source.channels > MAX_CHANNELS:
        source.close()
        raise InputError(
            f"has {source.channels} channels; at most {MAX_CHANNELS} are supported",
            path=path,
            hint="split it into files of fewer channels",
        )
    return source
