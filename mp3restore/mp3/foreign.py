"""Identify the bytes between the frames of a file: tags by name, and garbage.

A tag that claims more bytes than the file has does not count. Formats: ID3v1, ID3v2.2 to 2.4 (id3.org), APEv1 and APEv2
(hydrogenaudio wiki), Lyrics3 and Lyrics3v2 (id3.org), RIFF (Microsoft), ICY metadata (SHOUTcast).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

GARBAGE: Final = "garbage"
PADDING: Final = "padding"
CUT_FRAME: Final = "incomplete frame"

Read = Callable[[int, int], bytes]
"""Returns the bytes of a file from one position up to another, fewer at its end."""

_ID3V1_BYTES: Final = 128
_ID3V1_PLUS_BYTES: Final = 227
_APE_BYTES: Final = 32
_APE_IS_HEADER: Final = 0x20
_APE_HAS_HEADER: Final = 0x80
_LYRICS_LARGEST: Final = 1 << 20
_SEARCHED: Final = 1 << 24
_MAGIC: Final = re.compile(rb"ID3[\x02-\x04]|APETAGEX|TAG|LYRICSBEGIN|StreamTitle='")


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of a file that do not belong to a frame."""

    name: str
    """Name of a tag, or `GARBAGE`, `PADDING` or `CUT_FRAME`."""
    position: int
    length: int

    @property
    def end(self) -> int:
        """Byte position after the block."""
        return self.position + self.length

    @property
    def is_tag(self) -> bool:
        """Whether the block is known not to be music: a tag or padding."""
        return self.name not in (GARBAGE, CUT_FRAME)


def id3v2_bytes(head: bytes) -> int:
    """Return the length of the ID3v2 tag that begins with these ten bytes, or 0."""
    if len(head) < 10 or head[:3] != b"ID3" or head[3] == 0xFF or max(head[6:10]) > 0x7F:
        return 0
    size = (head[6] << 21) | (head[7] << 14) | (head[8] << 7) | head[9]
    return size + 10 + (10 if head[5] & 0x10 else 0)


def _riff_bytes(read: Read, position: int, limit: int) -> int:
    """Return the number of bytes of RIFF chunks before the audio data."""
    at = position + 12
    while at + 8 <= limit:
        chunk = read(at, at + 8)
        if chunk[:4] == b"data":
            return at + 8 - position
        at += 8 + int.from_bytes(chunk[4:], "little") + (chunk[4] & 1)
    return 0


def _lyrics_bytes(read: Read, position: int, limit: int) -> int:
    """Return the length of the Lyrics3 block of either version that begins here, or 0.

    Version 2 states its size in six digits; version 1 has no byte 255, which every frame begins with.
    """
    text = read(position, min(limit, position + _LYRICS_LARGEST))
    end = text.find(b"LYRICS200")
    if end >= 0 and text[end - 6 : end] == b"%06d" % (end - 6):
        return end + 9
    end = text.find(b"LYRICSEND")
    return end + 9 if end >= 0 and b"\xff" not in text[:end] else 0


def tag_at(read: Read, position: int, limit: int) -> Block | None:
    """Return the tag that begins at a position and ends at or before `limit`."""
    head = read(position, min(limit, position + _APE_BYTES))
    name, length = "", 0
    if head[:3] == b"ID3":
        name, length = "ID3v2", id3v2_bytes(head)
    elif head[:8] == b"APETAGEX" and len(head) == _APE_BYTES and head[23] & _APE_IS_HEADER:
        name, length = "APE", int.from_bytes(head[12:16], "little") + _APE_BYTES
    elif head[:4] == b"TAG+":
        name, length = "ID3v1", _ID3V1_PLUS_BYTES
    elif head[:3] == b"TAG":
        name, length = "ID3v1", _ID3V1_BYTES
    elif head[:11] == b"LYRICSBEGIN":
        name, length = "Lyrics3", _lyrics_bytes(read, position, limit)
    elif head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        name, length = "RIFF", _riff_bytes(read, position, limit)
    elif head[1:14] == b"StreamTitle='" and head[0]:
        name, length = "ICY", 1 + 16 * head[0]
    return Block(name, position, length) if length and position + length <= limit else None


