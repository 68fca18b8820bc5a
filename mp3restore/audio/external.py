"""Formats that only a decoder of the system reads: ffmpeg or Core Audio, through audioread.

ffmpeg opens whatever a file tells it to open: other files that a playlist names, addresses, devices. Here it may read
the one file that it is given, and only if that file is a container of audio. GStreamer, which audioread knows as well,
follows playlists too and cannot be kept from it, so it is not asked.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import unpack_from
from typing import Final

import audioread
import numpy as np
from audioread import ffdec

from mp3restore._typing import Samples
from mp3restore.audio.input import InputFile
from mp3restore.audio.refusals import refuse_lists
from mp3restore.audio.source import AudioSource
from mp3restore.errors import DecodeError

__all__ = ["AudioreadSource", "FFmpegReader", "system_decoders"]

_INT16_FULL_SCALE = 32768.0
_BLOCK_BYTES = 1 << 16
_FORMATS: Final = (
    "aac", "ac3", "aiff", "amr", "amrnb", "amrwb", "ape", "asf", "au", "avi", "caf", "dsf", "dts", "eac3", "flac",
    "flv", "iff", "loas", "matroska", "mp3", "mov", "mpc", "mpc8", "mpeg", "mpegts", "ogg", "oma", "rm", "shn", "tak",
    "tta", "voc", "w64", "wav", "wv", "xwma",
)  # fmt: skip
"""Containers of ffmpeg that hold audio and name no other file. A name of a demuxer stands for all of its names."""
# A picture in a file may claim to be of any size, and ffmpeg decodes it to find out what it is.
_MOST_PIXELS = 64_000_000
_LONGEST_ALLOCATION = 1 << 29
_HEADER_CHUNKS = 16
_NAMES: Final = {"ExtAudioFile": "Core Audio", "MadAudioFile": "MAD", "FFmpegReader": "FFmpeg"}


@contextmanager
def _old_modules() -> Iterator[None]:
    """Let audioread look at modules of the standard library that are about to leave it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'(aifc|audioop|sunau)' is deprecated", DeprecationWarning)
        yield


class FFmpegReader(ffdec.FFmpegAudioFile):  # type: ignore[misc]  # audioread has no types
    """audioread's reader of ffmpeg, which here may open one file, as a container of audio, and nothing else.

    It differs from its base in two more points. Rate and channels come from the header of the WAV stream that ffmpeg
    writes: its base reads ffmpeg's messages, into which the tags of a file can write anything. And what is decoded
    stays in the pipe until it is asked for: the queue of its base has no bound.

    Parameters
    ----------
    filename : str
        The file.

    Attributes
    ----------
    samplerate : int
        Rate in Hz.
    channels : int
        Number of channels.
    duration : float
        Length in seconds as the container states it, 0.0 where it does not.

    Raises
    ------
    audioread.DecodeError
        If ffmpeg is not installed, or finds no audio that it may decode.
    """

    def __init__(self, filename: str) -> None:
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as ffmpeg runs
        limits = ["-max_pixels", str(_MOST_PIXELS), "-protocol_whitelist", "file"]
        limits += ["-format_whitelist", ",".join(_FORMATS)]
        command = ["-nostdin", "-hide_banner", "-max_alloc", str(_LONGEST_ALLOCATION), *limits]
        # With the prefix, no name is taken for an address or a list ("concat:a|b").
        command += ["-i", f"file:{Path(filename).absolute()}", "-map", "0:a:0", "-map_metadata", "-1"]
        command += ["-c:a", "pcm_s16le", "-bitexact", "-f", "wav", "pipe:1"]
        try:
            self.proc = ffdec.popen_multiple(
                ffdec.COMMANDS, command, stdout=subprocess.PIPE, stderr=self._messages, stdin=subprocess.DEVNULL,
                creationflags=ffdec.PROC_FLAGS,
            )  # fmt: skip
        except OSError as error:
            self._messages.close()
            raise ffdec.NotInstalledError from error
        try:
            self.samplerate, self.channels = self._read_header()
        except BaseException:
            self.close()
            raise
        self.duration = self._stated_duration()

    def _read_header(self) -> tuple[int, int]:
        """Read the head of the WAV stream up to its samples; returns rate and channels."""
        out = self.proc.stdout
        found = (0, 0)
        if out.read(12)[8:] != b"WAVE":
            raise ffdec.UnsupportedError
        for _ in range(_HEADER_CHUNKS):
            head = out.read(8)
            if len(head) < 8 or head[:4] == b"data":
                break
            content = out.read(unpack_from("<I", head, 4)[0])
            if head[:4] == b"fmt " and len(content) >= 16:
                channels, rate = unpack_from("<HI", content, 2)
                found = (rate, channels)
        if 0 in found:
            raise ffdec.CommunicationError
        return found

    def _stated_duration(self) -> float:
        """Read the duration from ffmpeg's messages; a line of a tag is indented further."""
        self._messages.seek(0)
        match = re.search(rb"^  Duration: (\d+):(\d+):(\d+\.\d+)", self._messages.read(), re.MULTILINE)
        if match is None:
            return 0.0
        hours, minutes, seconds = match.groups()
        return 3600.0 * int(hours) + 60.0 * int(minutes) + float(seconds)

    def read_data(self) -> Iterator[bytes]:
        """Yield the samples, 16 bits and interleaved.

        Raises
        ------
        audioread.DecodeError
            If ffmpeg gave up before the end.
        """
        while data := self.proc.stdout.read(_BLOCK_BYTES):
            yield data
        if self.proc.wait() != 0:
            raise ffdec.FFmpegError

    def close(self) -> None:
        """End ffmpeg."""
        if hasattr(self, "proc"):
            self.proc.kill()
            self.proc.wait()
            self.proc.stdout.close()
        self._messages.close()


