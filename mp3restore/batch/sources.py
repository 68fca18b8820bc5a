"""Which files are meant: the names, folders, patterns and lists of the user, as one list of audio files."""

from __future__ import annotations

import codecs
import fnmatch
import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path, PurePath

from mp3restore.batch.manifest import MANIFEST_NAME, read_manifest
from mp3restore.errors import ExitCode
from mp3restore.job import AUDIO_SUFFIXES, path_key

__all__ = ["Source", "find_sources", "fits", "is_own_name", "read_list"]

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
    exit_code : ExitCode
        Exit code of that problem.
    same_as : Path or None
        Another source that is the same file: this one is a link to it, or reached through one.
    """

    path: Path
    root: Path | None = None
    walked: bool = False
    problem: str = ""
    exit_code: ExitCode = ExitCode.FAILED
    same_as: Path | None = None

    @property
    def asked_for(self) -> bool:
        """Whether it was named itself, and not found in a folder or by a pattern."""
        return self.root is None

    @property
    def relative_folder(self) -> PurePath:
        """Its folder, as seen from `root`; empty for a file that was named, and for `root` itself."""
        if self.root is None or self.root == self.path:
            return PurePath()
        return PurePath(*self.path.parent.parts[len(self.root.parts) :])


def _named(path: Path, root: Path | None = None) -> Source:
    """Take a file that was named, whether it is there or not."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last one: a zero byte in the name
        return Source(path, root, problem="no such file or folder (check the name)", exit_code=ExitCode.NO_INPUT)
    except PermissionError:  # reported when it is opened
        pass
    except OSError as error:
        return Source(path, root, problem=f"cannot be looked at: {error.strerror}")
    return Source(path, root)


def fits(inner: str, patterns: Iterable[str]) -> bool:
    """Whether a path below a folder, or its name, fits one of the patterns of ``--include``; case does not matter."""
    names = (inner.lower(), inner.lower().rpartition("/")[2])
    return any(fnmatch.fnmatchcase(name, each.lower()) for each in patterns for name in names)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path fits a pattern, part by part; ``**`` stands for any number of folders."""
    if not pattern or not parts:
        return not parts and all(each == "**" for each in pattern)
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or _matches(parts[1:], pattern)
    return fnmatch.fnmatch(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def is_own_name(path: PurePath) -> bool:
    """Whether this is a name that we give to results beside their sources."""
    return _OWN_STEM.search(path.stem) is not None


def read_list(data: bytes) -> list[str]:
    """Read names, one a line, or separated by zero bytes (``find -print0``); empty ones do not count.

    Names are bytes of the file system, or UTF-16 as some programs of Windows write it; a byte order mark is left out.

    Raises
    ------
    ValueError
        If UTF-16 is damaged.
    """
    encoding = _utf16(data)
    if encoding is None:
        text = os.fsdecode(data.removeprefix(codecs.BOM_UTF8))
    else:
        text = data.decode(encoding).removeprefix("\ufeff")
    names = text.split("\0") if "\0" in text else [line.removesuffix("\r") for line in text.split("\n")]
    return [name for name in names if name.strip()]


def _utf16(data: bytes) -> str | None:
    """Which kind of UTF-16 bytes are, by their mark, or because every other one of them is zero; None for none."""
    if data.startswith(codecs.BOM_UTF16_LE) or (len(data) >= 4 and not any(data[1::2]) and all(data[::2])):
        return "utf-16-le"
    if data.startswith(codecs.BOM_UTF16_BE) or (len(data) >= 4 and not any(data[::2]) and all(data[1::2])):
        return "utf-16-be"
    return None


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

    """
    walk = _Walk(recursive, tuple(include), tuple(exclude), None if output_folder is None else output_folder.resolve())
    found: dict[str, Source] = {}
    for name in names:
        for source in walk.expand(name):
            found.setdefault(os.path.abspath(source.path), source)  # noqa: PTH100 - links stay as they are
    return _each_once(list(found.values()))


def _each_once(sources: list[Source]) -> list[Source]:
    """Mark what was found in folders or by patterns, and is another source under the name of a link."""
    first: dict[str, Path] = {}
    known = [source for source in sources if not source.problem]
    for source in sorted(known, key=lambda each: (not each.asked_for, _through_link(each.path))):
        first.setdefault(path_key(source.path), source.path)
    marked = []
    for source in sources:
        other = source.path if source.problem or source.asked_for else first[path_key(source.path)]
        marked.append(source if other == source.path else replace(source, same_as=other))
    return marked


