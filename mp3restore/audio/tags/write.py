"""Writing tags into a complete result."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from typing import Any, BinaryIO, Final

from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC
from mutagen.mp3 import MP3
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from mp3restore.audio.tags.content import Tags
from mp3restore.audio.tags.id3 import frames_for
from mp3restore.audio.tags.riff import append_chunk, info_chunk
from mp3restore.job import Container

__all__ = ["write_tags"]

_OGG: Final[dict[Container, type[OggVorbis | OggOpus]]] = {"ogg": OggVorbis, "opus": OggOpus}
_PICTURE = "METADATA_BLOCK_PICTURE"
_LARGEST_BLOCK = (1 << 24) - (1 << 12)  # a block of metadata in FLAC holds 16 MiB with its head


def write_tags(file: BinaryIO, container: Container, tags: Tags) -> str:
    """Write tags into a complete file that is open for reading and writing.

    Returns
    -------
    str
        What could not be read or kept, by name; empty if everything was.
    """
    lost = list(tags.lost)
    pictures = [picture for picture in tags.pictures if len(picture.data) < _LARGEST_BLOCK]
    lost += ["picture of more than 16 MB"] * (len(tags.pictures) - len(pictures))
    file.seek(0)
    if container == "flac":
        comments = _fitting(tags.comments, lost)
        _write_flac(file, comments, pictures)
    elif container in _OGG:
        _write_ogg(file, _OGG[container], tags.comments, pictures)
    elif container == "mp3":
        lost = _without_frames(lost, tags)
        _write_mp3(file, tags, pictures)
    elif file.read(4) == b"RF64":
        return "no tags are kept: no program reads them in WAV files of this size"
    else:
        lost = _without_frames(lost, tags)
        _write_wav(file, tags, pictures)
    parts = [f"tags could not be read: {_counted(tags.problems)}"] if tags.problems else []
    parts += [f"not kept of the tags: {_counted(lost)}"] if lost else []
    return "; ".join(parts)


def _without_frames(lost: list[str], tags: Tags) -> list[str]:
    """Leave out what an ID3 tag keeps as the frame that it was."""
    kept = {frame.FrameID for frame in tags.frames}
    return [name for name in lost if name not in kept]


def _counted(names: list[str]) -> str:
    return ", ".join(name if count == 1 else f"{name} ({count})" for name, count in sorted(Counter(names).items()))


def _fitting(comments: dict[str, list[str]], lost: list[str]) -> dict[str, list[str]]:
    """Leave out the largest comments until all of them fit into one block."""
    sizes = {name: sum(len(name) + 5 + len(value.encode()) for value in values) for name, values in comments.items()}
    while sum(sizes.values()) > _LARGEST_BLOCK:
        largest = max(sizes, key=lambda name: sizes[name])
        del sizes[largest]
        lost.append(largest)
    return {name: comments[name] for name in sizes}


def _write_flac(file: BinaryIO, comments: dict[str, list[str]], pictures: list[Picture]) -> None:
    file.seek(0)
    flac = FLAC(file)
    flac.tags.clear()
    flac.tags.extend((key, value) for key, values in comments.items() for value in values)
    for picture in pictures:
        flac.add_picture(picture)
    file.seek(0)
    flac.save(file)


def _write_ogg(
    file: BinaryIO, kind: type[OggVorbis | OggOpus], comments: dict[str, list[str]], pictures: list[Picture]
) -> None:
    file.seek(0)
    ogg = kind(file)
    ogg.tags.clear()
    ogg.tags.extend((key, value) for key, values in comments.items() for value in values)
    ogg.tags.extend((_PICTURE, b64encode(picture.write()).decode("ascii")) for picture in pictures)
    file.seek(0)
    ogg.save(file)


def _write_mp3(file: BinaryIO, tags: Tags, pictures: list[Picture]) -> None:
    file.seek(0)
    mp3 = MP3(file)
    mp3.add_tags()
    _fill_id3(mp3.tags, tags, pictures)
    file.seek(0)
    mp3.save(file, v2_version=4)


def _write_wav(file: BinaryIO, tags: Tags, pictures: list[Picture]) -> None:
    """Write an ID3v2.4 tag, and the texts that other programs look for in a LIST chunk."""
    info = info_chunk(tags.comments)
    if info:
        append_chunk(file, b"LIST", info)
    file.seek(0)
    wave = WAVE(file)
    wave.add_tags()
    _fill_id3(wave.tags, tags, pictures)
    file.seek(0)
    wave.save(file, v2_version=4)


def _fill_id3(id3: Any, tags: Tags, pictures: list[Picture]) -> None:  # noqa: ANN401 - mutagen has no types
    """Add the frames and pictures to an empty ID3 tag."""
    for frame in frames_for(tags):
        id3.add(frame)
    taken: set[str] = set()
    for picture in pictures:
        description = picture.desc
        while description in taken:  # frames of one description replace each other
            description += " "
        taken.add(description)
        id3.add(APIC(encoding=3, mime=picture.mime, type=picture.type, desc=description, data=picture.data))
