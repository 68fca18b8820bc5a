"""Files that were joined of parts of different rates or numbers of channels."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from mp3restore._typing import Samples

__all__ = ["main_kind", "with_channels"]


def main_kind(kinds: list[tuple[int, int]], seconds: list[float]) -> tuple[int, int]:
    """Return the sample rate and number of channels that most of the music has; of equals the first."""
    total: dict[tuple[int, int], float] = defaultdict(float)
    for kind, length in zip(kinds, seconds, strict=True):
        total[kind] += length
    return max(total, key=lambda kind: total[kind])


def with_channels(block: Samples, channels: int) -> Samples:
    """Bring a block to a number of channels: of more than one their mean, of one copies."""
    if block.shape[0] == channels:
        return block
    mono: Samples = block.mean(axis=0, keepdims=True)
    return np.repeat(mono, channels, axis=0)
