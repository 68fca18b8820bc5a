"""What an MP3 lost, as plain data: the answer of ``mp3restore inspect``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from mp3restore.audio.decode import open_audio
from mp3restore.audio.excerpt import read_excerpt
from mp3restore.errors import DecodeError
from mp3restore.mp3.granules import coded_granules
from mp3restore.mp3.grid import GridResult, find_grid, locate
from mp3restore.mp3.stream import Mp3Stream, lowpass_hz, read_stream
from mp3restore.mp3.tables import LINES

_BLOCK_NAMES: Final = ("long", "start", "short", "stop")
_MP3_FORMATS: Final = {"MP3", "MPEG"}  # of libsndfile
# Enough to find the grid in; more would only cost time and memory.
_SEARCH_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class BitstreamReport:
    """What the bitstream of an MP3 says, and what the decoded signal shows of its quantiser."""

    version: str
    encoder: str | None
    kbps: float
    rate_mode: Literal["cbr", "abr", "vbr"]
    encoder_delay: int | None
    padding: int | None
    granules: int
    unknown_granules: int
    skipped_bytes: int
    missing_bytes: int
    joint_stereo_share: float
    block_shares: dict[str, float]
    """Share of long, start, short and stop blocks."""
    mixed_share: float
    lowpass_hz: float
    lowpass_stated: bool
    """Whether the tag states the low-pass; otherwise it is what LAME chooses at this bitrate."""
    offset: int
    """Where granule 0 starts in the decoder's output, in samples."""
    lattice_fit: float
    """Share of lines that lie on the lattice there; under 0.9 the following numbers mean little."""
    edge_hz: tuple[float, float, float]
    """10th, 50th and 90th percentile of the coded edge of granules and channels."""
    coded_share: float
    """Share of lines that are not zero, of all lines below half the sample rate."""
    hole_share: float
    """Share of zeros below the last coded line of their granule."""
    above_edge_share: float


@dataclass(frozen=True, slots=True)
class Inspection:
    """Report on one file; exactly one of ``bitstream`` and ``grid`` is set."""

    path: Path
    sample_rate: int
    channels: int
    duration_s: float
    bitstream: BitstreamReport | None
    grid: GridResult | None
    """For files that are not MP3: whether they once were."""

    @property
    def was_mp3(self) -> bool:
        """Whether the samples come from an MP3."""
        return self.bitstream is not None or (self.grid is not None and self.grid.found)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a tree of dicts, lists, strings, numbers, booleans and None."""
        tree = asdict(self)
        tree["path"] = str(self.path)
        tree["was_mp3"] = self.was_mp3
        if self.bitstream is not None:
            tree["bitstream"]["edge_hz"] = list(self.bitstream.edge_hz)
        return tree


def _line_shares(
    stream: Mp3Stream, decoded: Iterable[NDArray[np.float32]], offset: int
) -> tuple[list[float], tuple[float, float, float]]:
    """Return the shares of coded lines, holes and lines above the edge, and percentiles of the edge in Hz."""
    counts = np.zeros(3)
    edges = []
    for run in coded_granules(stream, decoded, offset=offset):
        sound = run.sound
        edge = run.edges[sound]
        coded = int(np.count_nonzero(run.magnitudes[sound]))
        counts += (coded, int(edge.sum()) - coded, edge.size * LINES - int(edge.sum()))
        edges.append(edge.reshape(-1))
    if not counts.sum():
        return [0.0, 0.0, 0.0], (0.0, 0.0, 0.0)
    line_hz = stream.sample_rate / 2 / LINES
    low, median, high = (float(p) * line_hz for p in np.percentile(np.concatenate(edges), [10, 50, 90]))
    return (counts / counts.sum()).tolist(), (low, median, high)


def _bitstream_report(path: Path) -> tuple[BitstreamReport, float]:
    """Return what the bitstream says, and the decoded length in seconds, which libsndfile only guesses before."""
    stream = read_stream(path)
    offset, fit = locate(stream, read_excerpt(path, duration=_SEARCH_SECONDS)[0])
    samples = 0

    def counted(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        nonlocal samples
        for block in blocks:
            samples += block.shape[1]
            yield block

    with open_audio(path) as source:
        shares, edge = _line_shares(stream, counted(source.blocks()), offset)
        seconds = samples / source.sample_rate
    types = stream.block_type[stream.known]
    report = BitstreamReport(
        version=stream.version,
        encoder=stream.encoder,
        kbps=stream.kbps,
        rate_mode=stream.rate_mode,
        encoder_delay=stream.encoder_delay,
        padding=stream.padding,
        granules=stream.granules,
        unknown_granules=int(np.count_nonzero(~stream.known)),
        skipped_bytes=stream.skipped_bytes,
        missing_bytes=stream.missing_bytes,
        joint_stereo_share=stream.joint_stereo_share,
        block_shares={name: float(np.mean(types == k)) if types.size else 0.0 for k, name in enumerate(_BLOCK_NAMES)},
        mixed_share=float(np.mean(stream.mixed[stream.known])) if types.size else 0.0,
        lowpass_hz=lowpass_hz(stream),
        lowpass_stated=stream.lowpass_hz is not None,
        offset=offset,
        lattice_fit=fit,
        edge_hz=edge,
        coded_share=shares[0],
        hole_share=shares[1],
        above_edge_share=shares[2],
    )
    return report, seconds


def inspect_file(path: str | Path) -> Inspection:
    """Say what a file lost: from its bitstream if it is an MP3, else by searching its samples for an MP3's grid.

    Parameters
    ----------
    path
        Any file that libsndfile reads. Of files with more than two channels only the first two are searched.

    Raises
    ------
    InputError, NoInputError
        If there is no such file, or it may not be read.
    DecodeError
        If libsndfile cannot read it.
    BitstreamError
        If it is an MP3 of a kind that `read_stream` refuses.
    """
    path = Path(path)
    open_audio(path).close()  # which says best what is wrong with a file
    try:
        info = soundfile.info(path)
        duration, bitstream, grid = float(info.duration), None, None
        if info.format in _MP3_FORMATS:
            bitstream, duration = _bitstream_report(path)
        else:
            grid = find_grid(read_excerpt(path, duration=_SEARCH_SECONDS)[0][:2], info.samplerate)
    except soundfile.LibsndfileError as error:
        raise DecodeError(f"cannot be decoded: {error.error_string}", path=path) from error
    return Inspection(path, info.samplerate, info.channels, duration, bitstream, grid)
