"""What a file plays: runs of frames of one kind, silence where frames are lost, and where the music begins and ends.

A decoder follows one kind of frame: version, layer, sample rate, mono or stereo. So each run has a decoder of its own.
Inside a run time is kept: a lost frame is played as silence. A decoder that gets a frame of silence in its place fades
by itself, because the windows of neighbouring granules overlap (11172-3, 2.4.3.4.10).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mp3restore.mp3.frame_header import FrameHeaders
from mp3restore.mp3.info_tag import InfoTag

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DECODER_DELAY: Final = 529
"""Samples by which a decoder's output lags behind the encoder's input: 528 and 1 for the MDCT."""
LOST: Final = -1
"""Position of a frame that stands for a lost one."""

MISCOUNT: Final = 2
"""Frames by which the count of a tag may be wrong; if it is further off, it speaks of something else."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes inside a run that are neither a sound frame nor a tag."""

    position: int
    length: int
    frame: int
    """Index in the run of the first frame behind the sound ones before."""
    lost: int
    """Frames of silence that stand for what was there; 0 where bytes were put between frames that are all there."""


@dataclass(frozen=True, slots=True)
class Part:
    """Frames of a run that one encoder made, as far as tags show."""

    start: int
    stop: int
    tag: InfoTag | None


@dataclass(frozen=True, slots=True)
class Run:
    """Frames that one decoder plays one after the other; every array has one entry per frame."""

    position: NDArray[np.int64]
    """Where the bytes of the frame stand in the file; `LOST` where there are none."""
    size: NDArray[np.int64]
    bits: NDArray[np.int64]
    """The header, see `frame_header.FrameHeaders`; of a lost frame, that of its neighbour."""
    silent: NDArray[np.bool_]
    """Frames that are played as silence: lost, or damaged, or in need of main data that are lost."""
    gaps: tuple[Gap, ...]
    parts: tuple[Part, ...]

    @property
    def headers(self) -> FrameHeaders:
        """The headers of all frames."""
        return FrameHeaders(self.bits)

    @property
    def first(self) -> FrameHeaders:
        """The first header, which says what all have in common; its fields have shape (1,)."""
        return FrameHeaders(self.bits[:1])

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return int(self.first.sample_rate[0])

    @property
    def channels(self) -> int:
        """Number of channels."""
        return 1 if self.first.mono[0] else 2

    @property
    def layer(self) -> int:
        """Layer, 1 to 3."""
        return int(self.first.layer[0])

    @property
    def frame_samples(self) -> int:
        """Samples of every frame."""
        return int(self.first.samples[0])

    @property
    def kbps(self) -> float:
        """Mean bitrate of the frames that are there."""
        sizes = self.size[self.position != LOST]
        return float(sizes.mean()) * 8 / 1000 * self.sample_rate / self.frame_samples if sizes.size else 0.0

    def music(self) -> list[tuple[int, int]]:
        """Return the samples of the decoder's output that are music, as ranges in order.

        Encoder delay and padding are left out as the tag of each part states them. Padding counts only where the tag's
        number of frames is right: else it speaks of another end.
        """
        ranges: list[tuple[int, int]] = []
        samples = self.frame_samples
        for part in self.parts:
            start, stop, tag = part.start * samples, part.stop * samples, part.tag
            if tag is not None and tag.encoder_delay is not None:
                start += tag.encoder_delay + DECODER_DELAY
                if tag.frames is not None and abs(tag.frames - (part.stop - part.start)) <= MISCOUNT:
                    stop -= max(0, (tag.padding or 0) - DECODER_DELAY)
            if ranges and ranges[-1][1] == start:
                ranges[-1] = (ranges[-1][0], stop)
            elif start < stop:
                ranges.append((start, stop))
        return ranges
