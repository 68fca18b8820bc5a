"""Faults made on purpose, in three strengths each: a measure that is to guide us must rank them in order.

All faults are above an edge, where restorations have theirs; signals are (channels, samples).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from mp3restore.dsp.stft import OVERLAP, analyse, synthesise

__all__ = ["FAULTS", "with_fault"]

_SIZE = 2048
_HOP = _SIZE // OVERLAP
_ENVELOPE_BINS = 33
_TONE_EVERY = 24  # bins

_Signal = NDArray[np.float32]
_Spectrum = NDArray[np.complex64]


def _treble(signal: _Signal, edge_hz: float, rate: int, change: Callable[[_Spectrum], _Spectrum]) -> _Signal:
    """`signal` with its spectrum (channels, frames, bins) above the edge changed."""
    padded = np.pad(signal, ((0, 0), (_SIZE, 2 * _SIZE)))
    spectrum = analyse(padded, _SIZE)
    first = round(edge_hz * _SIZE / rate)
    spectrum[..., first:] = change(spectrum[..., first:])
    blocks = np.concatenate(list(synthesise([spectrum], _SIZE)), axis=-1)
    start = _SIZE - (OVERLAP - 1) * _HOP
    return np.ascontiguousarray(blocks[:, start : start + signal.shape[1]])


def _noise_like(treble: _Spectrum, rng: np.random.Generator) -> _Spectrum:
    """Noise with the smoothed envelope of a spectrum."""
    power = uniform_filter1d(np.abs(treble) ** 2, _ENVELOPE_BINS, axis=-1)
    draw = rng.standard_normal((*treble.shape, 2)) @ np.array([1, 1j]) / np.sqrt(2)
    return np.asarray(np.sqrt(power) * draw, dtype=np.complex64)


def _low_pass(treble: _Spectrum, share: float) -> _Spectrum:
    kept = round(treble.shape[-1] * (1 - share))
    return np.where(np.arange(treble.shape[-1]) < kept, treble, 0)


def _holes(treble: _Spectrum, share: float, rng: np.random.Generator) -> _Spectrum:
    """Cells of 4 frames by 16 bins without anything."""
    frames, bins = treble.shape[-2:]
    open_cells = rng.random((-(-frames // 4), -(-bins // 16))) >= share
    return np.asarray(treble * np.repeat(np.repeat(open_cells, 4, 0), 16, 1)[:frames, :bins], dtype=np.complex64)


def _noisy(treble: _Spectrum, share: float, rng: np.random.Generator) -> _Spectrum:
    """Noise in the place of music, of equal power."""
    mixed = np.sqrt(1 - share) * treble + np.sqrt(share) * _noise_like(treble, rng)
    return np.asarray(mixed, dtype=np.complex64)


def _tonal(treble: _Spectrum, share: float) -> _Spectrum:
    """Steady tones in the place of music, of equal power."""
    power = uniform_filter1d(np.abs(treble) ** 2, _ENVELOPE_BINS, axis=-1) * _TONE_EVERY / 1.5
    frames, bins = treble.shape[-2:]
    tones = np.zeros((frames, bins), np.complex64)
    centre = np.arange(_TONE_EVERY // 2, bins - 1, _TONE_EVERY)
    turn = np.exp(2j * np.pi * np.outer(np.arange(frames), (centre + 1) / OVERLAP))
    for offset, weight in ((-1, -0.5), (0, 1.0), (1, -0.5)):  # what a Hann window makes of a tone
        tones[:, centre + offset] = weight * turn
    return np.asarray(np.sqrt(1 - share) * treble + np.sqrt(share * power) * tones, dtype=np.complex64)


def _too_loud(treble: _Spectrum, gain_db: float, rng: np.random.Generator) -> _Spectrum:
    """Noise on top, so that the power rises by `gain_db`."""
    louder = treble + np.sqrt(10 ** (gain_db / 10) - 1) * _noise_like(treble, rng)
    return np.asarray(louder, dtype=np.complex64)


def _louder(treble: _Spectrum, gain_db: float) -> _Spectrum:
    return np.asarray(treble * 10 ** (gain_db / 20), dtype=np.complex64)


def _pre_echo(signal: _Signal, edge_hz: float, rate: int, spread_s: float) -> _Signal:
    """Treble whose rises begin `spread_s` too early, with the same power on average."""
    treble = signal - _treble(signal, edge_hz, rate, np.zeros_like)
    power = uniform_filter1d(treble**2, 65, axis=-1) + 1e-10
    size = round(2 * spread_s * rate)
    early = uniform_filter1d(power, size, axis=-1, origin=-(size // 2 - 1))
    changed = treble * np.sqrt(np.minimum(early / power, 1e4))
    return np.asarray(signal - treble + changed, dtype=np.float32)


FAULTS: dict[str, tuple[float, float, float]] = {
    "low-pass": (0.3, 0.6, 0.9),
    "holes": (0.1, 0.25, 0.5),
    "noise for tones": (0.25, 0.5, 1.0),
    "tones for noise": (0.1, 0.3, 1.0),
    "noise too loud": (3.0, 6.0, 12.0),
    "pre-echo": (0.01, 0.02, 0.04),
    "too bright": (2.0, 4.0, 6.0),
}
"""Names, and strengths in growing order: shares, dB, or seconds."""


def with_fault(name: str, strength: float, signal: _Signal, *, sample_rate: int, edge_hz: float) -> _Signal:
    """`signal` with one of `FAULTS` above `edge_hz`."""
    if name == "pre-echo":
        return _pre_echo(signal, edge_hz, sample_rate, strength)
    rng = np.random.default_rng(1)
    changes: dict[str, Callable[[_Spectrum], _Spectrum]] = {
        "low-pass": partial(_low_pass, share=strength),
        "holes": partial(_holes, share=strength, rng=rng),
        "noise for tones": partial(_noisy, share=strength, rng=rng),
        "tones for noise": partial(_tonal, share=strength),
        "noise too loud": partial(_too_loud, gain_db=strength, rng=rng),
        "too bright": partial(_louder, gain_db=strength),
    }
    return _treble(signal, edge_hz, sample_rate, changes[name])
