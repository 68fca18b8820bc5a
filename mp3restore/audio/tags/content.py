"""What the tags of a file say.

Everything has the name of a Vorbis comment, in upper case, with a list of values. ID3 frames are kept beside that as
they were, for results that can hold them. What tells of the encoder or of the loudness of the input does not hold for
the result and is left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mutagen.flac import Picture

__all__ = ["PROVENANCE", "Tags", "chapter_comments", "legal_key", "make_picture"]

PROVENANCE = "MP3RESTORE_"
"""What the names of the comments begin with that say how a result was made."""

_STALE = re.compile(
    "REPLAYGAIN_|R128_|MP3GAIN_|ITUN|ENCODE|ENCODING|TLEN$|LENGTH$|CUESHEET$|METADATA_BLOCK_PICTURE$|COVERART|"
    + PROVENANCE
)
_ILLEGAL_IN_KEY = re.compile(r"[^ -<>-}]")
_MIME = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"BM": "image/bmp"}
_LINK = "-->"  # in the place of a MIME type: the picture is an address


@dataclass(slots=True)
class Tags:
    """Comments and pictures of a file.

    Attributes
    ----------
    comments : dict of str to list of str
        Names in upper case, and their values.
    pictures : list of Picture
        Pictures, as FLAC has them.
    frames : list of mutagen.id3.Frame
        The ID3v2 frames of the input that hold for the result, for formats with ID3 tags.
    lost : list of str
        Names of what has no place among comments or pictures.
    problems : list of str
        What could not be read.
    ours : bool
        Whether the file is a result of this program.
    """

    comments: dict[str, list[str]] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)
    frames: list[Any] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    ours: bool = False

    def add(self, name: str, values: Iterable[str]) -> None:
        """Add values to a comment, unless it is one that does not hold for a result."""
        key = legal_key(name)
        self.ours = self.ours or key.startswith(PROVENANCE)
        if _STALE.match(key):
            return
        present = self.comments.get(key, [])
        # Half of a surrogate pair, as damaged UTF-16 has it, cannot be written.
        whole = [value.encode("utf-8", "replace").decode() for value in values]
        kept = [value for value in dict.fromkeys(whole) if value and value not in present]
        if kept:
            self.comments[key] = present + kept

    def add_picture(self, data: bytes, mime: str = "", kind: int = 3, description: str = "") -> None:
        """Add a picture; the kinds are those of ID3, 3 is the front cover."""
        if mime == _LINK:
            self.lost.append("link to a picture")
        elif not data:
            self.lost.append("picture of 0 bytes")
        else:
            self.pictures.append(make_picture(data, mime, kind, description))

    def merge(self, later: Tags) -> None:
        """Take over what only `later` has: comments by name, pictures by kind."""
        for name, values in later.comments.items():
            self.comments.setdefault(name, values)
        kinds = {picture.type for picture in self.pictures}
        self.pictures += [picture for picture in later.pictures if picture.type not in kinds]
        present = {frame.HashKey for frame in self.frames}
        self.frames += [frame for frame in later.frames if frame.HashKey not in present]
        self.lost += later.lost
        self.problems += later.problems
        self.ours = self.ours or later.ours


def legal_key(name: str) -> str:
    """Spell a name with the characters that names of Vorbis comments may have; "=" is none of them."""
    letters = [c for c in unicodedata.normalize("NFKD", name.upper()) if not unicodedata.combining(c)]
    return _ILLEGAL_IN_KEY.sub("_", "".join(letters)).strip() or "TXXX"


def make_picture(data: bytes, mime: str = "", kind: int = 3, description: str = "") -> Picture:
    """Make a picture whose type is that of its data where nothing else says it."""
    picture = Picture()
    picture.data, picture.type, picture.desc = data, kind if 0 <= kind <= 20 else 0, description
    known = next((each for magic, each in _MIME.items() if data.startswith(magic)), "")
    picture.mime = known or (mime if "/" in mime else f"image/{mime.lower() or 'jpeg'}")
    return picture


def chapter_comments(chapters: Iterable[tuple[float, str, str]]) -> Iterable[tuple[str, str]]:
    """Write chapters (start in seconds, title, address) as comments: CHAPTER001, CHAPTER001NAME, CHAPTER001URL."""
    for number, (start, title, url) in enumerate(sorted(chapters), 1):
        minutes, seconds = divmod(round(start * 1000), 60_000)
        yield f"CHAPTER{number:03}", f"{minutes // 60:02}:{minutes % 60:02}:{seconds // 1000:02}.{seconds % 1000:03}"
        if title:
            yield f"CHAPTER{number:03}NAME", title
        if url:
            yield f"CHAPTER{number:03}URL", url
