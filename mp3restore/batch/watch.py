"""Watching a folder, and restoring what is put into it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from mp3restore.batch.plan import plan_batch
from mp3restore.batch.sources import Source, find_sources
from mp3restore.batch.task import ResultOptions, Task
from mp3restore.errors import MissingExtraError, Mp3RestoreError, NoInputError, UsageError

__all__ = ["SETTLE_S", "watch_folder"]

# For so long a file must have stayed as it is before it counts as complete.
SETTLE_S = 2.0

_Signature = tuple[int, int]


@dataclass(slots=True)
class _Seen:
    """How a file looked, since when, and whether it was worked on."""

    signature: _Signature
    since: float
    taken: bool = False


class _Folder:
    """Knows which files of a folder are new and complete."""

    def __init__(self, folder: Path, output: Path, settle_s: float) -> None:
        self._folder = folder
        self._output = output
        self._settle_s = settle_s
        self._seen: dict[Path, _Seen] = {}

    def complete(self) -> list[Source]:
        """Look again, and give the files that have stopped changing since; each once."""
        ready = []
        now = monotonic()
        for source in find_sources([str(self._folder)], output_folder=self._output):
            try:
                status = source.path.stat()
            except OSError:  # it has gone again
                continue
            signature = (status.st_size, status.st_mtime_ns)
            seen = self._seen.get(source.path)
            if seen is None or seen.signature != signature:
                self._seen[source.path] = _Seen(signature, now)
            elif not seen.taken and now - seen.since >= self._settle_s:
                seen.taken = True
                ready.append(source)
        return ready


def _ticks(folder: Path, stop: threading.Event, settle_s: float) -> Iterator[None]:
    """Wake up when something changes below `folder`, and now and then."""
    try:
        import watchfiles  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("watching needs watchfiles", hint="pip install 'mp3restore[watch]'") from error
    yield
    for _ in watchfiles.watch(folder, stop_event=stop, rust_timeout=int(settle_s * 500), yield_on_timeout=True):
        yield


def watch_folder(
    folder: Path,
    results: ResultOptions,
    restore: Callable[[list[Task]], None],
    complain: Callable[[Mp3RestoreError], None],
    *,
    stop: threading.Event | None = None,
    settle_s: float = SETTLE_S,
) -> None:
    """Restore what lies in a folder and what is put into it, until `stop` is set or the process interrupted.

    Parameters
    ----------
    folder : Path
        What is watched, with the folders in it.
    results : ResultOptions
        How to restore, and to which folder.
    restore : callable
        Called with plans for files that are complete.
    complain : callable
        Called with what makes a plan impossible; the files in question are left until they change.
    stop : threading.Event, optional
        Ends the watch.
    settle_s : float
        For how long files must not have changed, in seconds.

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
    files = _Folder(folder, output, settle_s)
    for _ in _ticks(folder, stop or threading.Event(), settle_s):
        sources = files.complete()
        if not sources:
            continue
        try:
            tasks = plan_batch(sources, results, into_folder=True)
        except Mp3RestoreError as error:
            complain(error)
        else:
            restore(tasks)
