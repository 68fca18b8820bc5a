"""Results of restorations, of files and in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Damage", "FileResult", "Restoration", "StreamMetadata"]


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of a file without readable sound, and the silence in its place.

    Attributes
    ----------
    position, length : int
        Position and length in bytes of the file.
    seconds : float
        Position in the decoded music in seconds.
    silence_s : float
        Seconds of silence in its place; 0 if no sound is known to be missing.
    """

    position: int
    length: int
    seconds: float
    silence_s: float


@dataclass(frozen=True, slots=True)
class StreamMetadata:
    """Titles of songs that a radio server put between the bytes of a saved stream; they are left out of the music.

    Attributes
    ----------
    interval : int
        Bytes of music from one place to the next.
    places : int
        Number of places, most of them without a title.
    bytes : int
        Bytes that they take in all.
    titles : tuple of str
        The titles in order; repetitions are left out.
    """

    interval: int
    places: int
    bytes: int
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileResult:
    """The result of restoring one file.

    Attributes
    ----------
    source, target : Path
        The input file, and the file that was written.
    frames : int
        Length of the result in samples.
    sample_rate : int
        Rate of the result in Hz.
    channels : int
        Number of channels.
    peak : float
        Largest magnitude of the restored music, full scale 1.0.
    gain_db : float
        Gain in dB that was applied to keep the peak below full scale; 0.0 where none was needed.
    seconds : float
        Duration of the run.
    decoder : str
        Name of the decoder, and of the format that it decoded.
    model : str
        Name of the model.
    seed, variant : int
        Seed and variant of the draw.
    strength : float
        How far the result went from the input (0.0) to the restoration (1.0).
    consistent : bool
        Whether the restoration was held to the bitstream of an MP3.
    device : str
        Device that the generator ran on.
    source_kbps : float or None
        Bitrate of the input in kbit/s if it is an MP3.
    warnings : tuple of str
        Warnings about the input or the result.
    damage : tuple of Damage
        Stretches of the input without readable sound.
    stream_metadata : StreamMetadata or None
        What was taken out of the input if it is a saved radio stream.
    """

    source: Path
    target: Path
    frames: int
    sample_rate: int
    channels: int
    peak: float
    gain_db: float
    seconds: float
    decoder: str
    model: str
    seed: int
    variant: int
    strength: float
    consistent: bool
    device: str
    source_kbps: float | None
    warnings: tuple[str, ...]
    damage: tuple[Damage, ...] = ()
    stream_metadata: StreamMetadata | None = None

    @property
    def duration(self) -> float:
        """Length of the music in seconds."""
        return self.frames / self.sample_rate

    @property
    def speed(self) -> float:
        """Seconds of music per second of work."""
        return self.duration / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """A restored piece of music.

    Attributes
    ----------
    samples : ndarray of float32
        Shape (channels, samples), or (samples,) if the input had that shape. Peaks may be above 1.0.
    sample_rate : int
        Rate in Hz.
    model : str
        Name of the model.
    seed, variant : int
        Seed and variant of the draw.
    strength : float
        How far the samples went from the input (0.0) to the restoration (1.0).
    held : bool
        Whether the samples are held to a bitstream.
    device : str
        Device that the generator ran on.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    model: str
    seed: int
    variant: int
    strength: float
    held: bool
    device: str
