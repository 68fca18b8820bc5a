"""How far to go from a file to its restoration.

Where the coding of a file is known, the evidence decides, frame by frame and band by band (`generator.evidence`), and
nothing reduces the whole; only a file with so many bits that nobody would hear a difference is left as it is. Of a file
without such knowledge the bitrate has to tell: the less it has lost, the likelier it is that nothing was there, and
part of the way keeps most of the gain at less risk. The experiments in ``mp3restore/training/README.md`` have the
numbers.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from mp3restore.audio.source import AudioSource
from mp3restore.inspection.decoded import DecodedMp3
from mp3restore.inspection.losses import shows_no_loss

__all__ = ["Verdict", "expected_strength", "strength_for_mp3", "verdict_for_mp3", "warranted_strength"]

Verdict = Literal["restore", "little to gain", "leave"]
"""What a listener may expect of a restoration."""

# From this expected strength on a file counts as heavily compressed.
_HEAVY: Final = 0.5
_MOST = 1.0
_MOST_IN_MONO = 0.8
_STEREO_KBPS = (32, 64, 96, 128)
_STRENGTH = (_MOST, 0.8, 0.6, 0.0)
# What stereo costs over mono: an encoder gives the side plane less than the mid.
_COST_OF_STEREO = 1.5
# Between 160 and 192: from there on hardly a line is lost that could be heard.
_ENOUGH_KBPS = 176
# A file at a lower rate lacks all treble, however many bits it has for the rest.
_LEAST_RATE = 32000
# Less than this of a restoration cannot be heard: -26 dB of what it adds.
_LEAST = 0.05


def warranted_strength(
    source: AudioSource, kbps: float | None, decoded: DecodedMp3 | None = None, *, mapped: bool = False
) -> float:
    """Return the strength at which to restore a file whose user did not say, 0 to 1.

    Parameters
    ----------
    source : AudioSource
        The file.
    kbps : float or None
        Its bitrate. Of a file without one nobody knows how much it has lost; that it has lost nothing can often be
        seen.
    decoded : DecodedMp3, optional
        What the samples tell of an MP3 that they were decoded from.
    mapped : bool
        Whether its bitstream tells what was lost where.
    """
    if decoded is not None and decoded.readable:
        kbps, mapped = decoded.stream.kbps, True
    if kbps is None:
        return 0.0 if shows_no_loss(source) else _MOST
    decide = strength_for_mp3 if mapped else expected_strength
    return decide(kbps, sample_rate=source.sample_rate, channels=source.channels)


def strength_for_mp3(kbps: float, *, sample_rate: int, channels: int) -> float:
    """Return how far to go with an MP3 of this mean bitrate in kbit/s, beyond what the evidence decides: 1 or 0."""
    return _MOST if sample_rate < _LEAST_RATE or _stereo(kbps, channels) < _ENOUGH_KBPS else 0.0


def verdict_for_mp3(kbps: float, *, sample_rate: int, channels: int) -> Verdict:
    """Return what a restoration of an MP3 of this mean bitrate in kbit/s is worth."""
    if strength_for_mp3(kbps, sample_rate=sample_rate, channels=channels) == 0:
        return "leave"
    heavy = expected_strength(kbps, sample_rate=sample_rate, channels=channels) >= _HEAVY
    return "restore" if heavy else "little to gain"


def expected_strength(kbps: float, *, sample_rate: int, channels: int) -> float:
    """Return the strength that a bitrate in kbit/s alone lets one expect, 0 to 1.

    A strength that nobody could hear is none: 0.
    """
    most = _MOST if channels > 1 else _MOST_IN_MONO
    if sample_rate < _LEAST_RATE:
        return most
    strength = min(most, round(float(np.interp(_stereo(kbps, channels), _STEREO_KBPS, _STRENGTH)), 2))
    return strength if strength >= _LEAST else 0.0


def _stereo(kbps: float, channels: int) -> float:
    """Return the bitrate in stereo that leaves as much of the music."""
    return kbps if channels > 1 else kbps * _COST_OF_STEREO
