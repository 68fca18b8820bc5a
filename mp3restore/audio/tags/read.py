"""Reading the tags of any file, on their own: a parser that rejects the audio takes no tags away."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import mutagen
from mutagen.apev2 import APEBinaryValue, APEv2
from mutagen.asf import ASF
from mutagen.flac import Picture
from mutagen.id3 import ID3, ID3NoHeaderError, ParseID3v1
from mutagen.mp4 import MP4, AtomDataType

from mp3restore.audio.tags.content import Tags, chapter_comments
from mp3restore.audio.tags.id3 import take_frames
from mp3restore.audio.tags.names import APE, DESCRIPTIONS, NUMBERS, RIFF, described
from mp3restore.audio.tags.names import ASF as ASF_NAMES
from mp3restore.audio.tags.names import MP4 as MP4_NAMES
from mp3restore.audio.tags.riff import read_chunks, read_info

__all__ = ["read_tags"]

_ASF_GUID = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ID3V1_BYTES, _HEADER_BYTES, _APE_HEADER_BYTES = 128, 10, 32
_APE_COVERS = {"COVER ART (FRONT)": 3, "COVER ART (BACK)": 4}  # and their kinds in ID3
_AIFF_TEXTS = {b"NAME": "TITLE", b"AUTH": "ARTIST", b"ANNO": "COMMENT", b"(c) ": "COPYRIGHT"}


def read_tags(file: Path | BinaryIO) -> tuple[Tags, bool]:
    """Read the tags of a file, and whether it is a result of this program.

    A file may have several. Of each comment the first tag that has it counts, and so does the first that has a kind of
    picture, in this order: the format's own (FLAC, Ogg, MP4, ASF), ID3v2 from the first to the last one, APEv2, the
    texts of RIFF and AIFF, and ID3v1, which cuts its texts short. What cannot be read is noted in `Tags.problems`.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return read_tags(opened)
    file.seek(0)
    head = file.read(16)
    tags = Tags()
    kinds: list[tuple[str, Callable[[BinaryIO, Tags], None]]] = []
    if head[:4] in (b"RIFF", b"RF64", b"FORM"):
        kinds = [("tags in chunks", _read_riff)]
    elif head[4:8] == b"ftyp":
        kinds = [("MP4 tags", _read_mp4)]
    elif head == _ASF_GUID:
        kinds = [("ASF tags", _read_asf)]
    else:
        kinds = [("comments", _read_comments)] if head[:4] in (b"fLaC", b"OggS") or _flac_after_id3(file) else []
        kinds += [("ID3v2 tag", _read_id3v2), ("APEv2 tag", _read_ape), ("ID3v1 tag", _read_id3v1)]
    for name, read in kinds:
        found = Tags()
        try:
            read(file, found)
        except Exception as error:  # parsers of damaged files raise all sorts of errors
            found.problems.append(f"{name} ({type(error).__name__})")
        tags.merge(found)
    return tags, tags.ours


def _id3v2_bytes(head: bytes) -> int:
    """Length of an ID3v2 tag by its header, or footer; 0 where it is none."""
    if len(head) < _HEADER_BYTES or head[:3] not in (b"ID3", b"3DI") or max(head[6:10]) > 0x7F or head[3] > 4:
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    footer = _HEADER_BYTES if head[5] & 0x10 else 0
    return _HEADER_BYTES + size + footer


def _flac_after_id3(file: BinaryIO) -> bool:
    position = 0
    while size := _id3v2_bytes(_at(file, position, _HEADER_BYTES)):
        position += size
    return position > 0 and _at(file, position, 4) == b"fLaC"


