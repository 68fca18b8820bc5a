"""Decoding MPEG audio of all layers: every frame that the file has, run by run.

libsndfile guesses how long an MPEG stream is, and stops at the first frame of another kind. So it gets no file but the
frames of one run, one behind the other, as our own reader found them (`mp3.framing`, `mp3.runs`): tags and garbage are
left out, and silence stands for lost frames. It is asked for exactly the samples that these frames have.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from mp3restore._typing import Samples
from mp3restore.audio.gapless import itunes_music
from mp3restore.audio.input import BytesFile, InputFile
from mp3restore.audio.joining import main_kind, with_channels
from mp3restore.audio.run_samples import RunSamples
from mp3restore.audio.source import AudioSource
from mp3restore.dsp.resample import resample_stream, resampled_length
from mp3restore.errors import DecodeError
from mp3restore.mp3.assembly import find_runs
from mp3restore.mp3.foreign import PADDING, Block, Read, id3v2_bytes
from mp3restore.mp3.frame_header import HEADER_BYTES, FrameHeaders
from mp3restore.mp3.framing import FileTable, read_table
from mp3restore.mp3.icy import Metadata, find_metadata
from mp3restore.mp3.run_bytes import RunBytes
from mp3restore.mp3.runs import Gap, Run
from mp3restore.mp3.stream import Mp3Stream, stream_of
from mp3restore.result import Damage, StreamMetadata

__all__ = ["MpegSource", "MusicRange", "begins_with_a_frame", "open_mpeg"]

_LEAST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class MusicRange:
    """Music of one run, and its place in the decoded file.

    Attributes
    ----------
    run : int
        Index of the run.
    start, stop : int
        Samples of the run's decoder.
    place : int
        First sample in the decoded file, at its own rate.
    length : int
        Samples in the decoded file.
    """

    run: int
    start: int
    stop: int
    place: int
    length: int


class MpegSource(AudioSource):
    """MPEG audio of any layer, decoded as a whole.

    Attributes
    ----------
    table : FileTable
        All frames and tags.
    runs : tuple of Run
        What is decoded.
    ranges : tuple of MusicRange
        Where their music lies.
    read : callable
        Returns the bytes in which `table` and `runs` have their places: those of the file, without the metadata of a
        saved stream.
    """

    lossless = False
    frames: int  # known exactly

    def __init__(self, file: InputFile, table: FileTable, runs: list[Run], metadata: Metadata | None = None) -> None:
        super().__init__(file)
        self.table, self.runs = table, tuple(runs)
        self._metadata = metadata
        self.read = file.read_bytes if metadata is None else metadata.without(file.read_bytes)
        self._music = [run.music() for run in runs]
        if len(runs) == 1 and (stated := itunes_music(file, runs[0])) is not None:
            self._music = [[stated]]
        kinds = [(run.sample_rate, run.channels) for run in runs]
        seconds = [run.position.size * run.frame_samples / run.sample_rate for run in runs]
        self.sample_rate, self.channels = main_kind(kinds, seconds)
        self.ranges = tuple(self._places())
        self.frames = sum(each.length for each in self.ranges)
        self.decoder = f"libsndfile, MPEG layer {'I' * runs[0].layer}"
        self._failed: list[Damage] = []

    @property
    def kbps(self) -> float:
        """Mean bitrate of all frames."""
        seconds = [run.position.size * run.frame_samples / run.sample_rate for run in self.runs]
        return float(np.average([run.kbps for run in self.runs], weights=seconds))

    @property
    def missing_s(self) -> float:
        """Seconds by which the last part is shorter than its tag says."""
        run = self.runs[-1]
        part = run.parts[-1]
        stated = part.tag.frames if part.tag is not None and part.tag.frames is not None else 0
        return max(0, stated - (part.stop - part.start)) * run.frame_samples / run.sample_rate

    @property
    def damage(self) -> tuple[Damage, ...]:
        """Bytes that are neither frames nor tags, with what stands for them; complete when all has been decoded."""
        found = [self._gap(index, gap) for index, run in enumerate(self.runs) for gap in run.gaps]
        found += [self._outside(block) for block in self._untold()]
        return tuple(sorted([*found, *_joined(self._failed)], key=lambda each: each.position))

    @property
    def stream_metadata(self) -> StreamMetadata | None:
        """Metadata of a saved radio stream between the bytes of its music; None where there is none."""
        found = self._metadata
        if found is None:
            return None
        titles = tuple(_text(title) for title in found.titles)
        return StreamMetadata(found.interval, found.position.size, int(found.length.sum()), titles)

    def _place(self, position: int) -> int:
        """Return where in the file a byte is that `read` has at a position."""
        return position if self._metadata is None else self._metadata.place(position)

    def _untold(self) -> list[Block]:
        """Return the damage that is in no gap of a run: between runs, and behind the last frame."""
        first = int(self.table.position[0])
        starts = np.sort([gap.position for run in self.runs for gap in run.gaps])
        # Zeros as long as frames were music once; fewer fill up a file.
        longest = int(self.table.size.max())
        blocks = [
            block
            for block in self.table.blocks
            if block.position > first and (not block.is_tag or (block.name == PADDING and block.length > longest))
        ]
        places = np.array([block.position for block in blocks], dtype=np.int64)
        # A gap begins at its first block, and no frame stands between that and the others.
        gap = np.searchsorted(starts, places, side="right") - 1
        frame = np.searchsorted(self.table.position, places, side="right")
        begins = np.where(gap >= 0, starts[np.maximum(gap, 0)] if starts.size else 0, 0)
        told = (gap >= 0) & (np.searchsorted(self.table.position, begins, side="right") == frame)
        return [block for block, known in zip(blocks, told.tolist(), strict=True) if not known]

    def _outside(self, block: Block) -> Damage:
        return Damage(self._place(block.position), block.length, self._time_of_byte(block.position), 0.0)

    def stream(self, run: int) -> Mp3Stream:
        """Read what a run of layer III says about its granules."""
        return stream_of(self.runs[run], RunBytes(self.runs[run], self.read))

    def _gap(self, index: int, gap: Gap) -> Damage:
        run = self.runs[index]
        silence = run.silent_around(gap) * run.frame_samples / run.sample_rate
        return Damage(self._place(gap.position), gap.length, self._time(index, gap.frame), silence)

    def _places(self) -> Iterator[MusicRange]:
        place = 0
        for index, (run, ranges) in enumerate(zip(self.runs, self._music, strict=True)):
            if run.sample_rate == self.sample_rate:
                for start, stop in ranges:
                    yield MusicRange(index, start, stop, place, stop - start)
                    place += stop - start
            elif ranges:
                # Converted as one: its ranges have no places of their own.
                samples = sum(stop - start for start, stop in ranges)
                length = resampled_length(samples, run.sample_rate, self.sample_rate)
                yield MusicRange(index, ranges[0][0], ranges[-1][1], place, length)
                place += length

    def _time(self, index: int, frame: int) -> float:
        """Return the second of the decoded file at which a frame of a run is heard."""
        run = self.runs[index]
        sample = frame * run.frame_samples
        found = 0.0
        for each in (each for each in self.ranges if each.run <= index):
            if each.run == index and sample <= each.stop:
                return each.place / self.sample_rate + max(0, sample - each.start) / run.sample_rate
            found = (each.place + each.length) / self.sample_rate
        return found

    def _time_of_byte(self, position: int) -> float:
        """Return the second at which the frame behind a byte position is heard."""
        for index, run in enumerate(self.runs):
            behind = np.flatnonzero(run.position > position)
            if behind.size:
                return self._time(index, int(behind[0]))
        return self.frames / self.sample_rate

    def _decode(self) -> Iterator[Samples]:
        done = 0
        for index, (run, ranges) in enumerate(zip(self.runs, self._music, strict=True)):
            music = _cut(self._run_blocks(index, run), ranges)
            alike = (with_channels(block, self.channels) for block in music)
            for block in resample_stream(alike, run.sample_rate, self.sample_rate):
                done += block.shape[1]
                yield block
        if done != self.frames:
            raise DecodeError(f"{done} samples were decoded, but its frames hold {self.frames}", path=self.path)

    def _run_blocks(self, index: int, run: Run) -> Iterator[Samples]:
        """Decode a run to exactly the samples of its frames."""

        def tell(frame: int) -> None:
            at, seconds = self._place(int(run.position[frame])), run.frame_samples / run.sample_rate
            self._failed.append(Damage(at, int(run.size[frame]), self._time(index, frame), seconds))

        return RunSamples(run, self.read, tell).blocks()


def _joined(damage: list[Damage]) -> Iterator[Damage]:
    """Join damage whose bytes follow each other."""
    last: Damage | None = None
    for each in sorted(damage, key=lambda each: each.position):
        if last is not None and last.position + last.length == each.position:
            length, silence = last.length + each.length, last.silence_s + each.silence_s
            last = Damage(last.position, length, last.seconds, silence)
        else:
            if last is not None:
                yield last
            last = each
    if last is not None:
        yield last


def _text(title: bytes) -> str:
    """Decode a title, of which servers do not say how it is encoded."""
    try:
        return title.decode()
    except UnicodeDecodeError:
        return title.decode("latin-1")


def _cut(blocks: Iterable[Samples], ranges: list[tuple[int, int]]) -> Iterator[Samples]:
    """Cut blocks to ranges of samples, which are in order."""
    at = 0
    for block in blocks:
        end = at + block.shape[1]
        for start, stop in ranges:
            if start < end and stop > at:
                yield block[:, max(0, start - at) : stop - at]
        at = end


def begins_with_a_frame(file: InputFile) -> bool:
    """Whether the sync word of MPEG audio stands at the beginning, or behind ID3v2 tags."""
    at = 0
    while (size := id3v2_bytes(file.read_bytes(at, at + 10))) and at + size < file.size:
        at += size
    head = file.read_bytes(at, at + 4)
    return len(head) == HEADER_BYTES and bool(FrameHeaders(np.array([int.from_bytes(head, "big")])).valid[0])


def open_mpeg(file: InputFile) -> MpegSource | None:
    """Open MPEG audio; None if this is something else, or less than a second in much else."""
    table = read_table(file.view())
    read: Read = file.read_bytes
    metadata = find_metadata(table, read)
    if metadata is not None:
        rest = metadata.without(read)
        whole = read_table(io.BufferedReader(BytesFile(rest, file.size - int(metadata.length.sum()))))
        # Frames that were torn apart are whole without it, or it was none.
        if whole.position.size > table.position.size or len(whole.blocks) < len(table.blocks):
            table, read = whole, rest
        else:  # pragma: no cover - needs audio that looks like metadata by chance
            metadata = None
    runs = find_runs(table, read)
    if not any(run.music() for run in runs):
        return None
    source = MpegSource(file, table, runs, metadata)
    other = sum(block.length for block in table.blocks if not block.is_tag)
    short = source.frames < _LEAST_SECONDS * source.sample_rate
    if short and other > int(table.size.sum()) and not begins_with_a_frame(file):
        return None
    return source
