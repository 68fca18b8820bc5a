"""How far to go from a file to its restoration: as far as its losses warrant.

How uncertain a restoration is shows in its draws, and what the bitstream leaves open bounds what is added; so at 32
kbit/s the restoration stands alone. The less a file has lost, the likelier it is that nothing was there, and part of
the way keeps most of the gain at less risk: on 14 validation clips each, 0.8 of the way at 64 kbit/s was closer to the
originals than all of it, and so it was for 32 kbit/s mono. From 128 kbit/s on there is little to hear, and a recording
that was never whole loses by every fill. The experiments in ``mp3restore/training/README.md`` have the numbers.
"""

from __future__ import annotations

import numpy as np

from mp3restore.audio.source import AudioSource
from mp3restore.inspection.decoded import DecodedMp3
from mp3restore.inspection.losses import shows_no_loss

__all__ = ["strength_for_mp3", "warranted_strength"]

_MOST = 1.0
_MOST_IN_MONO = 0.8
_STEREO_KBPS = (32, 64, 96, 128)
_STRENGTH = (_MOST, 0.8, 0.6, 0.0)
# What stereo costs over mono: an encoder gives the side plane less than the mid.
_COST_OF_STEREO = 1.5
# A file at a lower rate lacks all treble, however many bits it has for the rest.
_LEAST_RATE = 32000
# Less than this of a restoration cannot be heard: -26 dB of what it adds.
_LEAST = 0.05


def warranted_strength(source: AudioSource, kbps: float | None, decoded: DecodedMp3 | None = None) -> float:
    """Return the strength at which to restore a file whose user did not say, 0 to 1.

    `kbps` is the bitrate of an MP3, `decoded` what the samples tell of one that they were decoded from. Of other files
    nobody knows how much they have lost; that they have lost nothing can often be seen.
    """
    if decoded is not None and decoded.readable:
        kbps = decoded.stream.kbps
    if kbps is None:
        return 0.0 if shows_no_loss(source) else _MOST
    return strength_for_mp3(kbps, sample_rate=source.sample_rate, channels=source.channels)


def strength_for_mp3(kbps: float, *, sample_rate: int, channels: int) -> float:
    """Return the strength that an MP3 of this mean bitrate in kbit/s warrants, 0 to 1.

    A strength that nobody could hear is none: 0.
    """
    most = _MOST if channels > 1 else _MOST_IN_MONO
    if sample_rate < _LEAST_RATE:
        return most
    stereo_kbps = kbps if channels > 1 else kbps * _COST_OF_STEREO
    strength = min(most, round(float(np.interp(stereo_kbps, _STEREO_KBPS, _STRENGTH)), 2))
    return strength if strength >= _LEAST else 0.0
