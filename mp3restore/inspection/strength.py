"""How far to go from a file to its restoration: all the way, unless an MP3 has hardly lost anything.

How uncertain a restoration is shows in its draws, and what the bitstream leaves open bounds what is added. On eight
validation clips each, full strength made every clip better up to 128 kbit/s, variable rates and poor encoders included.
Above that nothing was measured, so the strength falls from there on, and at 192 kbit/s files are left alone. The
experiments in ``mp3restore/training/README.md`` have the numbers.
"""

from __future__ import annotations

import numpy as np

from mp3restore.audio.source import AudioSource
from mp3restore.inspection.decoded import DecodedMp3
from mp3restore.inspection.losses import shows_no_loss

__all__ = ["strength_for_mp3", "warranted_strength"]

_MOST = 1.0
_STEREO_KBPS = (128, 192)
_STRENGTH = (_MOST, 0.0)
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
    if sample_rate < _LEAST_RATE:
        return _MOST
    stereo_kbps = kbps if channels > 1 else kbps * _COST_OF_STEREO
    strength = round(float(np.interp(stereo_kbps, _STEREO_KBPS, _STRENGTH)), 2)
    return strength if strength >= _LEAST else 0.0
