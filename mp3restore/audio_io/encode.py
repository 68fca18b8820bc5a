"""Writing audio files: quantisation, dither, FLAC and WAV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Literal, Protocol, get_args

import numpy as np
import soundfile
from numpy.typing import NDArray

from mp3restore.audio_io.wav import WavWriter
from mp3restore.errors import UsageError

__all__ = ["AudioWriter", "BitDepth", "Container", "OutputFormat", "open_writer", "quantise"]

Container = Literal["wav", "flac"]
BitDepth = Literal["16", "24", "32f"]

# Any number does; it is fixed so that the same audio always gives the same file.
_DITHER_KEY = 0x6D7033726573746F
_WORDS_PER_COUNT = 4  # 64-bit words that Philox4x64 makes of one counter value


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """Container and sample format of a result.

    Raises
    ------
    UsageError
        If there is no such format.
    """

    container: Container = "flac"
    bit_depth: BitDepth = "24"

    def __post_init__(self) -> None:
        if self.container not in get_args(Container):
            raise UsageError(f"unknown format '{self.container}'", hint="use wav or flac")
        if self.bit_depth not in get_args(BitDepth):
            raise UsageError(f"unknown bit depth '{self.bit_depth}'", hint="use 16, 24 or 32f")
        if self.container == "flac" and self.is_float:
            raise UsageError("FLAC cannot hold 32-bit float samples", hint="use WAV, or a bit depth of 24")

    @property
    def is_float(self) -> bool:
        """Whether samples are stored as float, which can hold peaks above full scale."""
        return self.bit_depth == "32f"

    @property
    def bits(self) -> int:
        """Bits per sample."""
        return 32 if self.is_float else int(self.bit_depth)


class AudioWriter(Protocol):
    """What takes the blocks of one file."""

    def write(self, block: NDArray[np.float32]) -> None:
        """Append a block of shape (channels, samples)."""

    def close(self) -> None:
        """Complete the file, but leave it open."""


def _triangular(first_sample: int, count: int) -> NDArray[np.float32]:
    """Triangular noise on (-1, 1), a fixed function of the sample's position, shape (count,)."""
    lead = first_sample % _WORDS_PER_COUNT
    stream = np.random.Philox(key=_DITHER_KEY, counter=first_sample // _WORDS_PER_COUNT)
    halves = stream.random_raw(lead + count)[lead:].view(np.uint32).reshape(count, 2)
    # Two rectangular numbers of one 64-bit word; 2^-32 brings each to (0, 1).
    return (halves.astype(np.float32).sum(axis=1) * np.float32(2.0**-32) - 1).astype(np.float32)


def quantise(block: NDArray[np.float32], bits: int, first_sample: int) -> NDArray[np.int32]:
    """Round to integers of `bits` bits, at 16 bits with TPDF dither of two steps peak to peak.

    The dither depends only on the position in the file, so neither block sizes nor threads change a bit of the
    result. It is the same in all channels, so that identical channels stay identical, and left out at samples that
    are exactly zero, so that digital silence stays silent.

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
        steps += np.where(block == 0, np.float32(0), _triangular(first_sample, block.shape[1]))
    np.rint(steps, out=steps)
    return np.clip(steps, -scale, scale - 1, out=steps).astype(np.int32)


class _ErrorKeeper:
    """Keeps the error of a write that libsndfile asks for, which its callback cannot pass on."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None
        self.seek = file.seek
        self.tell = file.tell
        self.read = file.read

    def write(self, data: bytes) -> int:
        """Write and return the number of bytes; 0 makes libsndfile stop."""
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            return 0


class _FlacWriter:
    """Writes FLAC through libsndfile."""

    def __init__(self, file: BinaryIO, *, sample_rate: int, channels: int, bits: int) -> None:
        self._keeper = _ErrorKeeper(file)
        self._bits = bits
        try:
            self._flac = soundfile.SoundFile(
                self._keeper, "w", sample_rate, channels, subtype=f"PCM_{bits}", format="FLAC"
            )
        except soundfile.LibsndfileError as error:
            raise self._keeper.error or UsageError(
                f"FLAC cannot hold {channels} channels at {sample_rate} Hz", hint="use WAV"
            ) from error

    def write(self, block: NDArray[np.int32]) -> None:
        # libsndfile takes the upper bits of a 32-bit integer.
        try:
            self._flac.write(np.ascontiguousarray(block.T) << (32 - self._bits))
        except soundfile.LibsndfileError as error:
            raise self._keeper.error or OSError(f"the FLAC encoder failed: {error}") from error
        self._check()

    def close(self) -> None:
        try:
            self._flac.close()
        except soundfile.LibsndfileError as error:
            raise self._keeper.error or OSError(f"the FLAC encoder failed: {error}") from error
        self._check()

    def _check(self) -> None:
        if self._keeper.error is not None:
            raise self._keeper.error


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
    if output_format.container == "flac":
        return _PcmWriter(_FlacWriter(file, sample_rate=sample_rate, channels=channels, bits=bits), bits)
    wav = WavWriter(file, sample_rate=sample_rate, channels=channels, bits=bits)
    return wav if output_format.is_float else _PcmWriter(wav, bits)
