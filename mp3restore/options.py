"""Options of a restoration that apply to any file."""

from __future__ import annotations

from dataclasses import dataclass
from operator import index
from typing import SupportsFloat, SupportsIndex

from mp3restore.errors import UsageError

__all__ = ["DEFAULT_MAX_KBPS", "HIGHEST_RATE", "LOWEST_RATE", "RunOptions", "check_rate", "whole_number"]

DEFAULT_MAX_KBPS = 192
"""MP3s of higher bitrates are left unchanged, whatever the strength."""

# Sensible rates for restored music; for odd rates far outside, the polyphase filters grow without bound.
LOWEST_RATE, HIGHEST_RATE = 8_000, 384_000
_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Options of a restoration that apply to any file.

    Parameters
    ----------
    seed : int
        Seed of the random draw, 0 or more; the same seed always gives the same restorations.
    deterministic : bool
        Make the one restoration that uses no random draw.
    sample_rate : int, optional
        Rate of the result in Hz, 8000 to 384000; by default the input's, or the full rate of its family for MPEG-2
        and 2.5 files.
    consistency : bool
        Hold the restoration of an MP3 to its bitstream.
    strength : float, optional
        How far to go from the input (0.0) to the restoration (1.0); by default as far as the losses of a file warrant.
    tags : bool
        Give the result the tags and pictures of the input, and a tag that says how it was made.
    preserve_mtime : bool
        Give the result the modification time of the input.

    Raises
    ------
    UsageError
        If a value is out of range.
    """

    seed: int = 0
    deterministic: bool = False
    sample_rate: int | None = None
    consistency: bool = True
    strength: float | None = None
    tags: bool = True
    preserve_mtime: bool = False

    def __post_init__(self) -> None:
        seed = whole_number(self.seed)
        if seed is None or not 0 <= seed <= _LARGEST_SEED:
            raise UsageError("the seed must be a whole number, 0 or more, and below 2^63")
        object.__setattr__(self, "seed", seed)
        if self.sample_rate is not None:
            object.__setattr__(self, "sample_rate", check_rate(self.sample_rate))
        if self.strength is not None:
            strength = self.strength
            if (
                isinstance(strength, bool)
                or not isinstance(strength, SupportsFloat)
                or not 0.0 <= float(strength) <= 1.0
            ):
                raise UsageError("the strength must be 0 to 1")
            object.__setattr__(self, "strength", float(strength))


def whole_number(value: object) -> int | None:
    """Return a whole number from any library as an int; None for everything else, including booleans."""
    if isinstance(value, bool) or type(value).__name__ == "bool" or not isinstance(value, SupportsIndex):
        return None
    try:
        return index(value)
    except TypeError:  # an array of several numbers
        return None


def check_rate(value: object) -> int:
    """Return a sample rate in Hz as an int.

    Raises
    ------
    UsageError
        If it is not a whole number, or out of range.
    """
    rate = whole_number(value)
    if rate is None or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise UsageError(f"the sample rate must be a whole number from {LOWEST_RATE} to {HIGHEST_RATE}, in Hz")
    return rate
