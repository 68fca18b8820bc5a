"""Watch a folder and restore the files that are put into it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from mp3restore.batch.plan import plan_batch
from mp3restore.batch.sources import Source, find_sources
from mp3restore.batch.task import ResultOptions, Task
from mp3restore.errors import MissingExtraError, Mp3RestoreError, NoInputError, UsageError

__all__ = ["SETTLE_S", "watch_folder"]

# A file counts as complete when it has not changed for this long.
SETTLE_S = 2.0

_Signature = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Unsettled:
    """How a file looked when it was last seen to have changed."""

    signature: _Signature
    since: float


class _Folder:
    """Knows which files of a folder have changed and are complete; others are not looked at again."""

    def __init__(self, folder: Path, output: Path, settle_s: float) -> None:
        self._folder = folder
        self._output = output
        self._settle_s = settle_s
        self._unsettled: dict[Path, _Unsettled] = {}

    @property
    def waits(self) -> bool:
        """Whether a file is still to settle."""
        return bool(self._unsettled)

    def look(self, changed: Iterable[Path]) -> None:
        """Note what has changed: files, and folders that may have come with files in them."""
        for path in changed:
            if path.is_dir():
                for source in self._sources(path):
                    if self._belongs_here(source.path):  # pragma: no branch - depends on what the system tells when
                        self._note(source.path)
            elif self._belongs_here(path):
                self._note(path)

    def complete(self) -> list[Source]:
        """Give the files that have stopped changing, each once for every change."""
        now = monotonic()
        for path in list(self._unsettled):
            self._note(path)
        ready = [path for path, seen in self._unsettled.items() if now - seen.since >= self._settle_s]
        for path in ready:
            del self._unsettled[path]
        folders = dict.fromkeys(path.parent for path in ready)
        found = {source.path: source for folder in folders for source in self._sources(folder, recursive=False)}
        return [replace(found[path], root=self._folder) for path in ready if path in found]

    def _sources(self, folder: Path, *, recursive: bool = True) -> list[Source]:
        return find_sources([str(folder)], recursive=recursive, output_folder=self._output)

    def _belongs_here(self, path: Path) -> bool:
        hidden = any(part.startswith(".") for part in path.relative_to(self._folder).parts)
        return not hidden and not path.is_relative_to(self._output)

    def _note(self, path: Path) -> None:
        try:
            status = path.stat()
        except OSError:  # the file has disappeared
            self._unsettled.pop(path, None)
            return
        signature = (status.st_size, status.st_mtime_ns)
        seen = self._unsettled.get(path)
        if seen is None or seen.signature != signature:
            self._unsettled[path] = _Unsettled(signature, monotonic())


def _changes(folder: Path, files: _Folder, stop: threading.Event, settle_s: float) -> Iterator[set[Path]]:
    """Yield the paths that have changed; an empty set while a file is still to settle."""
    try:
        import watchfiles  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("watching needs watchfiles", hint="pip install 'mp3restore[watch]'") from error
    # Nothing wakes this up but changes, and the clock while a file is to settle.
    changes = watchfiles.watch(
        folder,
        watch_filter=None,
        stop_event=stop,
        rust_timeout=max(50, int(settle_s * 500)),
        yield_on_timeout=True,
    )
    next(changes, None)  # changes or not: from here on none is missed
    yield {folder}
    for each in changes:
        if each or files.waits:
            yield {Path(os.path.abspath(name)) for _, name in each}  # noqa: PTH100 - links stay as they are


def watch_folder(
    folder: Path,
    results: ResultOptions,
    restore: Callable[[list[Task]], None],
    complain: Callable[[Mp3RestoreError], None],
    *,
    stop: threading.Event | None = None,
    settle_s: float = SETTLE_S,
) -> None:
    """Restore the files in a folder, and those that are put into it, until `stop` is set or the process interrupted.

    Parameters
    ----------
    folder : Path
        The folder to watch, with its subfolders.
    results : ResultOptions
        How to restore, and to which folder.
    restore : callable
        Called with plans for files that are complete.
    complain : callable
        Called with what makes a plan impossible; the files in question are left until they change.
    stop : threading.Event, optional
        Ends the watch.
    settle_s : float
        How long files must not have changed, in seconds.

    Raises
    ------
    NoInputError, UsageError
        If there is no such folder, or no other one to write to.
    MissingExtraError
        If watchfiles is not installed.
    """
    if not folder.is_dir():
        raise NoInputError("there is no such folder", path=folder)
    output = results.output
    if output is None or (output.exists() and output.samefile(folder)):
        raise UsageError("the results need a folder of their own", path=output)
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - links stay as they are
    files = _Folder(folder, Path(os.path.abspath(output)), settle_s)  # noqa: PTH100
    for changed in _changes(folder, files, stop or threading.Event(), settle_s):
        try:
            files.look(changed)
            sources = files.complete()
            tasks = plan_batch(sources, results, into_folder=True) if sources else []
        except Mp3RestoreError as error:
            complain(error)
        else:
            if tasks:
                restore(tasks)
