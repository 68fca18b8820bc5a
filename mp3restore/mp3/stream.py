"""The public face of the bitstream reader: what an MP3 says about every granule."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal

import numpy as np

from mp3restore.errors import BitstreamError
from mp3restore.mp3.assembly import find_runs
from mp3restore.mp3.blocks import BlockReader
from mp3restore.mp3.coded import CodedStream
from mp3restore.mp3.foreign import Read
from mp3restore.mp3.framing import read_table
from mp3restore.mp3.headers import frames_of
from mp3restore.mp3.info_tag import InfoTag, RateMode
from mp3restore.mp3.run_bytes import RunBytes
from mp3restore.mp3.runs import Run
from mp3restore.mp3.tables import LINES, LONG_LAYOUT, MIXED_LAYOUT, SHORT_BLOCK, SHORT_LAYOUT, slot_of_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

Version = Literal["1", "2", "2.5"]

GRANULE_SAMPLES: Final = 576
_LAYER_3: Final = 3
_BY_GRANULE: Final = ("block_type", "mixed", "global_gain", "edge_bound")
_BY_FRAME: Final = ("known", "ms", "intensity")
_VERSIONS: Final[dict[int, Version]] = {0: "2.5", 2: "2", 3: "1"}

# LAME 3.100, lame.c, optimum_bandwidth: low-pass by total bitrate in kbit/s. libmp3lame in other programs follows it.
_KBPS: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_HZ: Final = (
    2000, 3700, 3900, 5500, 7000, 7500, 10000, 11000, 13500, 15100, 15600, 17000, 17500, 18600, 19400, 19700, 20500,
)  # fmt: skip
_MONO_FACTOR: Final = 1.5
# The stop band begins near the nominal frequency; attenuation begins up to 3 % lower (measured on LAME 3.100).
_TRANSITION: Final = 0.97


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
    measured_edge_hz: float | None
    """Where the coded lines end, as far as that was measured on decoded music."""
    encoder_delay: int | None
    """Samples before the music, by the tag; None without a tag, and then decoders do not trim."""
    padding: int | None
    """Samples after the music, by the tag."""
    skipped_bytes: int
    """Bytes between frames that are neither frames nor tags."""
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
    edge_bound: NDArray[np.int16]
    """No line from here on can be other than zero; shape (granules, channels), 0 to 576."""
    reader: BlockReader
    """Reads the quantiser steps again, block by block."""
    granule_samples: int = GRANULE_SAMPLES

    @property
    def exponents(self) -> NDArray[np.int16]:
        """Quantiser steps in quarters of an octave, shape (granules, channels, 39); see ``tables`` for the slots."""
        return self.reader.exponents(0, self.granules)

    @property
    def joint_stereo_share(self) -> float:
        """Share of the known granules that use M/S or intensity stereo, 0 to 1."""
        joint = (self.ms | self.intensity)[self.known]
        return float(joint.mean()) if joint.size else 0.0

    def steps(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Return quantiser steps of granules ``start`` to ``stop``, shape (n, channels, 39), at full scale 1.0."""
        exponents = self.reader.exponents(*slice(start, stop).indices(self.granules)[:2])
        return np.exp2(exponents.astype(np.float32) / 4)

    def line_steps(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Return the quantiser step of every line of granules ``start`` to ``stop``, shape (n, channels, 576)."""
        layout = band_layout(self.block_type[start:stop], self.mixed[start:stop])
        slots, steps = slot_of_line(self.sample_rate), self.steps(start, stop)
        # Most granules are long: the others are done again.
        lines: NDArray[np.float32] = np.take(steps, slots[LONG_LAYOUT], axis=-1)
        for other in (SHORT_LAYOUT, MIXED_LAYOUT):
            rows = layout == other
            lines[rows] = np.take(steps[rows], slots[other], axis=-1)
        return lines


def band_layout(block_type: NDArray[np.uint8], mixed: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the band layout that block types and mixed flags imply, same shape."""
    short = np.where(mixed, np.uint8(MIXED_LAYOUT), np.uint8(SHORT_LAYOUT))
    return np.where(block_type == SHORT_BLOCK, short, np.uint8(LONG_LAYOUT))


def _rate_mode(run: Run, tag: InfoTag | None) -> RateMode:
    if tag is not None and tag.rate_mode is not None:
        return tag.rate_mode
    return "cbr" if np.unique(run.headers.kbps).size == 1 else "vbr"


def stream_of(run: Run, source: Read) -> Mp3Stream:
    """Read what a run of layer III says about every granule; `source` gives the bytes of the run."""

    def read(begin: int, end: int) -> NDArray[np.uint8]:
        return np.frombuffer(source(begin, end), dtype=np.uint8)

    frames = frames_of(run)
    tag = run.parts[0].tag if run.parts else None
    reader = BlockReader(read, frames)
    per_frame = 1 if frames.lsf else 2
    granules: dict[str, list[NDArray[np.generic]]] = {name: [] for name in _BY_GRANULE}
    whole: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in _BY_FRAME}
    for index in range(reader.blocks):
        block = reader.block(index)
        for name, parts in granules.items():
            parts.append(getattr(block, name).reshape(-1, frames.channels))
        for name, flags in whole.items():
            flags.append(np.repeat(getattr(block, name), per_frame))
    arrays: dict[str, Any] = {name: np.concatenate(parts) for name, parts in (granules | whole).items()}
    return Mp3Stream(
        sample_rate=frames.sample_rate,
        channels=frames.channels,
        version=_VERSIONS[frames.version_bits],
        frames=reader.frames,
        granules=reader.frames * per_frame,
        kbps=run.kbps,
        rate_mode=_rate_mode(run, tag),
        encoder=tag.encoder if tag else None,
        lowpass_hz=tag.lowpass_hz if tag else None,
        measured_edge_hz=None,
        encoder_delay=tag.encoder_delay if tag else None,
        padding=tag.padding if tag else None,
        skipped_bytes=sum(gap.length for gap in run.gaps),
        reader=reader,
        **arrays,
    )


