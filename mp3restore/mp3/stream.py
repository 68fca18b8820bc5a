"""The public face of the bitstream reader: what an MP3 says about every granule."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from mp3restore.errors import BitstreamError
from mp3restore.mp3.headers import MODE_JOINT, FrameTable, find_frames
from mp3restore.mp3.scalefactors import gather_main_data, quantiser_exponents
from mp3restore.mp3.sideinfo import SideInfo, read_side_info
from mp3restore.mp3.tables import (
    LINES,
    LONG_LAYOUT,
    MIXED_LAYOUT,
    SHORT_BLOCK,
    SHORT_LAYOUT,
    line_of_position,
    mixed_is_defined,
    slot_of_line,
)
from mp3restore.mp3.tags import InfoTag, RateMode, read_info_tag, tag_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

Version = Literal["1", "2", "2.5"]

GRANULE_SAMPLES: Final = 576
_VERSIONS: Final[dict[int, Version]] = {0: "2.5", 2: "2", 3: "1"}


@dataclass(frozen=True, slots=True)
class Mp3Stream:
    """What the bitstream of one MP3 file says; arrays have shape (granules,) or (granules, channels, ...).

    A leading Xing, Info or VBRI frame is not among the frames: decoders do not play it.
    """

    sample_rate: int
    channels: int
    version: Version
    frames: int
    granules: int
    kbps: float
    """Mean bitrate of the frames."""
    rate_mode: RateMode
    encoder: str | None
    lowpass_hz: int | None
    """Low-pass that the encoder states; None where it states none."""
    encoder_delay: int | None
    """Samples before the music, by the tag; None without a tag, and then decoders do not trim."""
    padding: int | None
    """Samples after the music, by the tag."""
    skipped_bytes: int
    """Bytes between frames that belong to none."""
    known: NDArray[np.bool_]
    """Granules that could be read; all other arrays mean nothing where this is False."""
    ms: NDArray[np.bool_]
    """Granules coded as (L + R) / sqrt(2) and (L - R) / sqrt(2)."""
    intensity: NDArray[np.bool_]
    """Granules with intensity stereo, whose right channel is in part a copy of the left."""
    block_type: NDArray[np.uint8]
    """0 long, 1 start, 2 short, 3 stop; shape (granules, channels)."""
    mixed: NDArray[np.bool_]
    """The two lowest sub-bands have long blocks of type 0; shape (granules, channels)."""
    global_gain: NDArray[np.uint8]
    exponents: NDArray[np.int16]
    """Quantiser steps in quarters of an octave, shape (granules, channels, 39); see ``tables`` for the slots."""
    edge_bound: NDArray[np.int16]
    """No line from here on can be other than zero; shape (granules, channels), 0 to 576."""
    granule_samples: int = GRANULE_SAMPLES

    @property
    def joint_stereo_share(self) -> float:
        """Share of the known granules that use M/S or intensity stereo, 0 to 1."""
        joint = (self.ms | self.intensity)[self.known]
        return float(joint.mean()) if joint.size else 0.0

    @property
    def duration_s(self) -> float:
        """Length of all frames in seconds, encoder delay and padding included."""
        return self.granules * self.granule_samples / self.sample_rate

    @property
    def layout(self) -> NDArray[np.uint8]:
        """Band layout of ``tables`` (long, short or mixed), shape (granules, channels)."""
        return band_layout(self.block_type, self.mixed)

    def steps(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Return quantiser steps of granules ``start`` to ``stop``, shape (n, channels, 39), at full scale 1.0."""
        return np.exp2(self.exponents[start:stop].astype(np.float32) / 4)

    def line_steps(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Return the quantiser step of every line of granules ``start`` to ``stop``, shape (n, channels, 576)."""
        slots = slot_of_line(self.sample_rate)[band_layout(self.block_type[start:stop], self.mixed[start:stop])]
        return np.take_along_axis(self.steps(start, stop), slots, axis=-1)


def band_layout(block_type: NDArray[np.uint8], mixed: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the band layout that block types and mixed flags imply, same shape."""
    short = np.where(mixed, np.uint8(MIXED_LAYOUT), np.uint8(SHORT_LAYOUT))
    return np.where(block_type == SHORT_BLOCK, short, np.uint8(LONG_LAYOUT))


def _edge_bound(side: SideInfo, sample_rate: int) -> NDArray[np.int16]:
    """Bound the coded region from above without Huffman decoding, shape of ``part2_3_length``.

    The shortest code of a quadruple of the count1 region has 1 bit in table A and 4 in table B (11172-3, B.7).
    """
    shortest = np.where(side.count1_table == 1, 4, 1)
    position = np.minimum(2 * side.big_values + 4 * (side.part2_3_length // shortest), LINES)
    position = np.where(side.part2_3_length == 0, 0, position)
    reached = np.maximum.accumulate(line_of_position(sample_rate) + 1, axis=1)
    bound = np.concatenate([np.zeros((3, 1), dtype=np.int64), reached], axis=1)
    return bound[side.layout, position].astype(np.int16)


def _rate_mode(frames: FrameTable, tag: InfoTag | None) -> RateMode:
    if tag is not None and tag.rate_mode is not None:
        return tag.rate_mode
    return "cbr" if np.all(frames.kbps == frames.kbps[0]) else "vbr"


def parse_stream(data: bytes | NDArray[np.uint8]) -> Mp3Stream:
    """Read the bytes of an MP3 file; see `read_stream`."""
    octets = np.frombuffer(data, dtype=np.uint8) if isinstance(data, bytes) else data
    frames = find_frames(octets)
    side = read_side_info(octets, frames)
    first = octets[frames.position[0] : frames.position[0] + frames.size[0]].tobytes()
    tag = read_info_tag(first, frames.side_info_bytes)
    tagged = tag_frames(octets, frames)
    joint = (frames.mode == MODE_JOINT) & (frames.channels == 2)
    intensity = joint & ((frames.mode_extension & 1) == 1)
    ms = joint & ((frames.mode_extension & 2) == 2)
    main = gather_main_data(octets, frames, side, tagged)
    exponents, known = quantiser_exponents(frames, side, main, intensity)
    if not mixed_is_defined(frames.sample_rate):
        known &= ~np.any((side.block_type == SHORT_BLOCK) & side.mixed, axis=(1, 2))

    audio = slice(1 if tag is not None else 0, None)
    if not known[audio].size:
        raise BitstreamError("the MP3 stream holds no audio frames")
    per_frame = side.layout.shape[1]

    def by_granule(values: NDArray[np.generic]) -> NDArray[np.generic]:
        return values[audio].reshape(-1, *values.shape[2:])

    def by_frame(values: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.repeat(values[audio], per_frame)

    count = known[audio].size
    seconds = count * per_frame * GRANULE_SAMPLES / frames.sample_rate
    return Mp3Stream(
        sample_rate=frames.sample_rate,
        channels=frames.channels,
        version=_VERSIONS[frames.version_bits],
        frames=count,
        granules=count * per_frame,
        kbps=float(frames.size[audio].sum()) * 8 / 1000 / seconds,
        rate_mode=_rate_mode(frames, tag),
        encoder=tag.encoder if tag else None,
        lowpass_hz=tag.lowpass_hz if tag else None,
        encoder_delay=tag.encoder_delay if tag else None,
        padding=tag.padding if tag else None,
        skipped_bytes=frames.skipped_bytes,
        known=by_frame(known),
        ms=by_frame(ms),
        intensity=by_frame(intensity),
        block_type=by_granule(side.block_type).astype(np.uint8),
        mixed=by_granule(side.mixed).astype(np.bool_),
        global_gain=by_granule(side.global_gain).astype(np.uint8),
        exponents=by_granule(exponents).astype(np.int16),
        edge_bound=by_granule(_edge_bound(side, frames.sample_rate)).astype(np.int16),
    )


def read_stream(path: str | Path) -> Mp3Stream:
    """Read headers, tags, side information and scale factors of an MP3 file (no Huffman decoding).

    Damaged frames, and frames whose bit reservoir is lost, are marked in ``known``; nothing is guessed for them.

    Parameters
    ----------
    path
        An MPEG-1, MPEG-2 or MPEG-2.5 layer III file, with or without ID3, APE, Xing, LAME or VBRI tags.

    Raises
    ------
    BitstreamError
        If the file holds no layer III stream, or one of free format.
    OSError
        If the file cannot be read.
    """
    try:
        return parse_stream(np.fromfile(Path(path), dtype=np.uint8))
    except BitstreamError as error:
        raise BitstreamError(error.message, path=path, hint=error.hint) from error
