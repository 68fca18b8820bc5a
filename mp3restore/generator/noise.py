"""Seeded draws that depend only on seed, variant, channel group and position in the file.

A counter-based generator (Philox 4x64, Salmon et al. 2011) gives each hop block and each frame its own counter, so that
any stretch of a file can be drawn by itself, in any order, on any thread, with the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["CERTAIN", "LARGEST_VARIANT", "LATENT_SPAN", "NoiseSource", "latent_kernel"]

LARGEST_VARIANT = 2**32
"""Well within the 48 bits of the key that group and stream leave for the variant."""

CERTAIN = (0, 0)
"""Seed and variant of the deterministic restoration. No draw has them: variants count from 1."""

LATENT_SPAN = 33
"""Frames over which the latents of a frame are averaged, 0.4 s: an independent z per frame makes the treble flicker."""

_WAVE, _FRAME, _FILE = range(3)  # independent streams of one key
_ORIGIN = 1 << 32  # counters are unsigned; frames and hops before the start of the file are negative
_DRAWS_PER_COUNTER = 4  # 64-bit words that Philox makes per counter


@cache
def latent_kernel() -> NDArray[np.float32]:
    """Return the weights of the average over time, a Hann window that keeps the variance: shape (LATENT_SPAN,)."""
    hann = np.hanning(LATENT_SPAN + 2)[1:-1]
    return (hann / np.linalg.norm(hann)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class NoiseSource:
    """Draws for one group of channels of one variant.

    Parameters
    ----------
    seed : int
        Any integer from 0 to 2**63 - 1.
    variant : int
        Number of the variant, from 1; the draws of variants are independent. 0, in `CERTAIN`, has latents of zero.
    group : int
        Number of the group of channels that are restored together, from 0.
    sign : float
        Factor of the waves: 1, or -1 so that inverted music gets the inverted restoration.
    """

    seed: int
    variant: int
    group: int = 0
    sign: float = 1.0

    def _words(self, stream: int, first: int, count: int, words: int) -> NDArray[np.uint64]:
        """Return `words` 64-bit words for each of `count` positions from `first`: shape (count, words)."""
        counters = -(-words // _DRAWS_PER_COUNTER)
        key = np.array([self.seed, (self.variant << 16) | (self.group << 8) | stream], np.uint64)
        start = np.array([(first + _ORIGIN) * counters, 0, 0, 0], np.uint64)
        raw = np.random.Philox(counter=start, key=key).random_raw(count * counters * _DRAWS_PER_COUNTER)
        return np.asarray(raw).reshape(count, -1)[:, :words]

    def wave(self, first_hop: int, hops: int, hop: int, planes: int) -> NDArray[np.float32]:
        """Return white noise of unit variance, uniformly distributed: shape (planes, hops * hop)."""
        words = self._words(_WAVE, first_hop, hops, planes * hop // 4)
        levels = np.ascontiguousarray(words).view(np.uint16).reshape(hops, planes, hop)
        values = (levels.astype(np.float32) - np.float32(32767.5)) * np.float32(self.sign * 12**0.5 / 65536)
        return np.asarray(values.transpose(1, 0, 2).reshape(planes, hops * hop), dtype=np.float32)

    def frame_latents(self, first_frame: int, frames: int, count: int) -> NDArray[np.float32]:
        """Return standard normal numbers for each frame, drifting over `LATENT_SPAN` frames: shape (frames, count)."""
        if not self.variant:
            return np.zeros((frames, count), np.float32)
        draws = _normal(self._words(_FRAME, first_frame - LATENT_SPAN // 2, frames + LATENT_SPAN - 1, count))
        return np.asarray(sliding_window_view(draws, LATENT_SPAN, axis=0) @ latent_kernel(), dtype=np.float32)

    def file_latents(self, count: int) -> NDArray[np.float32]:
        """Return standard normal numbers for the whole file: shape (count,)."""
        if not self.variant:
            return np.zeros(count, np.float32)
        return _normal(self._words(_FILE, 0, 1, count)).reshape(count)


def _normal(words: NDArray[np.uint64]) -> NDArray[np.float32]:
    # 53 bits, shifted by half a step so that neither 0 nor 1 occurs.
    uniform = ((words >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    return np.asarray(ndtri(uniform), dtype=np.float32)
