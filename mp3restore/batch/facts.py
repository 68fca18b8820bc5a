"""What the plan of a run knows about a file before anything is restored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Facts", "read_facts"]


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a file; None where they are unknown.

    Attributes
    ----------
    kbps : float or None
        Mean bitrate of MPEG audio in kbit/s.
    seconds : float or None
        Length of the music in seconds.
    strength : float or None
        How far to restore an MP3 of this bitrate, 0 to 1.
    sample_rate, channels : int or None
        Rate in Hz and number of channels of MPEG audio.
    """

    kbps: float | None = None
    seconds: float | None = None
    strength: float | None = None
    sample_rate: int | None = None
    channels: int | None = None


def read_facts(path: Path) -> Facts:
    """Read the facts of a file; nothing is known about one that cannot be read, whatever its parser raises."""
    from mp3restore.audio.metadata import read_metadata  # noqa: PLC0415 - slow, and not needed to name results
    from mp3restore.inspection.strength import strength_for_mp3  # noqa: PLC0415

    try:
        found = read_metadata(path)
    except Exception:  # the run itself says what is wrong with a damaged file
        return Facts()
    if found.mpeg_kbps is None or found.sample_rate is None or found.channels is None:
        return Facts(seconds=found.seconds)
    strength = strength_for_mp3(found.mpeg_kbps, sample_rate=found.sample_rate, channels=found.channels)
    return Facts(found.mpeg_kbps, found.seconds, strength, found.sample_rate, found.channels)
