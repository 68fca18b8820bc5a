"""Tags and pictures on their way from the input to the result.

Everything goes through the names of Vorbis comments, in upper case, with a list of values each. What tells of the
encoder or of the loudness of the input does not hold for the result and is left out.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import mutagen
from mutagen.apev2 import APEBinaryValue, APEv2
from mutagen.easymp4 import EasyMP4
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, COMM, ID3, TXXX, USLT, Frames
from mutagen.mp4 import MP4
from mutagen.wave import WAVE

from mp3restore.job import Container

__all__ = ["PROVENANCE", "Tags", "read_tags", "write_tags"]

PROVENANCE = "MP3RESTORE_"
"""What the names of the comments begin with that say how a result was made."""

_FRAMES = {
    "TALB": "ALBUM", "TBPM": "BPM", "TCMP": "COMPILATION", "TCOM": "COMPOSER", "TCON": "GENRE", "TCOP": "COPYRIGHT",
    "TDOR": "ORIGINALDATE", "TDRC": "DATE", "TEXT": "LYRICIST", "TIT1": "GROUPING", "TIT2": "TITLE",
    "TIT3": "SUBTITLE", "TKEY": "INITIALKEY", "TLAN": "LANGUAGE", "TMED": "MEDIA", "TMOO": "MOOD",
    "TPE1": "ARTIST", "TPE2": "ALBUMARTIST", "TPE3": "CONDUCTOR", "TPE4": "REMIXER", "TPUB": "ORGANIZATION",
    "TSO2": "ALBUMARTISTSORT", "TSOA": "ALBUMSORT", "TSOC": "COMPOSERSORT", "TSOP": "ARTISTSORT",
    "TSOT": "TITLESORT", "TSRC": "ISRC", "TSST": "DISCSUBTITLE",
}  # fmt: skip
_FRAME_OF = {name: frame for frame, name in _FRAMES.items()}
# Numbers that ID3 writes as "3/12".
_NUMBERS = {"TRCK": ("TRACKNUMBER", "TRACKTOTAL"), "TPOS": ("DISCNUMBER", "DISCTOTAL")}
# What APEv2 calls otherwise than Vorbis comments do.
_APE_NAMES = {"TRACK": "TRACKNUMBER", "DISC": "DISCNUMBER", "YEAR": "DATE", "ALBUM ARTIST": "ALBUMARTIST"}
_APE_COVERS = {"COVER ART (FRONT)": 3, "COVER ART (BACK)": 4}  # and their kinds in ID3
_STALE = re.compile(
    "REPLAYGAIN_|R128_|MP3GAIN_|ITUN|ENCODE|ENCODING|TLEN$|LENGTH$|CUESHEET$|METADATA_BLOCK_PICTURE$|" + PROVENANCE
)
_LEGAL_KEY = re.compile(r"[ -<>-}]+")
_LARGEST_PICTURE = (1 << 24) - (1 << 12)  # a FLAC block holds 16 MiB with its head


@dataclass(slots=True)
class Tags:
    """Comments and pictures of a file."""

    comments: dict[str, list[str]] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)

    def add(self, key: str, values: list[str]) -> None:
        """Add values to a comment, unless it is one that does not hold for a result."""
        key = key.upper()
        kept = [value for value in values if value and value not in self.comments.get(key, [])]
        if kept and _LEGAL_KEY.fullmatch(key) and not _STALE.match(key):
            self.comments.setdefault(key, []).extend(kept)


def read_tags(file: Path | BinaryIO) -> tuple[Tags, bool]:
    """Read the tags of a file as far as they can be read, and whether it is a result of ours."""
    name = file if isinstance(file, Path) else Path(file.name)
    tags = Tags()
    try:
        found = mutagen.File(file)
        raw = None if found is None else found.tags
        if raw is None and found is not None and name.suffix.lower() in (".mp3", ".mpga"):
            raw = APEv2(file)
    except (mutagen.MutagenError, OSError, ValueError):
        return tags, False
    if isinstance(raw, ID3):
        ours = _from_id3(raw, tags)
    elif isinstance(found, MP4):
        ours = _from_comments(EasyMP4(file).tags or {}, tags)
        tags.pictures += [_picture(bytes(data), _mp4_mime(data)) for data in (raw or {}).get("covr", [])]
    elif isinstance(raw, APEv2):
        ours = _from_ape(raw, tags)
    elif raw is not None:
        ours = _from_comments(raw, tags)
        tags.pictures += getattr(found, "pictures", []) or _ogg_pictures(raw)
    else:
        ours = False
    return tags, ours


def _from_comments(raw: Any, tags: Tags) -> bool:  # noqa: ANN401 - mutagen has no types
    """Take over what is a text under each name; whether provenance is among it."""
    for key in raw.keys():  # noqa: SIM118 - not all of mutagen's containers can be iterated
        value = raw[key]
        values = [value] if isinstance(value, str) else [str(each) for each in value if isinstance(each, str)]
        for name, text in _split_number(key.upper().removeprefix("----:COM.APPLE.ITUNES:"), values):
            tags.add(name, text)
    return any(key.upper().startswith(PROVENANCE) for key in raw.keys())  # noqa: SIM118


def _from_ape(raw: APEv2, tags: Tags) -> bool:
    """Take over texts, and covers: a file name, a zero byte, and the picture."""
    for key, value in raw.items():
        name = key.upper()
        if isinstance(value, APEBinaryValue):
            data = bytes(value).partition(b"\0")[2]
            if name in _APE_COVERS and data:
                mime = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
                tags.pictures.append(_picture(data, mime, _APE_COVERS[name]))
            continue
        for known, values in _split_number(_APE_NAMES.get(name, name), [str(each) for each in value]):
            tags.add(known, values)
    return any(key.upper().startswith(PROVENANCE) for key in raw)


def _split_number(key: str, values: list[str]) -> list[tuple[str, list[str]]]:
    for number, total in _NUMBERS.values():
        if key == number and len(values) == 1 and "/" in values[0]:
            first, _, last = values[0].partition("/")
            return [(number, [first.strip()]), (total, [last.strip()])]
    return [(key, values)]


def _comments_of(frame: Any) -> list[tuple[str, list[str]]]:  # noqa: ANN401
    """Names and values of an ID3 frame; none for what has no place among comments."""
    name = frame.FrameID
    if name == "TCON":
        return [("GENRE", list(frame.genres))]
    if name == "USLT":
        return [("LYRICS", [frame.text])]
    if name == "UFID":
        known = frame.owner == "http://musicbrainz.org"
        return [("MUSICBRAINZ_TRACKID", [frame.data.decode("ascii", "replace")])] if known else []
    if name == "COMM" and _STALE.match(frame.desc.upper()):
        return []
    key = {"TXXX": getattr(frame, "desc", ""), "COMM": "COMMENT", **_FRAMES}.get(name)
    if name in _NUMBERS:
        key = _NUMBERS[name][0]
    return [] if key is None else _split_number(key, [str(text) for text in frame.text])


def _from_id3(raw: ID3, tags: Tags) -> bool:
    ours = False
    for frame in raw.values():
        if frame.FrameID == "APIC":
            tags.pictures.append(_picture(frame.data, frame.mime, frame.type, frame.desc))
            continue
        for key, values in _comments_of(frame):
            ours = ours or key.upper().startswith(PROVENANCE)
            tags.add(key, values)
    return ours


def _picture(data: bytes, mime: str, kind: int = 3, description: str = "") -> Picture:
    picture = Picture()
    picture.data, picture.mime, picture.type, picture.desc = data, mime, kind, description
    return picture


def _mp4_mime(cover: Any) -> str:  # noqa: ANN401
    return "image/png" if cover.imageformat == cover.FORMAT_PNG else "image/jpeg"


def _ogg_pictures(raw: Any) -> list[Picture]:  # noqa: ANN401
    try:
        return [Picture(base64.b64decode(text)) for text in raw.get("metadata_block_picture", [])]
    except (mutagen.MutagenError, ValueError):
        return []


def write_tags(file: BinaryIO, container: Container, tags: Tags) -> str:
    """Write tags into a complete file that is open for reading and writing.

    Returns
    -------
    str
        What could not be written, and why; empty if everything was.
    """
    kept = [picture for picture in tags.pictures if len(picture.data) < _LARGEST_PICTURE]
    file.seek(0)
    if container == "flac":
        _write_flac(file, tags, kept)
    elif file.read(4) == b"RF64":
        return "no tags: no program reads them in WAV files of this size"
    else:
        _write_wav(file, tags, kept)
    return "" if len(kept) == len(tags.pictures) else "a picture of more than 16 MB was left out"


def _write_flac(file: BinaryIO, tags: Tags, pictures: list[Picture]) -> None:
    file.seek(0)
    flac = FLAC(file)
    if flac.tags is None:
        flac.add_tags()
    flac.tags.clear()
    flac.tags.extend((key, value) for key, values in tags.comments.items() for value in values)
    for picture in pictures:
        flac.add_picture(picture)
    file.seek(0)
    flac.save(file)


def _write_wav(file: BinaryIO, tags: Tags, pictures: list[Picture]) -> None:
    file.seek(0)
    wave = WAVE(file)
    wave.add_tags()
    comments = dict(tags.comments)
    for frame, (number, total) in _NUMBERS.items():
        if number in comments:
            parts = comments.pop(number)[:1] + comments.pop(total, [])[:1]
            wave.tags.add(Frames[frame](encoding=3, text=["/".join(parts)]))
    for key, values in comments.items():
        if key in _FRAME_OF:
            wave.tags.add(Frames[_FRAME_OF[key]](encoding=3, text=values))
        elif key == "COMMENT":
            wave.tags.add(COMM(encoding=3, lang="XXX", desc="", text=values))
        elif key == "LYRICS":
            wave.tags.add(USLT(encoding=3, lang="XXX", desc="", text="\n".join(values)))
        else:
            wave.tags.add(TXXX(encoding=3, desc=key, text=values))
    for k, picture in enumerate(pictures):
        # Frames of one description replace each other.
        description = picture.desc or (str(k) if k else "")
        wave.tags.add(APIC(encoding=3, mime=picture.mime, type=picture.type, desc=description, data=picture.data))
    file.seek(0)
    wave.save(file)
