"""What the local page takes: how long music may be, and which options a visitor may choose."""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

from mp3restore.audio.decode import open_audio
from mp3restore.errors import InputError, UsageError
from mp3restore.job import LOSSY, BitDepth, Container, OutputFormat
from mp3restore.options import RunOptions

__all__ = ["LONGEST_SECONDS", "TooLongError", "check_upload", "read_format", "read_options"]

LONGEST_SECONDS: Final = 2 * 3600.0
"""Longest stereo music at 48 kHz, in seconds; of more channels, or at higher rates, less is taken."""

_RATE, _CHANNELS = 48000, 2


class TooLongError(InputError):
    """The music is longer than the page takes: a few megabytes can hold hours, and would block all others."""

    def __init__(self, longest_s: float) -> None:
        super().__init__(
            f"is longer than {longest_s / 60:.0f} minutes, the most that this page takes",
            hint="the command line has no limit",
        )


def check_upload(path: Path) -> float:
    """Open an upload and decode its beginning.

    Returns
    -------
    float
        The most seconds of it that are restored.

    Raises
    ------
    InputError
        If it holds no audio, or says itself that it is too long.
    """
    with open_audio(path) as source:
        next(source.blocks())
        weight = max(1.0, source.sample_rate / _RATE) * max(1.0, source.channels / _CHANNELS)
        longest_s = LONGEST_SECONDS / weight
        if source.frames is not None and source.frames / source.sample_rate > longest_s:
            raise TooLongError(longest_s)
        return longest_s


def read_options(strength: str, seed: str) -> RunOptions:
    """Read the options of a request; what is empty is left to the program.

    Raises
    ------
    UsageError
        If one is not a number, or out of range.
    """
    try:
        return RunOptions(strength=float(strength) if strength else None, seed=int(seed) if seed else 0)
    except UsageError:
        raise
    except ValueError as error:
        raise UsageError("the strength must be 0 to 1, and the seed a whole number") from error


def read_format(container: str, depth: str) -> OutputFormat:
    """Read the format of the results and its bits per sample; what is empty is as on the command line.

    Raises
    ------
    UsageError
        If there is no such format, or it cannot hold so many bits.
    """
    kind = cast("Container", container or "flac")
    return OutputFormat(kind, None if kind in LOSSY else cast("BitDepth | None", depth or None))
