"""The formats that results can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from mp3restore.errors import UsageError

__all__ = ["BitDepth", "Container", "OutputFormat"]

Container = Literal["wav", "flac"]
BitDepth = Literal["16", "24", "32f"]


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """Container and sample format of a result.

    Raises
    ------
    UsageError
        If there is no such format.
    """

    container: Container = "flac"
    bit_depth: BitDepth = "24"

    def __post_init__(self) -> None:
        if self.container not in get_args(Container):
            raise UsageError(f"unknown format '{self.container}'", hint="use wav or flac")
        if self.bit_depth not in get_args(BitDepth):
            raise UsageError(f"unknown bit depth '{self.bit_depth}'", hint="use 16, 24 or 32f")
        if self.container == "flac" and self.is_float:
            raise UsageError("FLAC cannot hold 32-bit float samples", hint="use WAV, or a bit depth of 24")

    @property
    def is_float(self) -> bool:
        """Whether samples are stored as float, which can hold peaks above full scale."""
        return self.bit_depth == "32f"

    @property
    def bits(self) -> int:
        """Bits per sample."""
        return 32 if self.is_float else int(self.bit_depth)
