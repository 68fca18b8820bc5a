"""Writing audio files: quantisation, dither, FLAC, WAV, and formats that lose something."""

from __future__ import annotations

from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from mp3restore.audio.lossy import LossyWriter
from mp3restore.audio.sink import SoundSink
from mp3restore.audio.wav import WavWriter
from mp3restore.job import LOSSY, OutputFormat

__all__ = ["AudioWriter", "open_writer", "quantise"]

# Any number does; it is fixed so that the same audio always gives the same file.
_DITHER_KEY = 0x6D7033726573746F
# Level 3 of 8, a third faster than libsndfile's 5 and one hundredth larger.
_FLAC_LEVEL = 0.375
_WORDS_PER_COUNT = 4  # 64-bit words that Philox4x64 makes of one counter value


class AudioWriter(Protocol):
    """What takes the blocks of one file."""

    def write(self, block: NDArray[np.float32]) -> None:
        """Append a block of shape (channels, samples)."""

    def close(self) -> None:
        """Complete the file, but leave it open."""

    def discard(self) -> None:
        """Write nothing more and let go of everything; also right after `close`."""


def _triangular(first_sample: int, count: int) -> NDArray[np.float32]:
    """Triangular noise on (-1, 1), a fixed function of the sample's position, shape (count,)."""
    lead = first_sample % _WORDS_PER_COUNT
    stream = np.random.Philox(key=_DITHER_KEY, counter=first_sample // _WORDS_PER_COUNT)
    words: NDArray[np.uint64] = np.asarray(stream.random_raw(lead + count), dtype=np.uint64)[lead:]
    # Each half of a word becomes a rectangular number on (0, 1); their sum is triangular on (0, 2).
    halves = words.view(np.uint32).reshape(count, 2).astype(np.float32) * np.float32(2.0**-32)
    noise: NDArray[np.float32] = halves[:, 0] + halves[:, 1] - np.float32(1)
    return noise


def quantise(block: NDArray[np.float32], bits: int, first_sample: int) -> NDArray[np.int32]:
    """Round to integers of `bits` bits, at 16 bits with TPDF dither of two steps peak to peak.

    The dither depends only on the position in the file, so neither block sizes nor threads change a bit of the
    result. It is the same in all channels, so that identical channels stay identical, and left out at samples that
    need no rounding, so that digital silence stays silent and 16-bit music that was left alone stays as it is.

    Parameters
    ----------
    block : ndarray of float32, shape (channels, samples)
        Full scale 1.0; what lies outside is limited.
    bits : {16, 24}
        Bits per sample.
    first_sample : int
        Position of the block in the file.

    Returns
    -------
    ndarray of int32, shape (channels, samples)
        Between -2^(bits - 1) and 2^(bits - 1) - 1.
    """
    scale = np.float32(2 ** (bits - 1))
    steps = block * scale
    if bits == 16:
        steps += np.where(steps == np.rint(steps), np.float32(0), _triangular(first_sample, block.shape[1]))
    np.rint(steps, out=steps)
    return np.clip(steps, -scale, scale - 1, out=steps).astype(np.int32)


class _FlacWriter:
    """Writes integers as FLAC."""

    def __init__(self, file: BinaryIO, *, sample_rate: int, channels: int, bits: int) -> None:
        self._bits = bits
        self._sink = SoundSink(
            file, "FLAC", sample_rate=sample_rate, channels=channels, hint="use WAV",
            format="FLAC", subtype=f"PCM_{bits}", compression_level=_FLAC_LEVEL,
        )  # fmt: skip
        self.close, self.discard = self._sink.close, self._sink.discard

    def write(self, block: NDArray[np.int32]) -> None:
        # libsndfile takes the upper bits of a 32-bit integer.
        self._sink.write(np.ascontiguousarray(block.T) << (32 - self._bits))


class _PcmWriter:
    """Quantises on the way to an integer format."""

    def __init__(self, writer: _FlacWriter | WavWriter, bits: int) -> None:
        self._writer = writer
        self._bits = bits
        self._done = 0

    def write(self, block: NDArray[np.float32]) -> None:
        self._writer.write(quantise(block, self._bits, self._done))
        self._done += block.shape[1]

    def close(self) -> None:
        self._writer.close()

    def discard(self) -> None:
        self._writer.discard()


def open_writer(file: BinaryIO, output_format: OutputFormat, *, sample_rate: int, channels: int) -> AudioWriter:
    """Begin a file of `output_format` at the position 0 of `file`, which must be seekable.

    Raises
    ------
    UsageError
        If the format cannot hold this number of channels (1 to 8 always fit) at `sample_rate` (Hz).
    OSError
        If writing fails; also by every method of the writer.
    """
    bits = output_format.bits
    if output_format.container in LOSSY:
        return LossyWriter(file, output_format.container, sample_rate=sample_rate, channels=channels)
    if output_format.container == "flac":
        return _PcmWriter(_FlacWriter(file, sample_rate=sample_rate, channels=channels, bits=bits), bits)
    wav = WavWriter(file, sample_rate=sample_rate, channels=channels, bits=bits)
    return wav if output_format.is_float else _PcmWriter(wav, bits)
