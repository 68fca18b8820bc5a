"""Tags that unpack to far more than they take in a file: frames of ID3v2 may be compressed, a thousand to one."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final

from mp3restore.audio.input import InputFile
from mp3restore.audio.tags.riff import read_chunks
from mp3restore.errors import InputError

__all__ = ["refuse_inflation"]

_MOST_BYTES: Final = 1 << 26
"""More than all pictures and texts of a file that anybody uses."""

_HEADER_BYTES = 10
# Name, size, and flags that may say "compressed" (0x08 in version 2.4, 0x80 in 2.3), which parsers find by their own
# walk through the frames; here they are looked for everywhere, so that no other walk finds one more.
_FRAME: Final = re.compile(rb"(?=[A-Z][A-Z0-9]{3}.{5}[\x08-\xff])", re.DOTALL)
_COMPRESSED = 0x88
_MOST_EXTRA_BYTES = 6  # length of the content, group, encryption


def _tags(file: InputFile) -> Iterator[bytes]:
    """Yield the ID3v2 tags of a file: those at its beginning, or in its chunks."""
    position = 0
    while len(head := file.read(position, position + _HEADER_BYTES).tobytes()) == _HEADER_BYTES and head[:3] == b"ID3":
        size = _HEADER_BYTES + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        yield file.read(position, position + size).tobytes()
        position += size
    if file.read(0, 4).tobytes() in (b"RIFF", b"RF64", b"FORM"):
        yield from (content for name, content in read_chunks(file.view()) if name.upper() == b"ID3 ")


def _unpacked(data: bytes, limit: int) -> int:
    """Return how many bytes a stream unpacks to, at most `limit`; 0 where it is none."""
    unpacker, size = zlib.decompressobj(), 0
    try:
        while data and size < limit:
            size += len(unpacker.decompress(data, min(limit - size, 1 << 20)))
            data = unpacker.unconsumed_tail
    except zlib.error:
        pass
    return size


def refuse_inflation(file: InputFile) -> None:
    """Refuse a file whose tags unpack to more than 64 MiB: who reads them would need as much memory.

    Raises
    ------
    InputError
        If it is such a file.
    """
    total = 0
    for tag in _tags(file):
        # Bytes that were inserted after 0xFF, in the whole tag or in a frame, are taken out before it is unpacked.
        for data in (tag, tag.replace(b"\xff\x00", b"\xff")):
            for found in _FRAME.finditer(data):
                start = found.start() + _HEADER_BYTES
                if not data[start - 1] & _COMPRESSED:
                    continue
                for begin in range(start, start + _MOST_EXTRA_BYTES + 1):
                    if data[begin : begin + 1] == b"\x78":
                        total += _unpacked(data[begin:], _MOST_BYTES - total)
            if total >= _MOST_BYTES:
                raise InputError(
                    f"has a tag that unpacks to more than {_MOST_BYTES >> 20} MB",
                    path=file.path,
                    hint="remove its tags, for instance with 'ffmpeg -i FILE -map 0:a -map_metadata -1 -c copy NEW'",
                )
