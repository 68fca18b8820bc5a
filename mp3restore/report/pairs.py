"""Which files of several folders belong together: originals, their restorations, and recordings without loss."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mp3restore.errors import NoInputError, UsageError
from mp3restore.job import AUDIO_SUFFIXES
from mp3restore.report.page import Song
from mp3restore.report.request import ReportRequest

__all__ = ["songs_in"]

# What `mp3restore` puts behind the name of an input.
_ADDED = re.compile(r"(\.restored)?(\.v(\d+))?$")


def songs_in(
    originals: Path,
    restored: Sequence[Path],
    reference: Path | None = None,
    *,
    start: float | None = None,
    duration: float | None = None,
) -> list[Song]:
    """Find the songs of folders; those without a restoration are left out.

    Files belong together if they have the same name in the same subfolder, apart from the suffix. A restoration may
    also have ``.restored`` or ``.v1``, ``.v2`` and so on at the end of its name.

    Parameters
    ----------
    originals : Path
        Folder of the files before restoration.
    restored : sequence of Path
        Folders of restorations; one of them may be `originals`.
    reference : Path, optional
        Folder of the recordings that the originals were made from.
    start, duration : float, optional
        The part of each song, in seconds; if neither is given, the page chooses it.

    Raises
    ------
    UsageError
        If not all are folders, or a song has too many restorations.
    NoInputError
        If no song has a restoration.
    """
    folders = [originals, *restored, *([reference] if reference else [])]
    for folder in folders:
        if not folder.is_dir():
            raise UsageError("is not a folder, but others are", path=folder, hint="name files alone, or folders alone")
    others = [folder for folder in folders if folder != originals]  # they may lie within
    within = [path for path in _audio_in(originals) if not any(path.is_relative_to(folder) for folder in others)]
    sources = [path for path in within if not _is_made(path)]
    known = {_key(path, originals) for path in sources}
    results: dict[str, list[Path]] = {}
    for folder in restored:
        for path in sorted(_audio_in(folder), key=_order):
            key = _key(path, folder)
            own = key if key in known and folder != originals else _ADDED.sub("", key)
            results.setdefault(own, []).append(path)
    references = {_key(path, reference): path for path in _audio_in(reference)} if reference else {}
    songs = []
    for path in sources:
        key = _key(path, originals)
        made = [each for each in results.get(key, []) if each not in sources]
        if made:
            request = ReportRequest(path, made, references.get(key), start, duration)
            songs.append(Song(path.relative_to(originals).as_posix(), request))
    if not songs:
        raise NoInputError(
            "has no song of which the other folders hold a restoration of the same name", path=originals,
            hint="results keep their names with -o FOLDER",
        )  # fmt: skip
    return songs


def _audio_in(folder: Path) -> Iterator[Path]:
    paths: Iterable[Path] = folder.rglob("*")
    return iter(sorted(path for path in paths if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()))


def _key(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _is_made(path: Path) -> bool:
    return bool(re.search(r"\.restored(\.v\d+)?$", path.stem))


def _order(path: Path) -> tuple[str, int]:
    """Variant 10 comes after variant 9."""
    found = _ADDED.search(path.stem)
    return _ADDED.sub("", str(path.with_suffix(""))), int(found[3] or 0) if found else 0
