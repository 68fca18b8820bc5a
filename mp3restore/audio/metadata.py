"""Bitrate and length of a file, without decoding it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import mutagen

from mp3restore.audio.input import InputFile
from mp3restore.audio.mpeg import begins_with_a_frame, open_mpeg

__all__ = ["Metadata", "read_metadata"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Bitrate and length of a file.

    Attributes
    ----------
    seconds : float or None
        Length of the music: counted in MPEG audio, else as the header states it; None where it states none.
    mpeg_kbps : float or None
        Mean bitrate of all frames of MPEG audio in kbit/s; None for other formats.
    sample_rate, channels : int or None
        Rate in Hz and number of channels of MPEG audio.
    """

    seconds: float | None = None
    mpeg_kbps: float | None = None
    sample_rate: int | None = None
    channels: int | None = None


def read_metadata(path: Path) -> Metadata:
    """Read the frames of MPEG audio, or the header of another format; the file is opened once.

    Raises
    ------
    OSError
        If the file cannot be read. Parsers of damaged headers raise errors of many kinds.
    """
    with closing(InputFile(path)) as file:
        source = open_mpeg(file) if begins_with_a_frame(file) else None
        if source is not None:
            return Metadata(
                seconds=source.frames / source.sample_rate,
                mpeg_kbps=source.kbps,
                sample_rate=source.sample_rate,
                channels=source.channels,
            )
        found = mutagen.File(file.view())
        return Metadata(seconds=None if found is None or found.info is None else float(found.info.length))