def tag_before(read: Read, begin: int, end: int) -> Block | None:
    """Return the tag that ends at `end` and begins at or after `begin`."""
    size = end - begin
    if size >= _ID3V1_BYTES and read(end - _ID3V1_BYTES, end - _ID3V1_BYTES + 3) == b"TAG":
        return Block("ID3v1", end - _ID3V1_BYTES, _ID3V1_BYTES)
    if size >= _ID3V1_PLUS_BYTES and read(end - _ID3V1_PLUS_BYTES, end - _ID3V1_PLUS_BYTES + 4) == b"TAG+":
        return Block("ID3v1", end - _ID3V1_PLUS_BYTES, _ID3V1_PLUS_BYTES)
    if size >= _APE_BYTES:
        foot = read(end - _APE_BYTES, end)
        if foot[:8] == b"APETAGEX":
            length = int.from_bytes(foot[12:16], "little") + (_APE_BYTES if foot[23] & _APE_HAS_HEADER else 0)
            return Block("APE", end - length, length) if _APE_BYTES <= length <= size else None
    foot = read(max(begin, end - 10), end)
    if foot[:3] == b"3DI" and len(foot) == 10:
        length = id3v2_bytes(b"ID3" + foot[3:])
        return Block("ID3v2", end - length, length) if 20 <= length <= size else None
    if foot[1:] in (b"LYRICS200", b"LYRICSEND"):
        text = read(max(begin, end - _LYRICS_LARGEST), end)
        start = text.rfind(b"LYRICSBEGIN")
        return Block("Lyrics3", end - len(text) + start, len(text) - start) if start >= 0 else None
    return None


def tags_at_end(read: Read, begin: int, end: int) -> list[Block]:
    """Return the consecutive tags at the end of a stretch, in the order of the file."""
    found: list[Block] = []
    while (tag := tag_before(read, begin, end)) is not None:
        found.insert(0, tag)
        end = tag.position
    return found


def _plain(read: Read, begin: int, end: int) -> list[Block]:
    """Name bytes that are not a tag: zeros are padding."""
    if end <= begin:
        return []
    zeros = end - begin <= _SEARCHED and not any(read(begin, end))
    return [Block(PADDING if zeros else GARBAGE, begin, end - begin)]


def name_blocks(read: Read, begin: int, end: int) -> list[Block]:
    """Name the contents of a stretch without frames, in the order of the file; the blocks cover all of it."""
    tail = tags_at_end(read, begin, end)
    end = tail[0].position if tail else end
    blocks: list[Block] = []
    while begin < end:
        tag, after = _next_tag(read, begin, end)
        blocks += _plain(read, begin, tag.position if tag else end)
        if tag is None:
            break
        # An APE tag without a header can be recognised only at its end.
        blocks.append(tag)
        begin = after
    return [*blocks, *tail]


def _next_tag(read: Read, begin: int, end: int) -> tuple[Block | None, int]:
    """Return the first tag of a stretch, and the position at which to look for the next."""
    text = read(begin, min(end, begin + _SEARCHED))
    for match in _MAGIC.finditer(text):
        at = begin + match.start()
        if match.group() == b"APETAGEX" and match.start() + _APE_BYTES <= len(text):
            # If this is a footer, the tag is before it.
            tag = tag_at(read, at, end) or tag_before(read, begin, at + _APE_BYTES)
        elif match.group() == b"StreamTitle='":
            tag = tag_at(read, at - 1, end) if at > begin else None
        elif match.group() == b"TAG":
            # Three letters occur by chance: the tag must begin or end the stretch.
            tag = tag_at(read, at, end) if at == begin or at + _ID3V1_BYTES == end else None
        else:
            tag = tag_at(read, at, end)
        if tag is not None and tag.position >= begin:
            return tag, tag.end
    return None, end
