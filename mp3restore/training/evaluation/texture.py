"""What a restoration is made of: attacks, tones, and distance on the ear's scale. Signals are (channels, samples)."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import butter, sosfiltfilt

from mp3restore.dsp.stft import analyse, mel_bands
from mp3restore.training.networks.known import GUARD_HZ

__all__ = ["attack_sharpness", "multi_mel_snr", "tonal_share"]

_ATTACK_S = 0.005
_QUIET_DB = 60.0
_LOUDEST = 0.02  # share of moments that count as attacks
_TONE_SIZE = 4096
_TONE_BINS = 31
_TONE_RATIO = 8.0  # power of a tone over the median around it: noise has less in 99.6 % of its bins
_MEL_SIZES = (256, 512, 1024, 2048, 4096)
_MEL_FLOOR = 1e-6


@cache
def _high_pass(edge_hz: float, sample_rate: int) -> NDArray[np.float64]:
    return np.asarray(butter(6, edge_hz, "highpass", fs=sample_rate, output="sos"))


def attack_sharpness(signal: NDArray[np.float32], sample_rate: int, edge_hz: float) -> float:
    """Mean rise in dB within 5 ms of the power above `edge_hz`, of the 2 % of moments at which it rises most.

    A rise counts from 60 dB below the loudest moment on. Noise that was shaped from frame to frame rises by a few dB.
    """
    if edge_hz > 0.95 * sample_rate / 2:
        return 0.0
    treble = sosfiltfilt(_high_pass(round(edge_hz), sample_rate), signal.astype(np.float64), axis=-1)
    step = round(_ATTACK_S * sample_rate)
    count = treble.shape[-1] // step
    power = (treble[:, : count * step] ** 2).reshape(treble.shape[0], count, step).mean(-1)
    peak = power.max()
    if peak <= 0:
        return 0.0
    level = 10 * np.log10(power / peak + 10 ** (-_QUIET_DB / 10))
    rises = np.sort(np.diff(level, axis=-1).ravel())
    return float(rises[-max(1, round(_LOUDEST * rises.size)) :].mean())


def tonal_share(signal: NDArray[np.float32], sample_rate: int, low_hz: float, high_hz: float) -> float:
    """Share of the power from `low_hz` to `high_hz` that lies in bins far above the median of their neighbours."""
    power = np.abs(analyse(signal, _TONE_SIZE)).astype(np.float64) ** 2
    low, high = (round(min(hz, sample_rate / 2) * _TONE_SIZE / sample_rate) for hz in (low_hz, high_hz))
    if high - low < _TONE_BINS:
        return 0.0
    band = power[..., low:high]
    around = median_filter(band, size=(1, 1, _TONE_BINS), mode="nearest")
    tones = band > _TONE_RATIO * around + 1e-9
    return float((band * tones).sum() / (band.sum() + 1e-12))


def multi_mel_snr(original: NDArray[np.float32], other: NDArray[np.float32], bandwidth_hz: float, rate: int) -> float:
    """Ratio in dB of log mel spectra to their differences, at five lengths of frames, 256 to 4096.

    Levels are taken from 60 dB below the mean power on, so that 0 is silence.
    """
    reference = float((original.astype(np.float64) ** 2).mean()) + 1e-12
    ratios = []
    for size in _MEL_SIZES:
        bands = mel_bands(min(64, size // 8), size // 2 + 1)
        known = np.arange(size // 2 + 1) * rate / size < bandwidth_hz - GUARD_HZ
        inside = (bands * known).sum(1) > 0.5 * bands.sum(1)
        weights = (bands * known)[inside].T / (bands * known)[inside].sum(1)
        wanted, given = (
            np.log(1 + (np.abs(analyse(s, size)) ** 2 @ weights) / (size * 3 / 8 * reference * _MEL_FLOOR))
            for s in (original, other)
        )
        ratios.append((wanted**2).sum() / (((wanted - given) ** 2).sum() + 1e-9))
    return float(10 * np.log10(np.mean(ratios)))
