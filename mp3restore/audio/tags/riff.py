"""Tags of RIFF and AIFF files, read and written chunk by chunk, whatever the audio in them is."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from mp3restore.audio.tags.names import RIFF

__all__ = ["append_chunk", "info_chunk", "read_chunks", "read_info"]

_LARGEST_TAG = 1 << 28  # bytes; a chunk of tags above that is damaged
_NAME_OF = {comment: name for name, comment in reversed(RIFF.items())}


def read_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Give the chunks of a RIFF, RF64 or AIFF file that can hold tags: name and content."""
    file.seek(0)
    big = file.read(12)[:4] == b"FORM"
    size64 = None
    while len(head := file.read(8)) == 8:
        name = head[:4]
        (size,) = struct.unpack(">I" if big else "<I", head[4:])
        start = file.tell()
        if name == b"ds64":
            (size64,) = struct.unpack("<Q", file.read(16)[8:].ljust(8, b"\0"))
        if name == b"data" and size == 0xFFFFFFFF and size64 is not None:
            size = size64
        if name in (b"id3 ", b"ID3 ", b"LIST", b"NAME", b"AUTH", b"ANNO", b"(c) ") and size <= _LARGEST_TAG:
            yield name, file.read(size)
        file.seek(start + size + size % 2)


def read_info(content: bytes) -> Iterator[tuple[str, str]]:
    """Give the entries of a LIST chunk of the kind INFO: name of four letters, and text."""
    position = 4
    while content[:4] == b"INFO" and position + 8 <= len(content):
        name, size = content[position : position + 4], int.from_bytes(content[position + 4 : position + 8], "little")
        data = content[position + 8 : position + 8 + size].rstrip(b"\0")
        try:
            text = data.decode()
        except UnicodeDecodeError:  # most programs for Windows write its own encoding
            text = data.decode("cp1252", "replace")
        if text.strip():
            yield name.decode("latin-1"), text.strip()
        position += 8 + size + size % 2


def info_chunk(comments: dict[str, list[str]]) -> bytes:
    """Write comments as the content of a LIST chunk of the kind INFO, as far as it has names for them."""
    entries = b""
    for comment, values in comments.items():
        name = _NAME_OF.get(comment)
        if name is not None:
            text = "; ".join(values).replace("\0", " ").encode() + b"\0"
            entries += name.encode() + struct.pack("<I", len(text)) + text + bytes(len(text) % 2)
    return b"INFO" + entries if entries else b""


def append_chunk(file: BinaryIO, name: bytes, content: bytes) -> None:
    """Append a chunk to a complete RIFF file of less than 4 GiB."""
    file.seek(0, 2)
    end = file.tell()
    file.write(bytes(end % 2) + name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2))
    size = file.tell() - 8
    file.seek(4)
    file.write(struct.pack("<I", size))
