"""What the plan of a run knows about a file before it is opened for good; a file that cannot be read has no facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mp3restore.audio.metadata import audio_seconds, mpeg_facts
from mp3restore.inspection.strength import strength_for_mp3

__all__ = ["Facts", "read_facts"]

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the headers of a file say; None is unknown.

    Attributes
    ----------
    kbps : float or None
        Bitrate of an MP3 in kbit/s.
    seconds : float or None
        Length of the music in seconds.
    strength : float or None
        How far to restore an MP3 of this bitrate, 0 to 1.
    """

    kbps: float | None = None
    seconds: float | None = None
    strength: float | None = None


def read_facts(path: Path) -> Facts:
    """Count the frames of MPEG audio, or read the header of another file.

    What cannot be read is unknown, whatever its parser raises.
    """
    counted = _or_unknown(lambda: mpeg_facts(path))
    if counted is None:
        return Facts(seconds=_or_unknown(lambda: audio_seconds(path)))
    strength = strength_for_mp3(counted.kbps, sample_rate=counted.sample_rate, channels=counted.channels)
    return Facts(counted.kbps, counted.seconds, strength)


def _or_unknown(read: Callable[[], _Value | None]) -> _Value | None:
    try:
        return read()
    except Exception:  # parsers of damaged files raise all sorts of errors, and the run itself says what is wrong
        return None
