"""Signs that a file is not what this program is for."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mp3restore._typing import Samples
from mp3restore.audio.source import AudioSource
from mp3restore.dsp.stft import analyse
from mp3restore.inspection.beginning import audible_beginning

__all__ = ["has_low_pass", "shows_no_loss"]


_SEARCH_SECONDS = 10.0
_LEAST_SECONDS = 0.4
_FULL_RATE = 44100
_SIZE = 2048
# A low-pass: so far the spectrum falls between the bands on either side of a slope, at frequencies in this range.
_EDGE_DB = 20.0
_BESIDE_HZ, _SLOPE_HZ = 500.0, 150.0
_LOWEST_EDGE_HZ, _HIGHEST_EDGE_HZ = 3000.0, 15500.0


def shows_no_loss(source: AudioSource) -> bool:
    """Whether a file of a lossless format shows no low-pass of a codec in its first audible seconds.

    It shows none at a full sample rate, or where it is too short to tell. Codecs that leave none, such as Opus, are not
    found out; the traces that an MP3 leaves are for `decoded.find_coding`.
    """
    rate = source.sample_rate
    if not source.lossless or rate < _FULL_RATE:
        return False
    head = audible_beginning(source, _SEARCH_SECONDS)
    if sum(block.shape[1] for block in head) < _LEAST_SECONDS * rate:
        return True
    return not has_low_pass(np.concatenate(head, axis=1), rate)


def has_low_pass(samples: Samples, sample_rate: int) -> bool:
    """Whether music (channels, n) ends at a low-pass, somewhere where music without one would go on.

    Of 40 recordings and their encodes the spectrum of the originals fell by 19 dB at most within the width of a
    low-pass, that of MP3 and AAC at 64 kbit/s by 24 dB and more wherever there had been any treble to lose.
    """
    power = (np.abs(analyse(samples, _SIZE)) ** 2).reshape(-1, _SIZE // 2 + 1)
    loudness = power.sum(axis=1)
    level = 10 * np.log10(np.quantile(power[loudness >= 0.1 * np.median(loudness)], 0.95, axis=0) + 1e-12)
    hz = np.arange(len(level)) * sample_rate / _SIZE
    width, slope = np.searchsorted(hz, (_BESIDE_HZ, _SLOPE_HZ))
    means = sliding_window_view(level, width).mean(axis=-1)
    drop = means[: -(width + 2 * slope)] - means[width + 2 * slope :]
    edge = hz[width + slope :][: len(drop)]
    return bool(drop[(edge > _LOWEST_EDGE_HZ) & (edge < _HIGHEST_EDGE_HZ)].max(initial=0) > _EDGE_DB)
