"""How far to go from a file to its restoration: all the way, unless an MP3 has hardly lost anything.

How uncertain a restoration is shows in its draws, and what the bitstream leaves open bounds what is added. On eight
validation clips each, full strength made every clip better up to 128 kbit/s, variable rates and poor encoders included;
above it nothing was measured, so from there on the strength falls, and at 192 kbit/s files are left alone. The
experiments in ``mp3restore/training/README.md`` have the numbers.
"""

from __future__ import annotations

import numpy as np

from mp3restore.audio_io.decode import AudioSource
from mp3restore.mp3.stream import Mp3Stream
from mp3restore.probe import mp3_kbps
from mp3restore.suspicions import shows_no_loss

__all__ = ["known_kbps", "warranted_strength"]

_MOST = 1.0
_STEREO_KBPS = (128, 192)
_STRENGTH = (_MOST, 0.0)
# What stereo costs over mono: an encoder gives the side plane less than the mid.
_COST_OF_STEREO = 1.5
# A file at a lower rate lacks all treble, however many bits it has for the rest.
_LEAST_RATE = 32000


def known_kbps(source: AudioSource, stream: Mp3Stream | None) -> float | None:
    """Bitrate of an MP3, counted where its `stream` is understood, else as it states it; None where it is not known."""
    return stream.kbps if stream is not None else mp3_kbps(source.path)


def warranted_strength(source: AudioSource, stream: Mp3Stream | None) -> float:
    """Strength at which to restore a file whose user did not say, 0 to 1; `stream` is an MP3's that is understood.

    Of what is no MP3 there is no telling how much it has lost, but that it has lost nothing can often be seen.
    """
    kbps = known_kbps(source, stream)
    if kbps is None:
        return 0.0 if shows_no_loss(source.path, source.decoder) else _MOST
    if source.sample_rate < _LEAST_RATE:
        return _MOST
    stereo_kbps = kbps if source.channels > 1 else kbps * _COST_OF_STEREO
    return round(float(np.interp(stereo_kbps, _STEREO_KBPS, _STRENGTH)), 2)
