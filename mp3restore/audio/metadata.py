"""What can be told of a file without decoding it."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

__all__ = ["audio_seconds", "mp3_kbps"]


def mp3_kbps(path: Path | BinaryIO) -> float | None:
    """Bitrate of an MP3 as its first frames state it; None for what is none, or cannot be read."""
    import mutagen  # noqa: PLC0415 - not needed where nothing is planned
    from mutagen.mp3 import MP3, BitrateMode  # noqa: PLC0415

    try:
        file = mutagen.File(path)
    except (mutagen.MutagenError, OSError):
        return None
    if not isinstance(file, MP3):
        return None
    info = file.info
    # Without a length tag there is one frame to go by; a rate that changes from there on is not known.
    known = info.bitrate_mode is not BitrateMode.UNKNOWN or not info.sketchy
    return info.bitrate / 1000 if known and info.layer == 3 else None


def audio_seconds(path: Path) -> float | None:
    """Length of the music as the file's header has it; None where that cannot be told."""
    import mutagen  # noqa: PLC0415

    try:
        file = mutagen.File(path)
    except (mutagen.MutagenError, OSError):
        return None
    return None if file is None or file.info is None else float(file.info.length)