def _through_link(path: Path) -> bool:
    return os.path.normcase(os.path.abspath(path)) != path_key(path)  # noqa: PTH100 - links stay as they are


@dataclass(slots=True)
class _Walk:
    """Expands what the user named; every folder is looked into once, under whatever names links give it."""

    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    output_folder: Path | None
    _own: set[Path] = field(default_factory=set)  # what earlier runs have made, which is not restored again

    def expand(self, name: str) -> Iterator[Source]:
        """Give what one argument stands for."""
        path = Path(name)
        if os.path.isdir(path):  # noqa: PTH112 - a path that may not be looked at is reported when it is opened
            yield from self._folder(path, path)
        elif not os.path.lexists(path) and glob.has_magic(name):
            yield from self._pattern(name)
        else:
            yield _named(path)

    def _pattern(self, pattern: str) -> Iterator[Source]:
        """Expand wildcards, which not every shell does; a pattern without matches stands for itself."""
        parts = Path(pattern).parts
        fixed = Path(*takewhile(lambda part: not glob.has_magic(part), parts))
        if "**" in parts:  # not by `glob`, which follows links in circles
            rest = parts[len(fixed.parts) :]
            walk = _Walk(recursive=True, include=("*",), exclude=(), output_folder=self.output_folder)
            inner = [(source, source.path.relative_to(fixed).parts) for source in walk._folder(fixed, fixed)]
            yield from (source for source, _ in inner if source.problem)
            files = [source.path for source, parts in inner if _matches(parts, rest) and not source.problem]
            folders = []
        else:
            matches = [Path(each) for each in sorted(glob.glob(pattern))]  # noqa: PTH207 - this one takes absolute ones
            files = [path for path in matches if not path.is_dir()]
            folders = [path for path in matches if path.is_dir()]
        if not files and not folders:
            yield _named(Path(pattern), fixed)
        for path in files:
            if self._wanted(path.name) and not is_own_name(path):
                yield Source(path, fixed)
        for folder in folders:
            yield from self._folder(folder, fixed)

    def _folder(self, start: Path, root: Path) -> Iterator[Source]:
        """Walk through a folder, and then through those to which links in it lead, each once."""
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            top = waiting.pop(0)
            if top.resolve().as_posix() in seen:
                continue
            unreadable: list[Source] = []

            def note(error: OSError, unreadable: list[Source] = unreadable) -> None:
                problem = f"cannot be looked at: {error.strerror}"
                unreadable.append(Source(Path(error.filename), root, walked=True, problem=problem))

            for name, subfolders, names in os.walk(top, onerror=note):
                here = Path(name)
                if self._is_output(here):
                    subfolders.clear()
                    continue
                seen.add(here.resolve().as_posix())
                inside = sorted(each for each in subfolders if self.recursive and not each.startswith("."))
                waiting += [here / each for each in inside if (here / each).is_symlink()]
                subfolders[:] = [each for each in inside if not (here / each).is_symlink()]
                try:
                    yield from self._files(here, names, root)
                except OSError as error:
                    # Without it the results in this folder cannot be told from inputs.
                    problem = f"the list of earlier results cannot be read: {error.strerror}"
                    unreadable.append(Source(here / MANIFEST_NAME, root, walked=True, problem=problem))
                    subfolders.clear()
            yield from unreadable

    def _files(self, folder: Path, names: list[str], root: Path) -> Iterator[Source]:
        if MANIFEST_NAME in names:
            self._own |= {(folder / target).resolve() for target in read_manifest(folder)}
        for name in sorted(names):
            path = folder / name
            if self._taken(path, path.relative_to(root).as_posix()) and path.resolve() not in self._own:
                yield Source(path, root, walked=True)

    def _taken(self, path: Path, inner: str) -> bool:
        if path.name.startswith(".") or is_own_name(path) or not os.path.isfile(path):  # noqa: PTH113 - never raises
            return False
        by_suffix = bool(self.include) or path.suffix.lower() in AUDIO_SUFFIXES
        return by_suffix and self._wanted(inner)

    def _wanted(self, inner: str) -> bool:
        return (not self.include or fits(inner, self.include)) and not fits(inner, self.exclude)

    def _is_output(self, folder: Path) -> bool:
        return self.output_folder is not None and folder.resolve() == self.output_folder
