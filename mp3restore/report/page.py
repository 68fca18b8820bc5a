"""Pages that include their audio: the report of one song, and the gallery of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from mp3restore.errors import UsageError
from mp3restore.files import atomic_file
from mp3restore.report.comparison import Comparison, compare
from mp3restore.report.request import ReportRequest
from mp3restore.views.render import render
from mp3restore.views.tracks import FLAC, OPUS

__all__ = [
    "PAGE_BYTES", "Gallery", "Report", "Song", "build_gallery", "build_report", "check_clips", "page_of",
    "write_gallery", "write_report",
]  # fmt: skip

# base64 turns three bytes into four characters.
PAGE_BYTES = 18_000_000
"""Most bytes of audio in a page, which then has less than 25 MB."""

_SCRIPTS = ("player.js", "spectrogram.js", "compare.js", "report.js")
# With more, the excerpts would be too short to judge anything by: this many of 5 s fill a page.
_MOST_CLIPS = 220


@dataclass(frozen=True, slots=True)
class Report:
    """A page, and warnings about the files on it."""

    html: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Song:
    """A song of a gallery.

    Attributes
    ----------
    title : str
        Songs of the same title, one after the other, stand together in the index: one piece of music in several
        encodes.
    request : ReportRequest
        Its files.
    version : str
        What tells it from others of the same title.
    credit : str
        Who made the music, and under which licence it is.
    """

    title: str
    request: ReportRequest
    version: str = ""
    credit: str = ""


@dataclass(frozen=True, slots=True)
class Gallery:
    """A page of several songs with one player.

    Attributes
    ----------
    title : str
        The heading.
    songs : sequence of Song
        At least one.
    introduction : str
        A paragraph below the heading.
    command : str, optional
        Makes the page again.
    """

    title: str
    songs: Sequence[Song]
    introduction: str = ""
    command: str | None = None


def build_report(request: ReportRequest, page: str | Path = "page.html") -> Report:
    """Build the page of one song.

    Excerpts that the report chooses are 30 s long, or shorter if the page would otherwise exceed 25 MB.

    Parameters
    ----------
    request : ReportRequest
        The contents of the page.
    page : str or Path
        Name of the page in the command that makes it again.

    Raises
    ------
    UsageError
        If the excerpt lies outside a file.
    NoInputError, InputError
        If a file cannot be read.
    """
    return page_of(compare(request, most_bytes=PAGE_BYTES, coding=FLAC), page)


def page_of(found: Comparison, page: str | Path) -> Report:
    """Build the page of one song that has been compared already; `page` is as in `build_report`."""
    title = f"{found.request.name(found.request.original)}: MP3 and restoration"
    song = found.values(title=title, command=found.request.command(page))
    return Report(_render(title, [song], [found.data], found.audio), found.warnings)


def check_clips(count: int) -> None:
    """Refuse a gallery of so many files.

    Raises
    ------
    UsageError
        If a page cannot hold them.
    """
    if count > _MOST_CLIPS:
        raise UsageError(
            f"one page can hold {_MOST_CLIPS} files, not {count}",
            hint="give --report a folder, which gets a page for each song, or take fewer songs",
        )


def build_gallery(gallery: Gallery) -> Report:
    """Build the page of several songs; the more they are, the shorter are the excerpts that the program chooses.

    Raises
    ------
    UsageError
        If there are no songs, or more than a page can hold, or an excerpt lies outside a file.
    NoInputError, InputError
        If a file cannot be read.
    """
    if not gallery.songs:
        raise UsageError("a page needs at least one song")
    check_clips(sum(len(song.request.paths) for song in gallery.songs))
    values: list[dict[str, Any]] = []
    data: list[dict[str, Any]] = []
    audio: dict[str, bytes] = {}
    warnings: list[str] = []
    for song in gallery.songs:
        found = compare(song.request, most_bytes=PAGE_BYTES / len(gallery.songs), coding=OPUS)
        title = f"{song.title}, {song.version}" if song.version else song.title
        values.append({**found.values(title=title, credit=song.credit), "song": song.title, "version": song.version})
        data.append({**found.data, "song": song.title, "title": title})
        audio.update(found.audio)
        warnings += found.warnings
    html = _render(gallery.title, values, data, audio, introduction=gallery.introduction, page_command=gallery.command)
    return Report(html, tuple(warnings))


def _render(
    title: str,
    songs: list[dict[str, Any]],
    data: list[dict[str, Any]],
    audio: Mapping[str, bytes],
    *,
    introduction: str = "",
    page_command: str | None = None,
) -> str:
    numbered = enumerate(songs)
    index = [
        (name, [(number, song.get("version")) for number, song in entries])
        for name, entries in groupby(numbered, lambda entry: entry[1].get("song"))
    ]
    return render(
        "report.html", scripts=_SCRIPTS, data={"songs": data}, audio=audio, title=title, songs=songs, index=index,
        introduction=introduction, page_command=page_command,
        credits=list(dict.fromkeys(song["credit"] for song in songs if song["credit"])),
    )  # fmt: skip


def write_report(request: ReportRequest, target: Path, *, overwrite: bool = False) -> tuple[str, ...]:
    """Write the page of one song, completely or not at all, and return warnings about the files on it.

    Raises
    ------
    UsageError, NoInputError, InputError
        As for `build_report`.
    OutputError
        If it cannot be written, or already exists and may not be overwritten.
    """
    return _write(build_report(request, target), target, overwrite=overwrite)


def write_gallery(gallery: Gallery, target: Path, *, overwrite: bool = False) -> tuple[str, ...]:
    """Write the page of several songs, completely or not at all, and return warnings about the files on it.

    Raises
    ------
    UsageError, NoInputError, InputError
        As for `build_gallery`.
    OutputError
        As for `write_report`.
    """
    return _write(build_gallery(gallery), target, overwrite=overwrite)


def _write(report: Report, target: Path, *, overwrite: bool) -> tuple[str, ...]:
    with atomic_file(target, overwrite=overwrite) as file:
        file.write(report.html.encode("utf-8"))
    return report.warnings
