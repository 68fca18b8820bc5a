"""The jobs of the local page, run one at a time, each in a private folder with a random name."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from mp3restore.errors import Mp3RestoreError
from mp3restore.job import Container
from mp3restore.options import RunOptions
from mp3restore.pipeline.file import Progress
from mp3restore.web.limits import TooLongError

__all__ = ["BusyError", "Job", "Jobs", "Restore"]

State = Literal["uploading", "waiting", "running", "done", "failed", "cancelled"]

_ACTIVE = ("uploading", "waiting", "running")
# Uploads in progress count as waiting: each may become as large as the limit.
_MOST_WAITING = 4
# Finished ones stay to be heard and downloaded; the oldest make room, so that the disk does not fill.
_MOST_KEPT = 8


class BusyError(Exception):
    """Too many jobs are waiting."""


class _CancelledError(Exception):
    """The user does not want the result any more."""


@dataclass(slots=True, kw_only=True)
class Job:
    """A file that was given to the page.

    Attributes
    ----------
    name : str
        The user's name of the file, only to be shown.
    folder : Path
        Where its files lie, under names of our own.
    identifier : str
        Secret name of the job in addresses.
    options : RunOptions
        How to restore.
    container : {"wav", "flac"}
        Format of the results.
    state : str
        "uploading", "waiting", "running", "done", "failed" or "cancelled".
    longest_s : float
        Length in seconds at which the work stops.
    variants : int
        How many restorations there are.
    progress : float
        Share of the current one that is done, 0.0 to 1.0.
    error : str
        Why it failed.
    remarks : list of str
        What the user should know about the file and its restorations.
    cancelled : bool
        Whether the user has asked to stop.
    reading : Lock
        Held while a page of the job is made, which need be done only once.
    """

    name: str
    folder: Path
    identifier: str
    options: RunOptions = field(default_factory=RunOptions)
    container: Container = "flac"
    state: State = "uploading"
    longest_s: float = float("inf")
    variants: int = 0
    progress: float = 0.0
    error: str = ""
    remarks: list[str] = field(default_factory=list)
    cancelled: bool = False
    reading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def original(self) -> Path:
        """The uploaded file."""
        return self.folder / "original"

    @property
    def stem(self) -> str:
        """Name of the upload without its suffix."""
        return Path(self.name).stem or self.name

    def restored(self, variant: int) -> Path:
        """A restoration."""
        return self.folder / f"variant-{variant}.{self.container}"

    def shown(self, variant: int) -> str:
        """Name of a restoration as a download."""
        return f"{self.stem}.v{variant}.{self.container}"


Restore = Callable[[Job, int, Progress], Sequence[str]]
"""Makes the variant of a job whose number it is given, and returns what the user should know about it."""


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

    def new(self, name: str, *, options: RunOptions | None = None, container: Container = "flac") -> Job:
        """Make a job with an empty folder, for an upload that begins.

        Raises
        ------
        BusyError
            If too many are waiting, or are being uploaded.
        """
        folder = self._folder / secrets.token_hex(16)
        job = Job(
            name=name, folder=folder, identifier=secrets.token_urlsafe(16), options=options or RunOptions(),
            container=container,
        )  # fmt: skip
        with self._lock:
            self._check_room()
            self._jobs[job.identifier] = job
        folder.mkdir()
        return job

    def add(self, job: Job) -> None:
        """Put a job whose file is complete into the queue, for its first or for another restoration.

        Raises
        ------
        BusyError
            If too many are waiting, or this one is.
        """
        with self._lock:
            if job.state in ("waiting", "running"):
                raise BusyError
            if job.state != "uploading":  # its place is its own already
                self._check_room()
            job.state, job.progress, job.error, job.cancelled = "waiting", 0.0, "", False
            finished = [each for each in self._jobs.values() if each.state not in _ACTIVE]
            for old in finished[: max(0, len(self._jobs) - _MOST_KEPT)]:
                self._forget(old)
        self._queue.put(job)

    def get(self, identifier: str) -> Job | None:
        """Find a job."""
        return self._jobs.get(identifier)

    def discard(self, job: Job) -> None:
        """Forget a job and remove its files."""
        with self._lock:
            self._forget(job)

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

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.identifier, None)
        shutil.rmtree(job.folder, ignore_errors=True)

    def _check_room(self) -> None:
        if sum(job.state in ("uploading", "waiting") for job in self._jobs.values()) >= _MOST_WAITING:
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
            if done > job.longest_s:  # longer than its header has said
                raise TooLongError(job.longest_s)
            job.progress = min(1.0, done / total) if total else 0.0

        try:
            remarks = self._restore(job, job.variants + 1, progress)
            job.remarks += [remark for remark in remarks if remark not in job.remarks]
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
