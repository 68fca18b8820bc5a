"""What the restoration of a coded file needs to know of it, whether its bitstream is at hand or not."""

from __future__ import annotations

from typing import Protocol


class CodedStream(Protocol):
    """An MP3, or what was decoded from one."""

    @property
    def sample_rate(self) -> int:
        """Samples per second."""

    @property
    def channels(self) -> int:
        """One or two."""

    @property
    def granules(self) -> int:
        """Number of granules, or more where it is not known."""

    @property
    def kbps(self) -> float:
        """Mean bitrate."""

    @property
    def lowpass_hz(self) -> int | None:
        """Low-pass of the encoder as far as it is known."""

    @property
    def measured_edge_hz(self) -> float | None:
        """Where the coded lines end, as far as that was measured."""

    @property
    def encoder(self) -> str | None:
        """Name of the encoder as far as it is known."""