def _backends() -> list[type[audioread.AudioFile]]:
    """Return the decoders of the system that may be asked, the reader of ffmpeg last."""
    with _old_modules():
        found = audioread.available_backends()
    named = {each.__name__: each for each in found}
    # Not the one of Python's own modules: libsndfile reads all that they read, and they fail in ways of their own.
    safe = [named[name] for name in _NAMES if name in named]
    return [*safe, *([FFmpegReader] if ffdec.FFmpegAudioFile in found else [])]


def system_decoders() -> list[str]:
    """Names of the decoders of the system that are asked, for people."""
    return [_NAMES[each.__name__] for each in _backends()]


class AudioreadSource(AudioSource):
    """A file that only a decoder of the system reads (ffmpeg, Core Audio), in 16 bits.

    Raises
    ------
    DecodeError
        If the file is a list of other files, and not a file of sound.
    audioread.DecodeError
        If no decoder finds audio in it.
    """

    lossless = False

    def __init__(self, file: InputFile) -> None:
        super().__init__(file)
        refuse_lists(file)
        with _old_modules():
            self._decoder = audioread.audio_open(str(file.path), _backends())
        self.sample_rate = int(self._decoder.samplerate)
        self.channels = int(self._decoder.channels)
        self.frames = round(self._decoder.duration * self.sample_rate) if self._decoder.duration else None
        self.decoder = f"audioread, {_NAMES[type(self._decoder).__name__]}"

    @property
    def kbps(self) -> float | None:
        """Mean bitrate, tags and pictures included."""
        return self.file.size * 8 / 1000 / self._decoder.duration if self._decoder.duration else None

    def _decode(self) -> Iterator[Samples]:
        frame_bytes = 2 * self.channels
        rest = b""
        done = 0
        try:
            for data in self._decoder:
                rest += data
                whole = len(rest) // frame_bytes * frame_bytes
                if whole:
                    frames = np.frombuffer(rest[:whole], dtype="<i2").reshape(-1, self.channels)
                    done += len(frames)
                    yield np.ascontiguousarray(frames.T, dtype=np.float32) / np.float32(_INT16_FULL_SCALE)
                rest = rest[whole:]
        except audioread.DecodeError as error:
            raise DecodeError(
                f"is damaged after {done / self.sample_rate:.1f} s", path=self.path, hint="get the file again"
            ) from error

    def close(self) -> None:
        """Close the decoder and the file."""
        self._decoder.close()
        super().close()
