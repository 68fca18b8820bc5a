"""Ogg files of several links, as radio streams and joined files have them; libsndfile plays the first alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mp3restore._typing import Samples
from mp3restore.audio.input import InputFile, PartOfFile
from mp3restore.audio.joining import main_kind, with_channels
from mp3restore.audio.run_decoder import BLOCK_SECONDS, Sequential
from mp3restore.audio.source import AudioSource
from mp3restore.dsp.resample import resample_stream, resampled_length

__all__ = ["ChainedOggSource", "find_links"]

_CAPTURE = b"OggS"
_PAGE_HEAD_BYTES = 27
_FIRST_PAGE = 2  # header type flag: beginning of a logical stream (RFC 3533, 6)
_SPAN = 1 << 22


def find_links(file: InputFile) -> list[tuple[int, int]]:
    """Return the byte ranges of the links of an Ogg file: each begins with the first pages of its streams."""
    starts: list[int] = []
    in_head = False
    for base in range(0, file.size, _SPAN):
        data = file.read_bytes(base, base + _SPAN + _PAGE_HEAD_BYTES)
        at = data.find(_CAPTURE)
        while 0 <= at < _SPAN and at + _PAGE_HEAD_BYTES <= len(data):
            # Version 0, and no flags but the three that there are.
            if data[at + 4] == 0 and data[at + 5] < 8:
                first = bool(data[at + 5] & _FIRST_PAGE)
                if first and not in_head:
                    starts.append(base + at)
                in_head = first
            at = data.find(_CAPTURE, at + 1)
    return list(zip(starts, [*starts[1:], file.size], strict=True))


class ChainedOggSource(AudioSource):
    """All links of an Ogg file, one after the other, at the rate and with the channels of most of the music."""

    lossless = False

    def __init__(self, file: InputFile, links: list[tuple[int, int]]) -> None:
        super().__init__(file)
        self._links = [Sequential(PartOfFile(file, start=start, end=end)) for start, end in links]
        kinds = [(link.samplerate, link.channels) for link in self._links]
        seconds = [link.frames / link.samplerate for link in self._links]
        self.sample_rate, self.channels = main_kind(kinds, seconds)
        self.frames = sum(resampled_length(link.frames, link.samplerate, self.sample_rate) for link in self._links)
        self._seconds: float = sum(seconds)
        self.decoder = f"libsndfile, OGG {self._links[0].subtype}, {len(links)} links"

    @property
    def kbps(self) -> float:
        """Mean bitrate."""
        return float(self.file.size * 8 / 1000 / max(self._seconds, 1e-3))

    def _decode(self) -> Iterator[Samples]:
        for link in self._links:
            blocks = (with_channels(block, self.channels) for block in _blocks(link))
            yield from resample_stream(blocks, link.samplerate, self.sample_rate)

    def close(self) -> None:
        """Close the decoders and the file."""
        for link in self._links:
            link.close()
        super().close()


def _blocks(link: Sequential) -> Iterator[Samples]:
    while len(block := link.read(int(BLOCK_SECONDS * link.samplerate), dtype="float32", always_2d=True)):
        yield np.ascontiguousarray(block.T)
