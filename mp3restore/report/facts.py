"""Describe in words what the bitstream of an MP3 kept."""

from __future__ import annotations

import math
from pathlib import Path

from mp3restore.inspection.inspect import BitstreamReport, inspect_file

__all__ = ["bitstream_facts", "decibels", "kilohertz"]

# Below this share the samples do not lie on the lattice that the bitstream describes (see `BitstreamReport`).
_LATTICE_FITS = 0.9


def kilohertz(hz: float) -> str:
    """Format a frequency in kHz."""
    return f"{hz / 1000:.1f} kHz"


def decibels(gain: float) -> str:
    """Format a factor in dB, with its sign."""
    value = round(20 * math.log10(gain), 1)
    return f"{value:+.1f} dB" if value else "0.0 dB"


def bitstream_facts(path: Path) -> list[tuple[str, str]]:
    """Return facts about what an MP3 kept, as pairs of label and value.

    Raises
    ------
    NoInputError, DecodeError, BitstreamError
        As for `inspect_file`.
    """
    found = inspect_file(path)
    facts = [("Sound", f"{found.sample_rate} Hz, {found.channels} channels, {found.duration_s:.1f} s")]
    if found.bitstream is None:
        return [*facts, ("Was it an MP3?", "yes" if found.was_mp3 else "no trace of one")]
    return [*facts, *_stream_facts(found.bitstream)]


def _stream_facts(stream: BitstreamReport) -> list[tuple[str, str]]:
    facts = [
        ("Format", f"MPEG-{stream.version} Layer III, {stream.kbps:.0f} kbit/s {stream.rate_mode.upper()}"),
        ("Encoder", stream.encoder or "not stated"),
        ("Low-pass", f"{kilohertz(stream.lowpass_hz)}, {stream.lowpass_origin}"),
        ("Joint stereo", f"{stream.joint_stereo_share:.0%} of the frames"),
        ("Short blocks", f"{stream.block_shares['short']:.0%}"),
    ]
    if stream.lattice_fit < _LATTICE_FITS:
        return [*facts, ("Spectral lines", "unknown: the samples do not fit the bitstream")]
    low, median, high = map(kilohertz, stream.edge_hz)
    return [
        *facts,
        ("Kept up to", f"{median} (median; {low} to {high} most of the time)"),
        ("Lines kept", f"{stream.coded_share:.0%}"),
        ("Holes below that", f"{stream.below_edge_hole_share:.0%} of what lies there"),
        ("Lost above that", f"{stream.above_edge_share:.0%} of all lines"),
    ]