def parse_stream(data: bytes | NDArray[np.uint8]) -> Mp3Stream:
    """Read the bytes of an MP3 file; see `read_stream`."""
    octets = data if isinstance(data, bytes) else data.tobytes()
    return _longest(io.BytesIO(octets), lambda begin, end: octets[begin:end])


def read_stream(path: str | Path) -> Mp3Stream:
    """Read headers, tags, side information and scale factors of an MP3 file (no Huffman decoding).

    Of joined files of different kinds this is the longest run. Damaged frames, and frames whose bit reservoir is lost,
    are marked in ``known``; nothing is guessed for them.

    Parameters
    ----------
    path : str or Path
        An MPEG-1, MPEG-2 or MPEG-2.5 layer III file, with or without ID3, APE, Xing, LAME or VBRI tags.

    Returns
    -------
    Mp3Stream
        The contents of all frames, in the order of the file.

    Raises
    ------
    BitstreamError
        If the file holds no layer III stream.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> stream = read_stream("song.mp3")
    >>> stream.sample_rate, stream.channels, stream.granules
    (44100, 2, 14314)
    """

    def read(begin: int, end: int) -> bytes:
        with Path(path).open("rb") as file:
            file.seek(begin)
            return file.read(end - begin)

    try:
        with Path(path).open("rb") as file:
            return _longest(file, read)
    except BitstreamError as error:
        raise BitstreamError(error.message, path=path, hint=error.hint) from error


def _longest(file: BinaryIO, read: Read) -> Mp3Stream:
    runs = [run for run in find_runs(read_table(file), read) if run.layer == _LAYER_3]
    if not runs:
        raise BitstreamError("no MPEG layer III stream found")
    run = max(runs, key=lambda each: each.position.size * each.frame_samples / each.sample_rate)
    return stream_of(run, RunBytes(run, read))


def states_lowpass(stream: CodedStream) -> bool:
    """Whether the low-pass of the encoder is known without a look at the music: a tag states it, or it is LAME's."""
    return stream.lowpass_hz is not None or (stream.encoder or "").startswith("LAME")


def lowpass_hz(stream: CodedStream) -> float:
    """Return the nominal low-pass of the encoder in Hz, at most half the sample rate.

    The tag's value where there is one; else, of other encoders than LAME, where the coded lines end, if that was
    measured; else what LAME chooses at this bitrate.
    """
    if stream.lowpass_hz is not None:
        nominal = float(stream.lowpass_hz)
    elif stream.measured_edge_hz is not None and not states_lowpass(stream):
        nominal = stream.measured_edge_hz
    else:
        factor = _MONO_FACTOR if stream.channels == 1 else 1.0
        nominal = factor * float(np.interp(stream.kbps, _KBPS, _HZ))
    return min(nominal, stream.sample_rate / 2)


def first_free_line(stream: CodedStream) -> int:
    """Return the first line, 0 to 576, at which a zero no longer bounds the original: there the low-pass begins."""
    line_hz = stream.sample_rate / 2 / GRANULE_SAMPLES
    return min(LINES, int(_TRANSITION * lowpass_hz(stream) / line_hz))
