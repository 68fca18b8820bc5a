"""The bitstream of an MP3, and its place in the decoder's output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mp3restore.audio.decode import open_audio
from mp3restore.errors import BitstreamError, DecodeError
from mp3restore.mp3.grid import locate
from mp3restore.mp3.stream import GRANULE_SAMPLES, Mp3Stream, read_stream
from mp3restore.pipeline.consistency import _Block

__all__ = ["Bitstream", "check_complete", "open_bitstream"]

# The granules are looked for where the music begins, within the first minutes; a file's grid does not change.
_LOCATE_SECONDS = 15.0
_LONGEST_INTRO_S = 120.0
_SILENT = 1e-4  # peak
# Share of the lines that must lie on the lattice before the bitstream is believed.
_LEAST_FIT = 0.9
# What a decoder may leave out at the end: padding that the bitstream does not state, a frame that is cut off.
_LONGEST_TAIL = 8 * GRANULE_SAMPLES


@dataclass(frozen=True, slots=True)
class Bitstream:
    """The bitstream of an MP3, and at which sample of the decoder's output granule 0 starts."""

    stream: Mp3Stream
    offset: int


def open_bitstream(path: Path) -> Bitstream | None:
    """Read the bitstream of an MP3 and find its granules in the decoder's output.

    None where the file is no MP3, or what the decoder gives is not what the bitstream says (decoded at another rate,
    damaged throughout, intensity stereo, free format): then nothing can be guaranteed.
    """
    try:
        stream = read_stream(path)
    except BitstreamError:
        return None
    with open_audio(path) as source:
        if (source.sample_rate, source.channels) != (stream.sample_rate, stream.channels):
            return None
        head: list[_Block] = []
        heard = waited = 0
        for block in source.blocks():
            head.append(block)
            heard += block.shape[1] if np.abs(block).max() > _SILENT else 0
            waited += block.shape[1]
            if heard >= _LOCATE_SECONDS * source.sample_rate or waited >= _LONGEST_INTRO_S * source.sample_rate:
                break
    offset, fit = locate(stream, np.concatenate(head, axis=1))
    return Bitstream(stream, offset) if fit >= _LEAST_FIT else None


def check_complete(bitstream: Bitstream, length: int, path: Path) -> None:
    """Refuse a file whose decoder has ended, after `length` samples, long before the frames do.

    That is what decoders do at damaged bytes in the middle, without a word.

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
