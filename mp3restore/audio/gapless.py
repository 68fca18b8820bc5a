"""Where the music begins and ends in an MP3 of iTunes, which says so in a comment instead of a tag frame."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import mutagen
import numpy as np
from mutagen.id3 import ID3
from numpy.typing import NDArray

from mp3restore.audio.input import InputFile

__all__ = ["Gapless", "read_itunes_gapless"]

_COMMENT = re.compile(r"\s*[0-9A-Fa-f]{8} ([0-9A-Fa-f]{8}) ([0-9A-Fa-f]{8}) ([0-9A-Fa-f]{16})\b")
_DECODER_DELAY = 529  # of every layer III decoder, as in the LAME tag's specification
_LARGEST_DELAY = 1 << 14


@dataclass(frozen=True, slots=True)
class Gapless:
    """The music within what a decoder gives: `length` samples from `start` on."""

    start: int
    length: int

    def cut(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Cut blocks of shape (channels, n) to the music."""
        before, left = self.start, self.length
        for block in blocks:
            kept = block[:, before : before + left]
            before = max(0, before - block.shape[1])
            left -= kept.shape[1]
            if kept.shape[1]:
                yield kept


def read_itunes_gapless(file: InputFile) -> Gapless | None:
    """Read the comment "iTunSMPB" of an MP3; None if it has none that makes sense."""
    try:
        comments = ID3(file.view()).getall("COMM")
    except (mutagen.MutagenError, OSError, ValueError):
        return None
    for comment in comments:
        found = _COMMENT.match(str(comment)) if comment.desc == "iTunSMPB" else None
        if found is not None:
            delay, _, length = (int(number, 16) for number in found.groups())
            return Gapless(delay + _DECODER_DELAY, length) if length and delay < _LARGEST_DELAY else None
    return None
