"""Loudness, peak and bandwidth of a piece of music."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyloudnorm
from numpy.typing import NDArray

from mp3restore.dsp.stft import analyse

__all__ = ["Measures", "measure"]

_FRAME_SAMPLES = 2048
_HOP_SAMPLES = 1024
_BANDWIDTH_STEP_SECONDS = 0.25  # a shorter step would show single beats instead of a line
# Far above the level of dither in a bin of this frame (-128 dB), and at the limit of audibility in loud music.
_BANDWIDTH_FLOOR_DB = -80.0
_MOST_LOUDNESS_CHANNELS = 5


@dataclass(frozen=True, slots=True)
class Measures:
    """Measurements of a recording.

    Attributes
    ----------
    loudness_lufs : float or None
        Integrated loudness according to ITU-R BS.1770-4; None for silence, or less than one of its 400 ms blocks.
    peak_db : float or None
        Largest sample in dB of full scale; None for digital silence.
    bandwidth_hz : list of float
        Highest frequency with a level above -80 dB of a full-scale sine, in steps of `step` seconds.
    step : float
        Seconds between two values of `bandwidth_hz`.
    """

    loudness_lufs: float | None
    peak_db: float | None
    bandwidth_hz: list[float]
    step: float = _BANDWIDTH_STEP_SECONDS

    @property
    def median_bandwidth_hz(self) -> float:
        """Median of `bandwidth_hz`."""
        return float(np.median(self.bandwidth_hz))


def measure(samples: NDArray[np.float32], sample_rate: int) -> Measures:
    """Measure `samples` of shape (channels, samples), full scale 1.0, at `sample_rate` Hz."""
    peak = float(np.abs(samples).max(initial=0.0))
    return Measures(
        _loudness(samples, sample_rate), 20 * math.log10(peak) if peak else None, _bandwidth(samples, sample_rate)
    )


def _loudness(samples: NDArray[np.float32], sample_rate: int) -> float | None:
    meter = pyloudnorm.Meter(sample_rate)
    if samples.shape[1] < meter.block_size * sample_rate:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):  # the loudness of silence is minus infinity
        value = float(meter.integrated_loudness(samples[:_MOST_LOUDNESS_CHANNELS].T.astype(np.float64)))
    return value if math.isfinite(value) else None


def _bandwidth(samples: NDArray[np.float32], sample_rate: int) -> list[float]:
    padded = np.pad(samples, ((0, 0), (0, max(0, _FRAME_SAMPLES - samples.shape[1]))))
    spectra = analyse(padded, _FRAME_SAMPLES, hop=_HOP_SAMPLES)
    power = ((np.abs(spectra) / (_FRAME_SAMPLES / 4)) ** 2).mean(axis=0)
    step = np.arange(len(power)) * _HOP_SAMPLES // round(_BANDWIDTH_STEP_SECONDS * sample_rate)
    first = np.searchsorted(step, np.arange(step[-1] + 1))
    counts = np.diff(first, append=len(power))
    above = np.add.reduceat(power, first, axis=0) / counts[:, None] > 10 ** (_BANDWIDTH_FLOOR_DB / 10)
    highest = above.shape[1] - 1 - np.argmax(above[:, ::-1], axis=1)
    hz = np.where(above.any(axis=1), highest * sample_rate / _FRAME_SAMPLES, 0.0)
    return [float(value) for value in hz]
