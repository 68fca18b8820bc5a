"""How to restore, whatever the file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import SupportsIndex

from mp3restore.errors import UsageError

__all__ = ["HIGHEST_RATE", "LOWEST_RATE", "RunOptions"]

# Rates that restored music can sensibly have; the polyphase filters of odd ones far outside grow without bound.
LOWEST_RATE, HIGHEST_RATE = 8_000, 384_000
_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to restore, whatever the file.

    Parameters
    ----------
    seed : int
        Which restorations to draw; the same seed always gives the same.
    deterministic : bool
        Give the one restoration without any chance instead of a draw.
    sample_rate : int, optional
        Rate of the result in Hz, 8000 to 384000; by default the input's, or the full rate of its family for MPEG-2
        and 2.5 files.
    consistency : bool
        Hold the restoration of an MP3 to what its bitstream says.
    strength : float, optional
        How far to go from the input (0.0) to the restoration (1.0); by default as far as the losses of a file warrant.
    tags : bool
        Give the result the tags and pictures of the input, and say in them how it was made.
    preserve_mtime : bool
        Give the result the modification time of the input.
    variety : float, optional
        How far draws are from the middle of what is plausible, 0.0 or more; 1.0 is as far as originals are. By default
        a small value of the model's own for variant 1, and 1.0 for all others.

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
    variety: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.seed, int) or not 0 <= self.seed <= _LARGEST_SEED:
            raise UsageError("the seed must be a whole number, 0 or more, and below 2^63")
        rate = self.sample_rate
        if rate is not None and not (isinstance(rate, SupportsIndex) and LOWEST_RATE <= rate <= HIGHEST_RATE):
            raise UsageError(f"the sample rate must be a whole number from {LOWEST_RATE} to {HIGHEST_RATE}, in Hz")
        if self.strength is not None and not 0.0 <= self.strength <= 1.0:
            raise UsageError("the strength must be 0 to 1")
        if self.variety is not None and not 0.0 <= self.variety < math.inf:
            raise UsageError("the variety must be 0 or more")
