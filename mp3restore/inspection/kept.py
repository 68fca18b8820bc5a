"""What the bitstream of an MP3 says, and what the decoded signal shows of its quantiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from mp3restore._typing import Samples
from mp3restore.inspection.bitstream import Bitstream, Stretch
from mp3restore.mp3.granules import CodedGranules, GranuleReader
from mp3restore.mp3.stream import GRANULE_SAMPLES, lowpass_hz
from mp3restore.mp3.tables import LINES

_BLOCK_NAMES: Final = ("long", "start", "short", "stop")
_LEAST: Final = 1e-9


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
    joint_stereo_share: float
    block_shares: dict[str, float]
    """Share of long, start, short and stop blocks."""
    mixed_share: float
    lowpass_hz: float
    lowpass_origin: Literal["stated", "by the bitrate", "measured"]
    """Whether the tag states the low-pass, or it is the one of LAME at this bitrate, or where coded lines end."""
    offset: int
    """Where granule 0 starts in the decoder's output, in samples."""
    lattice_fit: float
    """Share of lines that lie on the lattice there; under 0.9 nothing is held, and the following mean little."""
    held_share: float
    """Share of the music that a restoration is held to the bitstream in."""
    not_held: dict[str, float]
    """Why the rest is not, with its share of the music."""
    edge_hz: tuple[float, float, float]
    """10th, 50th and 90th percentile of the coded edge of granules and channels."""
    coded_share: float
    """Share of lines that are not zero, of all lines below half the sample rate."""
    hole_share: float
    """Share of zeros below the last coded line of their granule."""
    above_edge_share: float

    @property
    def below_edge_hole_share(self) -> float:
        """Share of holes of all lines below the edge of their granule, 0 to 1."""
        return self.hole_share / max(self.hole_share + self.coded_share, _LEAST)


class LineCounter:
    """Counts coded lines and holes while the decoded file passes, block by block."""

    def __init__(self, bitstream: Bitstream) -> None:
        self._bitstream = bitstream
        self._readers = [
            (each, GranuleReader(each.stream, offset=each.offset - each.start)) for each in bitstream.stretches
        ]
        self._counts = np.zeros(3)
        self._edges: list[NDArray[np.int16]] = []
        self._sound = self._unknown = self._misfit = 0
        self._place = 0

    def push(self, block: Samples) -> None:
        """Take the next samples of the file."""
        for each, reader in self._readers:
            low, high = each.start - self._place, each.stop - self._place
            if low < block.shape[1] and high > 0:
                for run in reader.push(block[:, max(0, low) : high]):
                    self._count(each, run)
        self._place += block.shape[1]

    def _count(self, stretch: Stretch, run: CodedGranules) -> None:
        known = stretch.stream.known[run.first : run.first + len(run.sound)]
        self._sound += int(np.count_nonzero(run.sound))
        self._unknown += int(np.count_nonzero(~run.sound & ~known))
        self._misfit += int(np.count_nonzero(~run.sound & known))
        edge = run.edges[run.sound]
        coded = int(np.count_nonzero(run.magnitudes[run.sound]))
        self._counts += (coded, int(edge.sum()) - coded, edge.size * LINES - int(edge.sum()))
        self._edges.append(edge.reshape(-1).astype(np.int16))

    def report(self) -> BitstreamReport:
        """Return what was counted, when all samples have been pushed."""
        for each, reader in self._readers:
            for run in reader.finish():
                self._count(each, run)
        found, stream = self._bitstream, self._bitstream.stream
        total = max(1.0, float(self._counts.sum()))
        coded, holes, above = (float(count) / total for count in self._counts)
        edges = np.concatenate([np.zeros(0, np.int16), *self._edges])
        low, median, high = np.percentile(edges, [10, 50, 90]) if edges.size else (0.0, 0.0, 0.0)
        line_hz = stream.sample_rate / 2 / LINES
        types = stream.block_type[stream.known]
        held = self._held_share(self._sound) if found.believed else 0.0
        return BitstreamReport(
            version=stream.version,
            encoder=stream.encoder,
            kbps=stream.kbps,
            rate_mode=stream.rate_mode,
            encoder_delay=stream.encoder_delay,
            padding=stream.padding,
            granules=stream.granules,
            unknown_granules=int(np.count_nonzero(~stream.known)),
            skipped_bytes=stream.skipped_bytes,
            joint_stereo_share=stream.joint_stereo_share,
            block_shares={name: _share(types == k) for k, name in enumerate(_BLOCK_NAMES)},
            mixed_share=_share(stream.mixed[stream.known]),
            lowpass_hz=lowpass_hz(stream),
            lowpass_origin=_origin(self._bitstream),
            offset=found.offset,
            lattice_fit=found.fit,
            held_share=held,
            not_held=self._reasons(held),
            edge_hz=(float(low) * line_hz, float(median) * line_hz, float(high) * line_hz),
            coded_share=coded,
            hole_share=holes,
            above_edge_share=above,
        )

    def _held_share(self, granules: int) -> float:
        """Return the share of the music that some granules stand for; those at its ends reach beyond it."""
        read = (self._sound + self._unknown + self._misfit) * GRANULE_SAMPLES
        return granules * GRANULE_SAMPLES / max(1, self._place, read)

    def _reasons(self, held: float) -> dict[str, float]:
        if not self._bitstream.believed:
            return {"decoded otherwise than the bitstream says": 1.0}
        counted = {
            "damaged, or in need of lost data": self._unknown,
            "decoded otherwise than the bitstream says": self._misfit,
        }
        reasons = {reason: self._held_share(count) for reason, count in counted.items() if count}
        rest = 1 - held - sum(reasons.values())
        # The first and the last granules of every file are cut.
        return reasons | ({"at a border, or of another rate": rest} if rest > 0 else {})


def _share(where: NDArray[np.bool_]) -> float:
    return float(np.mean(where)) if where.size else 0.0


def _origin(found: Bitstream) -> Literal["stated", "by the bitrate", "measured"]:
    if found.stream.lowpass_hz is not None:
        return "stated"
    return "by the bitrate" if found.stream.measured_edge_hz is None else "measured"
