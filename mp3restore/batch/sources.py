"""Which files are meant: the names, folders, patterns and lists of the user, as one list of audio files."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePath

from mp3restore.batch.manifest import MANIFEST_NAME, read_manifest
from mp3restore.errors import InputError

__all__ = ["AUDIO_SUFFIXES", "Source", "find_sources", "is_own_name", "read_list"]

# What is taken from a folder by its name; a file that is named itself is judged by its content alone.
AUDIO_SUFFIXES = frozenset(
    [
        ".aac",
        ".aif",
        ".aifc",
        ".aiff",
        ".au",
        ".caf",
        ".flac",
        ".m4a",
        ".mp1",
        ".mp2",
        ".mp3",
        ".mp4",
        ".mpga",
        ".oga",
        ".ogg",
        ".opus",
        ".rf64",
        ".w64",
        ".wav",
        ".wma",
        ".wv",
    ]
)
_OWN_STEM = re.compile(r"\.restored(\.v\d+)?$")


@dataclass(frozen=True, slots=True)
class Source:
    """A file to restore, and how it was found.

    Attributes
    ----------
    path : Path
        The file. One that was named is here even if there is none of this name.
    root : Path or None
        The folder below which it was found: what the user named, or the part of a pattern without wildcards.
    walked : bool
        Whether it was found in a folder that was named, and not by its own name or a pattern.
    problem : str
        Why it could not be looked at; empty where nothing is known.
    """

    path: Path
    root: Path | None = None
    walked: bool = False
    problem: str = ""

    @property
    def relative_folder(self) -> PurePath:
        """Its folder, as seen from `root`; empty for a file that was named, and for `root` itself."""
        return PurePath() if self.root in (None, self.path) else self.path.parent.relative_to(self.root)


def is_own_name(path: PurePath) -> bool:
    """Whether this is a name that we give to results beside their sources."""
    return _OWN_STEM.search(path.stem) is not None


def read_list(lines: Iterable[str]) -> list[str]:
    """Read names, one a line; empty lines do not count."""
    return [name for line in lines if (name := line.rstrip("\r\n")).strip()]


def find_sources(
    names: Sequence[str],
    *,
    recursive: bool = True,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    output_folder: Path | None = None,
) -> list[Source]:
    """Find the files that names, folders and patterns stand for, each once, in the order of the names.

    Of a folder these are the files of `AUDIO_SUFFIXES`, or those that match one of the patterns of `include`, without
    those that match `exclude`. Patterns are held against the name and the path below the folder. Hidden files, our own
    earlier results, and everything in `output_folder` are left out.

    Raises
    ------
    InputError
        If a list of earlier results cannot be read.
    """
    walk = _Walk(recursive, tuple(include), tuple(exclude), None if output_folder is None else output_folder.resolve())
    found: dict[str, Source] = {}
    for name in names:
        for source in walk.expand(name):
            found.setdefault(os.path.abspath(source.path), source)  # noqa: PTH100 - links stay as they are
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Walk:
    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    output_folder: Path | None

    def expand(self, name: str) -> Iterator[Source]:
        """Give what one argument stands for."""
        path = Path(name)
        if os.path.isdir(path):  # noqa: PTH112 - a path that may not be looked at is reported when it is opened
            yield from self._folder(path, path)
        elif not os.path.lexists(path) and glob.has_magic(name):
            yield from self._pattern(name)
        else:
            yield Source(path)

    def _pattern(self, pattern: str) -> Iterator[Source]:
        """Expand wildcards, which not every shell does; a pattern without matches stands for itself."""
        fixed = Path(*takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts))
        matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - this one takes absolute patterns
        files = [path for path in map(Path, matches) if not path.is_dir() and self._wanted(path, path.name)]
        folders = [path for path in map(Path, matches) if path.is_dir()]
        if not matches:
            yield Source(Path(pattern), fixed)
        yield from (Source(path, fixed) for path in files if not is_own_name(path))
        if "**" not in pattern:  # which has found what is in the folders already
            for folder in folders:
                yield from self._folder(folder, fixed)

    def _folder(self, start: Path, root: Path) -> Iterator[Source]:
        unreadable: list[Source] = []

        def note(error: OSError) -> None:
            unreadable.append(Source(Path(error.filename), root, True, f"cannot be looked at: {error.strerror}"))

        for folder, subfolders, names in os.walk(start, onerror=note):
            here = Path(folder)
            if self._is_output(here):
                subfolders.clear()
                continue
            subfolders[:] = sorted(name for name in subfolders if self.recursive and not name.startswith("."))
            own = self._own_results(here, root) if MANIFEST_NAME in names else set()
            for name in sorted(names):
                path = here / name
                inner = path.relative_to(root).as_posix()
                if self._taken(path, inner) and path.resolve() not in own:
                    yield Source(path, root, walked=True)
        yield from unreadable

    def _taken(self, path: Path, inner: str) -> bool:
        if path.name.startswith(".") or is_own_name(path) or not os.path.isfile(path):  # noqa: PTH113 - never raises
            return False
        by_suffix = bool(self.include) or path.suffix.lower() in AUDIO_SUFFIXES
        return by_suffix and self._wanted(path, inner)

    def _wanted(self, path: Path, inner: str) -> bool:
        def matches(patterns: tuple[str, ...]) -> bool:
            return any(fnmatch.fnmatch(inner, each) or fnmatch.fnmatch(path.name, each) for each in patterns)

        return (not self.include or matches(self.include)) and not matches(self.exclude)

    def _is_output(self, folder: Path) -> bool:
        return self.output_folder is not None and folder.resolve() == self.output_folder

    @staticmethod
    def _own_results(folder: Path, root: Path) -> set[Path]:
        """Files that an earlier run has made in or below `folder`, so that they are not restored again."""
        try:
            return {(folder / target).resolve() for target in read_manifest(folder)}
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", path=root / MANIFEST_NAME) from error
