"""A stream of sound frames, with a tag frame that says the truth about them.

Nothing is decoded. Frames of silence stand for lost ones, as the decoder gets them (`run_bytes`), so that time is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.crc import lame_crc
from mp3restore.mp3.foreign import PADDING, Read
from mp3restore.mp3.frame_header import HEADER_BYTES, FrameHeaders
from mp3restore.mp3.run_bytes import RunBytes
from mp3restore.mp3.runs import MISCOUNT, Run

if TYPE_CHECKING:
    from mp3restore.mp3.framing import FileTable

__all__ = ["Flaws", "find_flaws", "repaired", "tag_frame_before"]

_CHUNK: Final = 1 << 20
_LAYER_3: Final = 3
# Xing: name, flags, frames, bytes, table of contents, quality; and the extension of LAME.
_XING_BYTES: Final = 120
_LAME_BYTES: Final = 36
_ALL_FIELDS: Final = 15
_UNPROTECTED: Final = 1 << 16
# Copies the header without bitrate and padding.
_BITRATE_MASK: Final = ~(0xF200)


@dataclass(frozen=True, slots=True)
class Flaws:
    """What is wrong with a file, in numbers."""

    dropped_bytes: int
    """Bytes that are neither frames nor tags at either end."""
    silent_frames: int
    """Frames of silence that stand for lost or damaged ones."""
    wrong_tags: int
    """Tag frames that do not fit the frames behind them."""

    @property
    def any(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.dropped_bytes or self.silent_frames or self.wrong_tags)


def find_flaws(table: FileTable, runs: list[Run]) -> Flaws:
    """Return what `repaired` would change."""
    first, last = int(table.position[0]), int(table.end[-1])
    inside = [block for block in table.blocks if first <= block.position < last]
    outside = [block for block in table.blocks if not first <= block.position < last and not block.is_tag]
    wrong = 0
    for run in runs:
        part = run.parts[0]
        # Tags of joined files, in the middle of a run.
        wrong += sum(each.tag is not None for each in run.parts[1:])
        # The tag of Fraunhofer's encoder has other fields, and may stay as it is.
        if part.tag is not None and part.tag.encoder != "FhG":
            wrong += not _count_fits(part.tag.frames, run.position.size)
    return Flaws(
        dropped_bytes=sum(block.length for block in (*inside, *outside)),
        silent_frames=sum(int(np.count_nonzero(run.silent)) for run in runs),
        wrong_tags=wrong,
    )


def _count_fits(stated: int | None, frames: int) -> bool:
    return stated is not None and 0 <= stated - frames <= MISCOUNT


def repaired(table: FileTable, runs: list[Run], read: Read) -> Iterator[bytes]:
    """Yield the bytes of the repaired file: tags in front, runs, tags behind; the file itself if nothing is wrong."""
    if not find_flaws(table, runs).any:
        yield from _copy(read, 0, table.length)
        return
    first, last = int(table.position[0]), int(table.end[-1])
    for block in table.blocks:
        if block.position < first and block.is_tag and block.name != PADDING:
            yield from _copy(read, block.position, block.end)
    for run in runs:
        data = RunBytes(run, read)
        yield _tag_frame(run, data, tag_frame_before(table, run, read))
        yield from _copy(data, 0, data.length)
    for block in table.blocks:
        if block.position >= last and block.is_tag and block.name != PADDING:
            yield from _copy(read, block.position, block.end)


def _copy(read: Read, begin: int, end: int) -> Iterator[bytes]:
    for start in range(begin, end, _CHUNK):
        yield read(start, min(end, start + _CHUNK))


def tag_frame_before(table: FileTable, run: Run, read: Read) -> bytes:
    """Return the tag frame in front of a run of a file, or nothing."""
    row = int(np.searchsorted(table.position, run.position[0])) - 1
    if row < 0 or not table.is_tag[row]:
        return b""
    return read(int(table.position[row]), int(table.end[row]))


def _lame_extension(old: bytes) -> tuple[int, bytes]:
    """Return the quality and the extension of LAME of a tag frame; the extension is empty where there is none."""
    at = max(old.find(b"Xing", 0, 48), old.find(b"Info", 0, 48))
    if at < 0:
        return 0, b""
    flags = int.from_bytes(old[at + 4 : at + 8], "big")
    behind = at + 8 + sum(size for bit, size in enumerate((4, 4, 100, 4)) if flags >> bit & 1)
    quality = int.from_bytes(old[behind - 4 : behind], "big") if flags & 8 else 0
    extension = old[behind : behind + _LAME_BYTES]
    return quality, extension if len(extension) == _LAME_BYTES and extension[0] else b""


def _tag_header(run: Run, old: bytes) -> tuple[int, int]:
    """Return header and size of a frame with room for a tag: those of the old one, or of the run's kind.

    The size is 0 if none has the room.
    """
    base = int(run.bits[0]) | _UNPROTECTED
    side = int(run.first.side_info_bytes[0])
    needed = HEADER_BYTES + side + _XING_BYTES + _LAME_BYTES
    if len(old) >= needed:
        return int.from_bytes(old[:HEADER_BYTES], "big") | _UNPROTECTED, len(old)
    own = (base >> 12) & 15
    if own == 0:
        # Free format: all frames of a stream have one size.
        size = int(run.size[0])
        return (base, size) if size >= needed else (base, 0)
    bits = (base & _BITRATE_MASK) | (np.arange(own, 15) << 12)
    sizes = FrameHeaders(bits).size
    first = int(np.argmax(sizes >= needed))  # at the highest bitrate there is always room
    return int(bits[first]), int(sizes[first])


def _tag_frame(run: Run, data: RunBytes, old: bytes) -> bytes:
    """Return a tag frame with the run's number of frames and bytes; nothing where none fits, or in layers I and II."""
    if run.layer != _LAYER_3:
        return b""
    bits, size = _tag_header(run, old)
    if not size:
        return b""
    side = int(run.first.side_info_bytes[0])
    quality, extension = _lame_extension(old)
    constant = np.unique(run.headers.kbps).size == 1
    if constant and not old:
        # Players see its length without a tag, and some cut their own delay where there is one.
        return b""
    marks = np.searchsorted(np.arange(run.size.size), np.arange(100) * run.size.size / 100)
    contents = (data.position[np.minimum(marks, run.size.size - 1)] + size) * 256 // (data.length + size)
    frame = bytearray(bits.to_bytes(4, "big") + bytes(side) + (b"Info" if constant else b"Xing"))
    frame += _ALL_FIELDS.to_bytes(4, "big") + run.size.size.to_bytes(4, "big")
    frame += (data.length + size).to_bytes(4, "big") + bytes(contents.astype(np.uint8)) + quality.to_bytes(4, "big")
    if extension:
        frame += _extension(run, data, extension, size)
        # The CRC of the tag covers all that stands before it.
        frame += lame_crc(bytes(frame)).to_bytes(2, "big")
    return bytes(frame.ljust(size, b"\0"))


def _extension(run: Run, data: RunBytes, old: bytes, tag_bytes: int) -> bytes:
    """Return the extension of LAME up to its own CRC: delay and padding are kept where they are true."""
    last = run.parts[-1]
    delay = int.from_bytes(old[21:24], "big") >> 12
    ends = last.tag is not None and _count_fits(last.tag.frames, last.stop - last.start)
    padding = (last.tag.padding or 0) if last.tag is not None and ends else 0
    music = 0
    for chunk in _copy(data, 0, data.length):
        music = lame_crc(chunk, music)
    delays = (delay << 12 | padding).to_bytes(3, "big")
    length = (data.length + tag_bytes).to_bytes(4, "big")
    return old[:21] + delays + old[24:28] + length + music.to_bytes(2, "big")
