"""The audible contents of a file: runs of frames of one kind, silence for lost frames, and the range of the music.

A decoder follows one kind of frame: version, layer, sample rate, mono or stereo. So each run has its own decoder.
Inside a run the timing is kept: a lost frame is played as silence. A decoder that gets a frame of silence in its place
fades by itself, because the windows of neighbouring granules overlap (11172-3, 2.4.3.4.10).
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
"""Position of a frame that replaces a lost one."""

MISCOUNT: Final = 2
"""Number of frames by which the count of a tag may be wrong; if it is further off, it describes something else."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes inside a run that are neither a sound frame nor a tag."""

    position: int
    length: int
    frame: int
    """Index in the run of the first frame after the sound ones before the gap."""
    lost: int
    """Number of frames of silence that replace lost frames; 0 if bytes were inserted and no frame is missing."""


@dataclass(frozen=True, slots=True)
class Part:
    """Frames of a run that, according to the tags, one encoder made."""

    start: int
    stop: int
    tag: InfoTag | None


@dataclass(frozen=True, slots=True)
class Run:
    """Frames that one decoder plays in order; every array has one entry per frame."""

    position: NDArray[np.int64]
    """Position of the frame in the file, or `LOST`."""
    size: NDArray[np.int64]
    bits: NDArray[np.int64]
    """The header, see `frame_header.FrameHeaders`; for a lost frame, that of its neighbour."""
    silent: NDArray[np.bool_]
    """Whether the frame is played as silence: it is lost or damaged, or it needs main data that is lost."""
    gaps: tuple[Gap, ...]
    parts: tuple[Part, ...]

    @property
    def headers(self) -> FrameHeaders:
        """The headers of all frames."""
        return FrameHeaders(self.bits)

    @property
    def first(self) -> FrameHeaders:
        """The first header, for the fields that all frames have in common; these have shape (1,)."""
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
        """Number of samples per frame."""
        return int(self.first.samples[0])

    @property
    def kbps(self) -> float:
        """Mean bitrate in kbit/s of the frames that are not lost."""
        sizes = self.size[self.position != LOST]
        return float(sizes.mean()) * 8 / 1000 * self.sample_rate / self.frame_samples if sizes.size else 0.0

    def silent_around(self, gap: Gap) -> int:
        """Return how many frames at a gap are silent: the lost ones, and those beside them that cannot be decoded."""
        start = stop = gap.frame
        while start > 0 and self.silent[start - 1]:
            start -= 1
        while stop < self.silent.size and self.silent[stop]:
            stop += 1
        return stop - start

    def music(self) -> list[tuple[int, int]]:
        """Return the ranges of the decoder's output that are music, in samples and in order.

        Encoder delay and padding are left out as the tag of each part states them. Padding counts only if the tag's
        number of frames is right: otherwise it belongs to a different end.
        """
        ranges: list[tuple[int, int]] = []
        samples = self.frame_samples
        for part in self.parts:
            start, stop, tag = part.start * samples, part.stop * samples, part.tag
            if tag is not None and tag.trims:
                start += (tag.encoder_delay or 0) + DECODER_DELAY
                if tag.frames is not None and abs(tag.frames - (part.stop - part.start)) <= MISCOUNT:
                    stop -= max(0, (tag.padding or 0) - DECODER_DELAY)
            if ranges and ranges[-1][1] == start:
                ranges[-1] = (ranges[-1][0], stop)
            elif start < stop:
                ranges.append((start, stop))
        return ranges
