"""The beginning of the music in a file."""

from __future__ import annotations

import numpy as np

from mp3restore._typing import Samples
from mp3restore.audio.source import AudioSource

__all__ = ["audible_beginning"]

_AUDIBLE = 1e-3


def audible_beginning(source: AudioSource, seconds: float) -> list[Samples]:
    """Return the blocks of so many seconds from the first audible one on; empty where there is none.

    They are still to come from the source.
    """
    silent = heard = 0

    def enough(block: Samples) -> bool:
        nonlocal silent, heard
        if heard or np.abs(block).max(initial=0) > _AUDIBLE:
            heard += block.shape[1]
        else:
            silent += 1
        return heard >= seconds * source.sample_rate

    return source.peek(enough)[silent:]
