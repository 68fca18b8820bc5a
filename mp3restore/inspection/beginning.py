"""The beginning of the music in a file."""

from __future__ import annotations

import numpy as np

from mp3restore._typing import Samples
from mp3restore.audio.source import AudioSource

__all__ = ["audible_beginning"]

_AUDIBLE = 1e-3
# Decoded blocks stay in memory until then, and a few kilobytes of a file can hold hours of silence.
_LONGEST_SILENCE_S = 300.0


def audible_beginning(source: AudioSource, seconds: float) -> list[Samples]:
    """Return the blocks of so many seconds from the first audible one on; empty where there is none.

    They are still to come from the source.
    """
    silent = heard = waited = 0

    def enough(block: Samples) -> bool:
        nonlocal silent, heard, waited
        if heard or np.abs(block).max(initial=0) > _AUDIBLE:
            heard += block.shape[1]
        else:
            silent += 1
            waited += block.shape[1]
        return heard >= seconds * source.sample_rate or waited >= _LONGEST_SILENCE_S * source.sample_rate

    return source.peek(enough)[silent:]
