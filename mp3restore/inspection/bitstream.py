"""The bitstream of an MP3, and where its granules lie in the decoder's output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mp3restore._typing import Samples
from mp3restore.audio.source import AudioSource
from mp3restore.errors import BitstreamError, DecodeError
from mp3restore.mp3.grid import locate
from mp3restore.mp3.stream import GRANULE_SAMPLES, Mp3Stream, parse_stream

__all__ = ["LEAST_FIT", "Bitstream", "check_complete", "open_bitstream"]

LEAST_FIT = 0.9
"""Share of the lines that must lie on the lattice before the bitstream is believed."""

# The granules are looked for where the music begins, within the first minutes; a file's grid does not change.
_LOCATE_SECONDS = 15.0
_LONGEST_INTRO_S = 120.0
_SILENT = 1e-4  # peak
# Samples that a decoder may leave out at the end: padding that no tag states, or a frame that is cut off.
_LONGEST_TAIL = 8 * GRANULE_SAMPLES


@dataclass(frozen=True, slots=True)
class Bitstream:
    """The bitstream of an MP3, and the sample of the decoder's output at which granule 0 starts.

    Attributes
    ----------
    stream : Mp3Stream
        What the bitstream says.
    offset : int
        First sample of granule 0; negative where the decoder trims the encoder's delay.
    fit : float
        Share of the lines that lie on the lattice there, 0 to 1.
    """

    stream: Mp3Stream
    offset: int
    fit: float

    @property
    def believed(self) -> bool:
        """Whether the decoder's output is what the bitstream says."""
        return self.fit >= LEAST_FIT


class _Music:
    """Counts the audible seconds of a beginning, until there are enough to find the granules in."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._heard = self._waited = 0

    def enough(self, block: Samples) -> bool:
        self._heard += block.shape[1] if np.abs(block).max() > _SILENT else 0
        self._waited += block.shape[1]
        return self._heard >= _LOCATE_SECONDS * self._rate or self._waited >= _LONGEST_INTRO_S * self._rate


def open_bitstream(source: AudioSource) -> Bitstream | None:
    """Read the bitstream of an MP3 and find its granules in the decoder's output.

    Parameters
    ----------
    source : AudioSource
        The open file. Its beginning is decoded here; `AudioSource.blocks` yields it again.

    Returns
    -------
    Bitstream or None
        None where the file is not an MP3, or is decoded at another rate than it has. Whether the output is what the
        bitstream says is for `Bitstream.believed` to tell.
    """
    file = source.file
    try:
        stream = parse_stream(file.read(0, file.size), file.read)
    except BitstreamError:
        return None
    if (source.sample_rate, source.channels) != (stream.sample_rate, stream.channels):
        return None
    head = source.peek(_Music(source.sample_rate).enough)
    return Bitstream(stream, *locate(stream, np.concatenate(head, axis=1)))


def check_complete(bitstream: Bitstream, length: int, path: Path) -> None:
    """Refuse a file whose decoder has ended, after `length` samples, long before the frames do.

    Decoders do that at damaged bytes in the middle, without a word.

    Raises
    ------
    DecodeError
        If music is missing.
    """
    stream = bitstream.stream
    end = bitstream.offset + GRANULE_SAMPLES * stream.granules - (stream.padding or 0)
    if length < end - _LONGEST_TAIL:
        raise DecodeError(
            f"is damaged after {length / stream.sample_rate:.1f} s",
            path=path,
            hint="'ffmpeg -i FILE -c copy REPAIRED' drops the damaged frames",
        )
