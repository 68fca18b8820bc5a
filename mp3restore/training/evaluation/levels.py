"""Levels of bands: how far a restoration is too dull or too bright, and whether draws differ as originals would.

The bands are 2 kHz wide, above the edge of an MP3 and below it. Their powers are averaged over 1 to 256 frames and over
the whole clip, for a draw can be right at one of these lengths and wrong at another: a snare that is bright in one hit
and dull in the next has the right spread from moment to moment and none as a whole. Levels are in dB; what is 65 dB
below the mean of a clip counts as that, for nobody hears it.

Signals are (channels, samples), aligned, and judged as they are and as mid and side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from mp3restore.dsp.stft import analyse
from mp3restore.training.networks.known import GUARD_HZ

__all__ = ["POOLS", "REGIONS", "BandLevels", "band_powers", "errors_above", "level_error", "rank_counts", "spread"]

POOLS = (1, 4, 16, 64, 256, 0)
"""Frames of hop 512 that powers are averaged over; 0 is the whole clip."""
REGIONS = ("above", "below")
"""Of the edge of the MP3."""

_SIZE = 2048
_BAND_HZ = 2000.0
_HIGHEST_HZ = 20000.0
_LOWEST_HZ = 1000.0  # below it no MP3 lacks anything
_FLOOR = 10**-6.5
_TIE_DB = 0.01

_Levels = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BandLevels:
    """Powers of bands of 2 kHz, over the mean power of a bin of the original: (planes, bands, frames).

    `above` marks the bands above the edge, (bands,).
    """

    original: _Levels
    others: tuple[_Levels, ...]
    above: NDArray[np.bool_]

    def region(self, name: str) -> NDArray[np.bool_]:
        """Bands that belong to one of `REGIONS`."""
        return self.above if name == "above" else ~self.above


def with_mid_side(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Left, right, mid and side (4, samples) of a stereo signal; a mono one as it is."""
    if signal.shape[0] == 1:
        return signal
    left, right = signal
    return np.stack([left, right, (left + right) / 2, (left - right) / 2])


def band_powers(
    original: NDArray[np.float32],
    others: Sequence[NDArray[np.float32]],
    *,
    sample_rate: int,
    edge_hz: float,
    bandwidth_hz: float,
) -> BandLevels:
    """Analyse an original and restorations of its MP3.

    Parameters
    ----------
    original : ndarray of float32
        Shape (channels, samples).
    others : sequence of array
        Signals of the same shape.
    sample_rate : int
        In Hz.
    edge_hz : float
        Up to where the MP3 holds anything, in Hz.
    bandwidth_hz : float
        Up to where the original is as it was made, in Hz: no band reaches higher.
    """
    highest = min(bandwidth_hz - GUARD_HZ, _HIGHEST_HZ, sample_rate / 2)
    edge = float(np.clip(edge_hz, _LOWEST_HZ, highest))
    below = edge - _BAND_HZ * np.arange(int((edge - _LOWEST_HZ) // _BAND_HZ), -1, -1)
    above = edge + _BAND_HZ * np.arange(1, int((highest - edge) // _BAND_HZ) + 1)
    limits = np.round(np.concatenate([below, above]) * _SIZE / sample_rate).astype(int)
    silence = 1e-20
    spectra = (np.abs(analyse(with_mid_side(s), _SIZE)).astype(np.float64) ** 2 for s in (original, *others))
    first, *rest = (
        np.stack([power[..., a:b].mean(-1) for a, b in pairwise(limits)], axis=1)
        if len(limits) > 1
        else np.zeros((power.shape[0], 0, power.shape[1]))
        for power in spectra
    )
    mean = float((original.astype(np.float64) ** 2).mean()) * _SIZE * 3 / 8 + silence
    return BandLevels(first / mean, tuple(r / mean for r in rest), np.arange(len(limits) - 1) >= len(below) - 1)


def _pooled(powers: _Levels, frames: int) -> _Levels:
    """Levels in dB of averages over so many frames, what is left at the end going without: (planes, bands, n)."""
    count = powers.shape[-1]
    frames = min(frames or count, count)
    pools = count // frames
    mean = powers[..., : pools * frames].reshape(*powers.shape[:-1], pools, frames).mean(-1)
    return np.asarray(10 * np.log10(mean + _FLOOR))


def level_error(levels: BandLevels) -> list[dict[str, float]]:
    """How each band above the edge differs, of the first restoration, averaged over the clip.

    Gives for every plane and band its ``error_db`` (above zero is too bright), and both powers, of which means over
    clips can be compared. Bands that neither signal has are left out.
    """
    rows = []
    original, other = (p.mean(-1) for p in (levels.original, levels.others[0]))
    for plane, band in np.argwhere(np.broadcast_to(levels.above, original.shape)):
        wanted, given = float(original[plane, band]), float(other[plane, band])
        if max(wanted, given) > _FLOOR:
            error = 10 * np.log10((given + _FLOOR) / (wanted + _FLOOR))
            rows.append({"error_db": float(error), "original": wanted, "restored": given})
    return rows


def spread(levels: BandLevels) -> Iterator[tuple[str, int, float, float]]:
    """How far two draws are apart, and a draw from the original, mean differences in dB: (region, pool, apart, off).

    Draws of the distribution of originals are as far apart as off. There must be two draws or more.
    """
    for region in REGIONS:
        bands = levels.region(region)
        if not bands.any():
            continue
        for pool in POOLS:
            wanted, *draws = (_pooled(p[:, bands], pool) for p in (levels.original, *levels.others))
            apart = np.mean([np.abs(a - b).mean() for a, b in combinations(draws, 2)])
            off = np.mean([np.abs(wanted - draw).mean() for draw in draws])
            yield region, pool, float(apart), float(off)


def errors_above(levels: BandLevels, pool: int) -> list[float]:
    """How far each restoration is from the original above the edge, mean differences in dB; none without bands there.

    Parameters
    ----------
    levels : BandLevels
        Original and restorations.
    pool : int
        Frames that are averaged over, as in `POOLS`.
    """
    if not levels.above.any():
        return []
    wanted, *others = (_pooled(p[:, levels.above], pool) for p in (levels.original, *levels.others))
    return [float(np.abs(wanted - other).mean()) for other in others]


def rank_counts(levels: BandLevels, pool: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How often so many of the draws are below the original, (draws + 1,), in bands above the edge.

    The histogram of calibrated draws is flat. Ties are broken at random; where all levels are the same, which is below
    what is heard, nothing is counted.
    """
    wanted, *draws = (_pooled(p[:, levels.above], pool).ravel() for p in (levels.original, *levels.others))
    stack = np.stack(draws)
    differ = np.ptp(np.concatenate([stack, wanted[None]]), axis=0) > _TIE_DB
    jitter = rng.uniform(0, _TIE_DB / 10, stack.shape)
    ranks = (stack + jitter < wanted + rng.uniform(0, _TIE_DB / 10, wanted.shape)).sum(axis=0)[differ]
    return np.bincount(ranks, minlength=len(draws) + 1)
