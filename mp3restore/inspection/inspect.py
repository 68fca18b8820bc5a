"""What a file has lost, as plain data: the answer of ``mp3restore inspect``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mp3restore._typing import Samples
from mp3restore.audio.decode import open_audio
from mp3restore.audio.source import AudioSource
from mp3restore.audio.tags import read_tags
from mp3restore.inspection.bandwidth import bandwidth_of
from mp3restore.inspection.bitstream import open_bitstream
from mp3restore.inspection.decoded import DecodedReport, decoded_report, search_coding
from mp3restore.inspection.kept import BitstreamReport, LineCounter
from mp3restore.inspection.strength import Verdict, verdict_for_mp3, warranted_strength
from mp3restore.mp3.grid import GridResult
from mp3restore.result import Damage, StreamMetadata

__all__ = ["BitstreamReport", "DecodedReport", "Inspection", "inspect_file"]

# Enough to find the grid in, and to see where the spectrum ends.
_SEARCH_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Inspection:
    """Report on one file.

    Attributes
    ----------
    path : Path
        The file.
    sample_rate, channels : int
        Rate in Hz and number of channels of what is decoded.
    duration_s : float
        Length of the music.
    decoder : str
        Decoder and format.
    kbps : float or None
        Mean bitrate of what is compressed with losses; None where that is not known.
    bandwidth_hz : float
        Highest frequency of the first half minute.
    strength : float
        How far `restore` goes with this file if no strength is given, 0 to 1.
    damage : tuple of Damage
        Stretches of the file that are no sound.
    stream_metadata : StreamMetadata or None
        What lies between the bytes of the music if the file is a saved radio stream.
    bitstream : BitstreamReport or None
        What the bitstream of an MP3 says.
    grid : GridResult or None
        Of files without a bitstream: how far the places stand out where granules of an MP3 could be.
    decoded : DecodedReport or None
        Of files without a bitstream: the MP3 that they were decoded from; None where nothing shows one.
    restored_before : bool
        Whether the file is a restoration already, by its tags.
    """

    path: Path
    sample_rate: int
    channels: int
    duration_s: float
    decoder: str
    kbps: float | None
    bandwidth_hz: float
    strength: float
    damage: tuple[Damage, ...]
    stream_metadata: StreamMetadata | None
    bitstream: BitstreamReport | None
    grid: GridResult | None
    decoded: DecodedReport | None
    restored_before: bool

    @property
    def was_mp3(self) -> bool:
        """Whether the samples come from an MP3."""
        return self.bitstream is not None or (self.grid is not None and self.grid.found)

    @property
    def verdict(self) -> Verdict:
        """What a restoration is worth, as for the files of a library."""
        kbps = self.kbps if self.decoded is None else self.decoded.kbps
        if kbps is None or self.strength == 0:
            return "restore" if self.strength > 0 else "leave"
        return verdict_for_mp3(kbps, sample_rate=self.sample_rate, channels=self.channels)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a tree of dicts, lists, strings, numbers, booleans and None."""
        tree = asdict(self)
        tree["path"] = str(self.path)
        tree["was_mp3"] = self.was_mp3
        tree["verdict"] = self.verdict
        tree["damage"] = list(tree["damage"])
        if self.bitstream is not None:
            tree["bitstream"]["edge_hz"] = list(self.bitstream.edge_hz)
        return tree


def inspect_file(path: str | Path) -> Inspection:
    """Say what a file has lost: from its bitstream if it is an MP3, else by searching its samples for an MP3's grid.

    Parameters
    ----------
    path : str or Path
        Any file that can be restored. Of files with more than two channels only the first two are searched.

    Raises
    ------
    InputError, NoInputError
        If there is no such file, or it may not be read.
    DecodeError
        If it cannot be decoded.
    """
    with open_audio(path) as source:
        found = open_bitstream(source)
        counter = None if found is None else LineCounter(found)
        grid, decoded = search_coding(source)
        mapped = found is not None and found.believed
        strength = warranted_strength(source, source.kbps, decoded, mapped=mapped)
        head = _beginning(source)
        return Inspection(
            path=source.path,
            sample_rate=source.sample_rate,
            channels=source.channels,
            duration_s=_length(source, counter) / source.sample_rate,
            decoder=source.decoder,
            kbps=source.kbps,
            bandwidth_hz=bandwidth_of(head, source.sample_rate),
            strength=strength,
            damage=source.damage,
            stream_metadata=source.stream_metadata,
            bitstream=None if counter is None else counter.report(),
            grid=grid,
            decoded=None if decoded is None else decoded_report(decoded),
            restored_before=read_tags(source.file.view())[1],
        )


def _length(source: AudioSource, counter: LineCounter | None) -> int:
    """Return the number of samples; `counter` takes them all."""
    if counter is None and source.lossless and source.frames:
        return source.frames
    samples = 0
    for block in source.blocks():
        samples += block.shape[1]
        if counter is not None:
            counter.push(block)
    return samples


def _beginning(source: AudioSource) -> Samples:
    """Return the first half minute; it is still to come from the source."""
    seen = 0

    def enough(block: Samples) -> bool:
        nonlocal seen
        seen += int(block.shape[1])
        return seen >= _SEARCH_SECONDS * source.sample_rate

    return np.concatenate(source.peek(enough), axis=1)
