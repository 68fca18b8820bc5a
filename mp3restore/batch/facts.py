"""What the plan of a run knows about a file before it is opened for good; a file that cannot be read has no facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mp3restore.audio.metadata import audio_seconds, mp3_kbps
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
    """Read the headers of a file; what cannot be read is unknown, whatever its parser raises."""
    kbps = _or_unknown(lambda: mp3_kbps(path))
    return Facts(
        kbps,
        _or_unknown(lambda: audio_seconds(path)),
        None if kbps is None else _or_unknown(lambda: _strength(path, kbps)),
    )


def _or_unknown(read: Callable[[], _Value | None]) -> _Value | None:
    try:
        return read()
    except Exception:  # parsers of damaged files raise all sorts of errors, and the run itself says what is wrong
        return None


def _strength(path: Path, kbps: float) -> float:
    from mutagen.mp3 import MONO, MP3  # noqa: PLC0415 - not needed where nothing is planned

    info = MP3(path).info
    return strength_for_mp3(kbps, sample_rate=info.sample_rate, channels=1 if info.mode == MONO else 2)
