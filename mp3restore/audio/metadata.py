"""What can be told of a file without decoding it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["MpegFacts", "audio_seconds", "mpeg_facts"]


@dataclass(frozen=True, slots=True)
class MpegFacts:
    """What the frames of an MPEG audio file say.

    Attributes
    ----------
    kbps : float
        Mean bitrate in kbit/s.
    seconds : float
        Length of the music in seconds.
    sample_rate, channels : int
        Rate in Hz and number of channels of what is decoded.
    """

    kbps: float
    seconds: float
    sample_rate: int
    channels: int


def mpeg_facts(path: Path) -> MpegFacts | None:
    """Count the frames of an MPEG audio file; None if it is something else, or cannot be read."""
    from mp3restore.audio.input import InputFile  # noqa: PLC0415 - not needed where nothing is planned
    from mp3restore.audio.mpeg import begins_with_a_frame, open_mpeg  # noqa: PLC0415

    try:
        file = InputFile(path)
    except OSError:
        return None
    try:
        source = open_mpeg(file) if begins_with_a_frame(file) else None
    except OSError:
        return None
    finally:
        file.close()
    if source is None:
        return None
    return MpegFacts(source.kbps, source.frames / source.sample_rate, source.sample_rate, source.channels)


def audio_seconds(path: Path) -> float | None:
    """Length of the music in seconds: counted in MPEG audio, else as the header states it; None if it does not."""
    counted = mpeg_facts(path)
    if counted is not None:
        return counted.seconds
    import mutagen  # noqa: PLC0415

    try:
        file = mutagen.File(path)
    except (mutagen.MutagenError, OSError, ValueError):
        return None
    return None if file is None or file.info is None else float(file.info.length)
