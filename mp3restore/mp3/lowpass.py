"""The encoder's low-pass: below it a zero was rounded to zero, above it the encoder threw everything away."""

from __future__ import annotations

from typing import Final

import numpy as np

from mp3restore.mp3.stream import GRANULE_SAMPLES, Mp3Stream
from mp3restore.mp3.tables import LINES

# LAME 3.100, lame.c, optimum_bandwidth: low-pass by total bitrate in kbit/s. libmp3lame in other programs follows it.
_KBPS: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_HZ: Final = (
    2000, 3700, 3900, 5500, 7000, 7500, 10000, 11000, 13500, 15100, 15600, 17000, 17500, 18600, 19400, 19700, 20500,
)  # fmt: skip
_MONO_FACTOR: Final = 1.5
# The stop band begins near the nominal frequency; attenuation begins up to 3 % lower (measured on LAME 3.100).
_TRANSITION: Final = 0.97


def lowpass_hz(stream: Mp3Stream) -> float:
    """Return the nominal low-pass of the encoder in Hz, at most half the sample rate.

    The tag's value where there is one, else what LAME chooses at this bitrate.
    """
    if stream.lowpass_hz is not None:
        nominal = float(stream.lowpass_hz)
    else:
        factor = _MONO_FACTOR if stream.channels == 1 else 1.0
        nominal = factor * float(np.interp(stream.kbps, _KBPS, _HZ))
    return min(nominal, stream.sample_rate / 2)


def first_free_line(stream: Mp3Stream) -> int:
    """Return the first line, 0 to 576, at which a zero no longer bounds the original: there the low-pass begins."""
    line_hz = stream.sample_rate / 2 / GRANULE_SAMPLES
    return min(LINES, int(_TRANSITION * lowpass_hz(stream) / line_hz))
