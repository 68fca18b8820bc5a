"""Seeded draws that depend only on seed, variant, channel group and position in the file.

A counter-based generator (Philox 4x64, Salmon et al. 2011) gives each hop block and each frame its own counter, so that
any stretch of a file can be drawn by itself, in any order, on any thread, with the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["CERTAIN", "LARGEST_VARIANT", "NoiseSource"]

LARGEST_VARIANT = 2**32
"""Well within the 48 bits of the key that group and stream leave for the variant."""

CERTAIN = (0, 0)
"""Seed and variant of the deterministic restoration. No draw has them: variants count from 1."""

_WAVE, _LATENTS = range(2)  # independent streams of one key
_NORMAL = NormalDist()
_ORIGIN = 1 << 32  # counters are unsigned; frames and hops before the start of the file are negative
_DRAWS_PER_COUNTER = 4  # 64-bit words that Philox makes per counter


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
    variety : float
        Factor of z, 0 or more.
    """

    seed: int
    variant: int
    group: int = 0
    sign: float = 1.0
    variety: float = 1.0

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

    def latents(self, count: int) -> NDArray[np.float32]:
        """Return z, which holds for the whole file: standard normal numbers times `variety`, shape (count,)."""
        if not self.variant:
            return np.zeros(count, np.float32)
        return _normal(self._words(_LATENTS, 0, 1, count)).reshape(count) * np.float32(self.variety)


def _normal(words: NDArray[np.uint64]) -> NDArray[np.float32]:
    # 53 bits, shifted by half a step so that neither 0 nor 1 occurs.
    uniform = ((words >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    return np.array([_NORMAL.inv_cdf(each) for each in uniform.ravel().tolist()], np.float32).reshape(uniform.shape)
