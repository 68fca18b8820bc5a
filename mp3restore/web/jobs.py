"""What the local page works on: one job after the other, in a folder of its own that nobody names."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from mp3restore.errors import Mp3RestoreError

__all__ = ["BusyError", "Job", "Jobs", "Restore"]

State = Literal["waiting", "running", "done", "failed", "cancelled"]
Restore = Callable[[Path, Path, int, Callable[[float, "float | None"], None]], object]
"""Restores a file to another one: (source, target, variant, progress)."""

_MOST_WAITING = 4
# Finished ones stay to be heard and downloaded; the oldest make room, so that the disk does not fill.
_MOST_KEPT = 8


class BusyError(Exception):
    """Too many jobs are waiting."""


class _CancelledError(Exception):
    """The user does not want the result any more."""


@dataclass(slots=True)
class Job:
    """A file that was given to the page.

    Attributes
    ----------
    name : str
        What the user calls it, only to be shown.
    folder : Path
        Where its files lie, under names of our own.
    identifier : str
        Secret name of the job in addresses.
    state : str
        "waiting", "running", "done", "failed" or "cancelled".
    variants : int
        How many restorations there are.
    progress : float
        Share of the current one that is done, 0.0 to 1.0.
    error : str
        Why it failed.
    """

    name: str
    folder: Path
    identifier: str
    state: State = "waiting"
    variants: int = 0
    progress: float = 0.0
    error: str = ""
    cancelled: bool = False
    reading: threading.Lock = field(default_factory=threading.Lock)
    """Held while a page of the job is made, which need be done only once."""

    @property
    def original(self) -> Path:
        """The uploaded file."""
        return self.folder / "original"

    def restored(self, variant: int) -> Path:
        """A restoration."""
        return self.folder / f"variant-{variant}.flac"


class Jobs:
    """The jobs, and the one thread that works on them.

    Parameters
    ----------
    folder : Path
        Where to put all files.
    restore : callable
        What to do with them.
    """

    def __init__(self, folder: Path, restore: Restore) -> None:
        self._folder = folder
        self._restore = restore
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="restore")
        self._thread.start()

    def new(self, name: str) -> Job:
        """Make a job with an empty folder, which only its identifier leads to.

        Raises
        ------
        BusyError
            If too many are waiting.
        """
        with self._lock:
            self._check_room()
        identifier = secrets.token_urlsafe(16)
        folder = self._folder / secrets.token_hex(16)
        folder.mkdir()
        return Job(name, folder, identifier)

    def add(self, job: Job) -> None:
        """Put a job whose file is complete into the queue, for its first or for another restoration.

        Raises
        ------
        BusyError
            If too many are waiting, or this one is.
        """
        with self._lock:
            self._check_room()
            if job.identifier in self._jobs and job.state in ("waiting", "running"):
                raise BusyError
            job.state, job.progress, job.error, job.cancelled = "waiting", 0.0, "", False
            self._jobs[job.identifier] = job
            finished = [each for each in self._jobs.values() if each.state not in ("waiting", "running")]
            for old in finished[: max(0, len(self._jobs) - _MOST_KEPT)]:
                del self._jobs[old.identifier]
                self.discard(old)
        self._queue.put(job)

    def get(self, identifier: str) -> Job | None:
        """Find a job."""
        return self._jobs.get(identifier)

    @staticmethod
    def discard(job: Job) -> None:
        """Remove the files of a job."""
        shutil.rmtree(job.folder, ignore_errors=True)

    def cancel(self, job: Job) -> None:
        """Stop the work on a job; what it has already stays."""
        with self._lock:
            job.cancelled = True
            if job.state == "waiting":
                self._stop(job)

    def close(self) -> None:
        """Stop all work and wait for its end."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _check_room(self) -> None:
        if sum(job.state == "waiting" for job in self._jobs.values()) >= _MOST_WAITING:
            raise BusyError

    @staticmethod
    def _stop(job: Job) -> None:
        job.state = "done" if job.variants else "cancelled"

    def _work(self) -> None:
        while (job := self._queue.get()) is not None and not self._closed:
            with self._lock:
                if job.state != "waiting":
                    continue
                job.state = "running"
            self._run(job)

    def _run(self, job: Job) -> None:
        def progress(done: float, total: float | None) -> None:
            if job.cancelled or self._closed:
                raise _CancelledError
            job.progress = min(1.0, done / total) if total else 0.0

        try:
            self._restore(job.original, job.restored(job.variants + 1), job.variants + 1, progress)
            job.variants += 1
            job.state = "done"
        except _CancelledError:
            self._stop(job)
        except Mp3RestoreError as error:
            # Without the path: the user knows the file under another name.
            job.error = f"{error.message} ({error.hint})" if error.hint else error.message
            job.state = "failed"
        except Exception as error:  # the thread must live on, and the page say what happened
            job.error = f"unexpected {type(error).__name__}: {error}"
            job.state = "failed"
