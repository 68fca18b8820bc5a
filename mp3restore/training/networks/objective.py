"""Spectral energy distance: a proper score for generators that draw.

For two independent draws g, g' of one input with original y, ``2 E d(y, g) - E d(g, g')`` is least when the draws have
the distribution of the originals (Székely & Rizzo 2013; Gritsenko et al. 2020 for spectrograms). The second draw
rewards exactly as much diversity as there is in the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from mp3restore.dsp.stft import mel_bands, noise_level
from mp3restore.training.networks.known import Known
from mp3restore.training.networks.loudness import loudness

__all__ = [
    "RESOLUTIONS",
    "Distance",
    "band_weights",
    "distortion_db",
    "magnitudes",
    "mel_matrix",
    "share_kept",
    "spectral_distance",
    "waveform_distance",
]

RESOLUTIONS = (256, 512, 1024, 2048, 4096)
_LOG_FLOOR = 3e-4  # of a magnitude, for a segment with root mean square 1: -70 dB
_MEL_FLOOR = 1e-7  # of a power
_LEAST_DISTORTION = 1e-4  # of a power
_CORNER_HZ = 3000.0  # above it a bin counts less, as the ear's bands get wider


@dataclass(frozen=True, slots=True)
class Distance:
    """Weights of the parts of the distance between two spectrograms, and of the distances in the loss."""

    energy: float = 1.0  # of the energy distance as a whole
    compressed: float = 2.0  # L1 of square roots of magnitudes
    logarithmic: float = 0.15  # L1 of log magnitudes, bin by bin
    mel: float = 0.5  # L1 of log mel powers
    loudness: float = 6.0  # L1 of loudness in mel bands
    # Reward for the distance between two draws where the MP3 lost something. 1 is the proper score, whose draws are as
    # far from the original as from each other; with less, draws are nearer to it and have less noise.
    diversity: float = 0.7
    pooled: float = 6.0  # of the energy score of levels pooled over bands and time, `pooled.pooled_score`
    attacks: float = 3.0  # of the energy score of attacks, `attacks.attack_score`
    similarity: float = 1.0  # of what the spectrogram of a draw lacks of looking like the original's
    harm: float = 3.0  # of the distance by which a draw is further from the original than the MP3 was
    waveform: float = 4.0  # of complex spectra in linear amplitude: what is loud and known must stay in place
    # Of the signal's distortion, per dB. A fill of the right level whose phases nobody knows doubles the error in the
    # holes; the ear gains by treble far more than by the last dB of loud bins, and this tells them apart.
    distortion: float = 0.2


@lru_cache(maxsize=16)
def mel_matrix(count: int, size: int, device: torch.device) -> Tensor:
    """Return `count` mel bands of a spectrum of `size`, each a column of weights: (bins, bands)."""
    return torch.from_numpy(mel_bands(count, size // 2 + 1)).T.contiguous().to(device)


@lru_cache(maxsize=16)
def _hann(size: int, device: torch.device) -> Tensor:
    window: Tensor = torch.hann_window(size, device=device) / noise_level(size)
    return window


def magnitudes(samples: Tensor, size: int, overlap: int = 2) -> Tensor:
    """Return magnitudes (batch, frames, bins) of segments (batch, samples); 1 per bin for white noise of variance 1.

    Frames are `size / overlap` samples apart.
    """
    frames = samples.unfold(-1, size, size // overlap) * _hann(size, samples.device)
    spectrum = torch.fft.rfft(frames)
    power: Tensor = spectrum.real**2 + spectrum.imag**2 + 1e-12
    return power.sqrt()


def band_weights(known: Known, size: int, hop: int, frames: int) -> Tensor:
    """Return the weight of each bin, (batch, frames or 1, bins): zero where the original is not known."""
    return known.weights(size, hop, frames, _CORNER_HZ)


def waveform_distance(a: Tensor, b: Tensor, level: Tensor, weights: Tensor) -> Tensor:
    """Return the mean modulus of the difference of complex spectra in two parts (batch, 2, frames, bins), per item.

    `level` (batch, 1) is the root mean square of the segment. Use this without a reward for diversity: a calibrated
    draw adds as much noise to every coded bin as the codec did, which is 3 dB of distortion without audible benefit.
    Loud bins dominate this distance; missing treble contributes little.
    """
    size = 2 * (a.shape[-1] - 1)
    difference = (a - b) / (level * noise_level(size))[..., None, None]
    modulus = (difference[:, 0] ** 2 + difference[:, 1] ** 2 + 1e-10).sqrt()
    result: Tensor = (modulus * weights).sum(-1).mean(-1)
    return result


def distortion_db(restored: Tensor, original: Tensor) -> Tensor:
    """Return the power of the difference over that of the original in dB, per item; (batch, 2, frames, bins) each.

    Distortion below -40 dB does not count: a clean input has none at all.
    """
    off, whole = ((s**2).sum((-3, -2, -1)) for s in (restored - original, original))
    result: Tensor = 10 * torch.log10(off / (whole + 1e-6) + _LEAST_DISTORTION)
    return result


def share_kept(degraded: Tensor, original: Tensor) -> Tensor:
    """Return how far the MP3 kept each bin, 0 to 1, from powers of equal shape.

    The waveform term is taken where this is near one only: in holes and above the edge it would call for silence.
    Diversity is rewarded where it is not: nothing is left to chance in what survived. What is missing is then judged by
    original and draws alike: were it by the original alone, draws would be wanted diverse only where it is loud.
    """
    return (2 * degraded / (degraded + original + 1e-9)).clamp(max=1.0)


def spectral_distance(a: Tensor, b: Tensor, weights: Tensor, distance: Distance) -> Tensor:
    """Return the distance of two sets of magnitudes (batch, frames, bins), one number per item of the batch."""
    size = 2 * (a.shape[-1] - 1)
    compressed = (a.sqrt() - b.sqrt()).abs()
    logarithmic = ((a + _LOG_FLOOR).log() - (b + _LOG_FLOOR).log()).abs()
    bins = distance.compressed * compressed + distance.logarithmic * logarithmic
    total = (bins * weights).sum(-1).mean(-1)
    mel = mel_matrix(min(64, size // 16), size, a.device)
    known = (weights > 0).float()
    pooled = [(m * known) ** 2 @ mel / mel.sum(0) for m in (a, b)]
    # A band counts by the share of its bins that are known.
    share = (known @ mel) / mel.sum(0)
    low, high = ((p + _MEL_FLOOR).log() for p in pooled)
    difference = distance.mel * (low - high).abs()
    if distance.loudness:
        quiet, loud = (loudness(p, a.shape[-1]) for p in pooled)
        difference = difference + distance.loudness * (quiet - loud).abs()
    result: Tensor = total + (difference * share).mean(-1).mean(-1)
    return result
