"""Writing Opus, Vorbis and MP3: smaller than WAV and FLAC, and coded once more.

Their encoders are those of libsndfile, which keep the exact length: Ogg by its positions, MP3 by the tag of LAME.
"""

from __future__ import annotations

import zlib
from typing import Any, BinaryIO, Final

import numpy as np
from mutagen.ogg import OggPage
from numpy.typing import NDArray

from mp3restore.audio.sink import SoundSink
from mp3restore.job import Container

__all__ = ["LossyWriter", "number_by_content"]

# Format and encoder of libsndfile, and its compression level, 0 (largest) to 1.
_ENCODERS: Final[dict[Container, tuple[str, str, dict[str, Any]]]] = {
    "opus": ("OGG", "OPUS", {"compression_level": 0.7}),  # about 160 kbit/s in stereo
    "ogg": ("OGG", "VORBIS", {"compression_level": 0.4}),  # quality 6, about 160 kbit/s
    "mp3": ("MP3", "MPEG_LAYER_III", {"compression_level": 0.0, "bitrate_mode": "VARIABLE"}),  # LAME's V0
}
# libsndfile's encoder of Vorbis needs much of the stack for a long block.
_MOST_SAMPLES = 4096


class LossyWriter:
    """Writes one file; the methods are those of `encode.AudioWriter`.

    Raises
    ------
    UsageError
        If the format cannot hold so many channels at this rate.
    """

    def __init__(self, file: BinaryIO, container: Container, *, sample_rate: int, channels: int) -> None:
        kind, encoder, options = _ENCODERS[container]
        self._file = file
        self._ogg = kind == "OGG"
        self._sink = SoundSink(
            file, container, sample_rate=sample_rate, channels=channels, hint="use FLAC or WAV",
            format=kind, subtype=encoder, **options,
        )  # fmt: skip

    def write(self, block: NDArray[np.float32]) -> None:
        """Append a block of shape (channels, samples), full scale 1.0."""
        frames = np.ascontiguousarray(block.T)
        for start in range(0, len(frames), _MOST_SAMPLES):
            self._sink.write(frames[start : start + _MOST_SAMPLES])

    def close(self) -> None:
        """Complete the file, but leave it open."""
        self._sink.close()
        if self._ogg:
            number_by_content(self._file)

    def discard(self) -> None:
        """Write nothing more and let go of everything; also right after `close`."""
        self._sink.discard()


def number_by_content(file: BinaryIO) -> None:
    """Give a logical stream of Ogg a serial number that follows from its contents, in place.

    libsndfile draws it from the clock, and the same seed would not give the same file. Two different results should not
    have the same, so that they can be chained.
    """
    offsets: list[int] = []
    serial = 0
    file.seek(0)
    while True:
        try:
            page = OggPage(file)
        except EOFError:
            break
        for packet in page.packets:
            serial = zlib.crc32(packet, serial)
        offsets.append(page.offset)
    for offset in offsets:
        file.seek(offset)
        page = OggPage(file)
        page.serial = serial
        file.seek(offset)
        file.write(page.write())
    file.seek(0, 2)