def _at(file: BinaryIO, position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(size)


def _read_comments(file: BinaryIO, tags: Tags) -> None:
    """Read FLAC and Ogg files."""
    file.seek(0)
    found = mutagen.File(file)
    if found is None or found.tags is None:
        return
    for key, value in found.tags:
        _add(tags, key, [value])
    for picture in getattr(found, "pictures", []):
        tags.add_picture(picture.data, picture.mime, picture.type, picture.desc)
    for text in found.tags.get("metadata_block_picture", []):
        picture = Picture(base64.b64decode(text))
        tags.add_picture(picture.data, picture.mime, picture.type, picture.desc)


def _add(tags: Tags, key: str, values: list[str]) -> None:
    """Add a comment, and split numbers such as "3/12"."""
    for number, total in NUMBERS.values():
        if key.upper() == number and len(values) == 1 and "/" in values[0]:
            first, _, last = values[0].partition("/")
            tags.add(number, [first.strip()])
            tags.add(total, [last.strip()])
            return
    tags.add(key, values)


def _read_id3v2(file: BinaryIO, tags: Tags) -> None:
    """Read the tags at the beginning, one behind the other, and the one at the end."""
    position = 0
    while size := _id3v2_bytes(_at(file, position, _HEADER_BYTES)):
        _take_id3v2(_at(file, position, size), tags)
        position += size
    file.seek(0, io.SEEK_END)
    end = file.tell() - (_ID3V1_BYTES if _id3v1(file) else 0)
    end -= _ape_bytes(_at(file, max(0, end - _APE_HEADER_BYTES), _APE_HEADER_BYTES))
    footer = _at(file, max(0, end - _HEADER_BYTES), _HEADER_BYTES)
    size = _id3v2_bytes(footer)
    if footer[:3] == b"3DI" and end - size >= position:
        _take_id3v2(_at(file, end - size, size), tags)


def _ape_bytes(footer: bytes) -> int:
    """Length of an APEv2 tag by its footer; 0 where it is none."""
    if footer[:8] != b"APETAGEX":
        return 0
    size, _, flags = struct.unpack("<III", footer[12:24])
    return int(size) + (_APE_HEADER_BYTES if flags >> 31 else 0)


def _take_id3v2(data: bytes, tags: Tags) -> None:
    found = Tags()
    try:
        id3 = ID3(io.BytesIO(data), load_v1=False)
    except ID3NoHeaderError:
        return
    except Exception as error:  # as in `read_tags`; other tags may be whole
        tags.problems.append(f"ID3v2 tag ({type(error).__name__})")
        return
    take_frames(id3.values(), found)
    found.lost += [frame[:4].decode("latin-1") for frame in id3.unknown_frames]
    tags.merge(found)


def _id3v1(file: BinaryIO) -> bytes:
    file.seek(0, io.SEEK_END)
    data = _at(file, max(0, file.tell() - _ID3V1_BYTES), _ID3V1_BYTES)
    return data if data[:3] == b"TAG" else b""


def _read_id3v1(file: BinaryIO, tags: Tags) -> None:
    frames = ParseID3v1(_id3v1(file)) or {}
    for frame in frames.values():
        if frame.FrameID == "COMM":
            frame.desc = ""  # the parser's own
    take_frames(frames.values(), tags)
    tags.frames = []  # as comments they are written once


def _read_ape(file: BinaryIO, tags: Tags) -> None:
    """Read an APEv2 tag: texts, and covers (a file name, a zero byte, and the picture)."""
    file.seek(0)
    try:
        found = APEv2(file)
    except mutagen.apev2.APENoHeaderError:
        return
    for key, value in found.items():
        name = key.upper()
        if isinstance(value, APEBinaryValue):
            if name in _APE_COVERS:
                tags.add_picture(bytes(value).partition(b"\0")[2], "", _APE_COVERS[name])
            else:
                tags.lost.append(f"APEv2 {key}")
        else:
            _add(tags, APE.get(name, described(name)), [str(each) for each in value])


def _read_riff(file: BinaryIO, tags: Tags) -> None:
    texts = Tags()
    for name, content in read_chunks(file):
        if name in (b"id3 ", b"ID3 "):
            _take_id3v2(content, tags)
        elif name == b"LIST":
            for key, text in read_info(content):
                if key in RIFF:
                    _add(texts, RIFF[key], [text])
                elif key not in ("ISFT", "ITCH"):  # the programs that made the file
                    texts.lost.append(f"INFO {key}")
        else:
            texts.add(_AIFF_TEXTS[name], [content.rstrip(b"\0").decode("utf-8", "replace")])
    tags.merge(texts)


def _read_mp4(file: BinaryIO, tags: Tags) -> None:
    file.seek(0)
    found = MP4(file)
    for key, values in (found.tags or {}).items():
        _take_atom(key, values, tags)
    for key, value in chapter_comments((each.start, each.title, "") for each in found.chapters or ()):
        tags.add(key, [value])


def _take_atom(key: str, values: Any, tags: Tags) -> None:  # noqa: ANN401 - mutagen has no types
    if key == "covr":
        for each in values:
            tags.add_picture(bytes(each))
    elif key in ("trkn", "disk"):
        names = NUMBERS["TRCK" if key == "trkn" else "TPOS"]
        for name, number in zip(names, values[0], strict=True):
            tags.add(name, [str(number)] if number else [])
    elif key.startswith("----:"):
        name = key.split(":", 2)[2]
        texts = [bytes(each) for each in values if each.dataformat in (AtomDataType.UTF8, AtomDataType.IMPLICIT)]
        if texts:
            _add(tags, described(name), [text.decode("utf-8", "replace") for text in texts])
        else:
            tags.lost.append(f"MP4 {name}")
    elif key in MP4_NAMES:
        flags = [values] if isinstance(values, bool) else values
        tags.add(MP4_NAMES[key], [str(int(each)) if isinstance(each, bool) else str(each) for each in flags])
    elif key not in ("\xa9too", "\xa9enc", "pgap"):  # the encoder
        tags.lost.append(f"MP4 {key}")


def _read_asf(file: BinaryIO, tags: Tags) -> None:
    file.seek(0)
    for key, value in ASF(file).tags or ():
        name = ASF_NAMES.get(key) or DESCRIPTIONS.get(key.replace("/", " ").upper())
        if key == "WM/Picture":
            _add_asf_picture(value.value, tags)
        elif name is not None:
            _add(tags, name, [str(int(value.value)) if isinstance(value.value, bool) else str(value)])
        elif isinstance(value.value, bytes):
            tags.lost.append(f"ASF {key}")
        else:
            tags.add(key.removeprefix("WM/"), [str(value)])


def _add_asf_picture(data: bytes, tags: Tags) -> None:
    """A byte for the kind, the length, then MIME type and description in UTF-16 with zeros, and the data."""
    kind, size = struct.unpack("<BI", data[:5])
    texts, rest = [], data[5:]
    for _ in range(2):
        end = next(k for k in range(0, len(rest), 2) if rest[k : k + 2] == b"\0\0")
        texts.append(rest[:end].decode("utf-16-le", "replace"))
        rest = rest[end + 2 :]
    tags.add_picture(rest[:size], texts[0], kind, texts[1])
