"""The jobs of the local page, run one at a time, each in a private folder with a random name."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from mp3restore.errors import Mp3RestoreError
from mp3restore.job import OutputFormat
from mp3restore.options import RunOptions
from mp3restore.pipeline.file import Progress
from mp3restore.web.limits import TooLongError

__all__ = ["BusyError", "Job", "Jobs", "Restore"]

State = Literal["uploading", "waiting", "running", "done", "failed", "cancelled", "removed"]

_ACTIVE = ("uploading", "waiting", "running")
# Each has a name and a folder: a program that adds empty files for ever must come to an end.
_MOST_JOBS = 1000


class BusyError(Exception):
    """Too much is waiting."""


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
    owner : str
        Secret name of the browser that sent the file; only this one gets it listed.
    size : int
        Most bytes that the upload may have.
    options : RunOptions
        How to restore.
    output_format : OutputFormat
        Format of the results.
    state : str
        "uploading", "waiting", "running", "done", "failed", "cancelled", or "removed", which is done but gone: it made
        room for others.
    longest_s : float
        Length in seconds at which the work stops.
    variants : int
        How many restorations there are.
    left : bool
        Whether the file had lost too little, so that its restoration is the music as it was.
    progress : float
        Share of the current one that is done, 0.0 to 1.0.
    error : str
        Why it failed.
    remarks : list of str
        What the user should know about the file and its restorations.
    cancelled : Event
        Set when the user asks to stop. Each turn in the queue has its own: a job may wait anew before the work on its
        last turn has noticed.
    reading : Lock
        Held while the comparison of the job is made, which need be done only once.
    """

    name: str
    folder: Path
    identifier: str
    owner: str = ""
    size: int = 0
    options: RunOptions = field(default_factory=RunOptions)
    output_format: OutputFormat = field(default_factory=OutputFormat)
    state: State = "uploading"
    longest_s: float = float("inf")
    variants: int = 0
    left: bool = False
    progress: float = 0.0
    error: str = ""
    remarks: list[str] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
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
        return self.folder / f"variant-{variant}.{self.output_format.container}"

    def shown(self, variant: int) -> str:
        """Name of a restoration as a download."""
        return f"{self.stem}.v{variant}.{self.output_format.container}"

    def bytes_on_disk(self) -> int:
        """Return how much its files take."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


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
    waiting_bytes : int
        Most bytes of uploads that wait, or are still coming.
    kept_bytes : int
        Most bytes of all finished jobs. When they need more, the files of the oldest are removed.
    """

    def __init__(self, folder: Path, restore: Restore, *, waiting_bytes: int, kept_bytes: int) -> None:
        self._folder = folder
        self._restore = restore
        self._waiting_bytes = waiting_bytes
        self._kept_bytes = kept_bytes
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._queue: SimpleQueue[tuple[Job, threading.Event] | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="restore")
        self._thread.start()

    def new(
        self,
        name: str,
        size: int,
        *,
        owner: str = "",
        options: RunOptions | None = None,
        output_format: OutputFormat | None = None,
    ) -> Job:
        """Make a job with an empty folder, for an upload of at most `size` bytes that begins.

        Raises
        ------
        BusyError
            If too much is waiting, or is being uploaded.
        """
        folder = self._folder / secrets.token_hex(16)
        job = Job(
            name=name, folder=folder, identifier=secrets.token_urlsafe(16), owner=owner, size=size,
            options=options or RunOptions(), output_format=output_format or OutputFormat(),
        )  # fmt: skip
        with self._lock:
            if len(self._jobs) >= _MOST_JOBS:
                over = next((each for each in self._jobs.values() if each.state not in _ACTIVE), None)
                if over is None:
                    raise BusyError
                self._forget(over)
            self._check_room(size)
            self._jobs[job.identifier] = job
        folder.mkdir()
        return job

    def add(self, job: Job, strength: float | None = None) -> None:
        """Put a job whose file is complete into the queue, for its first or for another restoration.

        With a strength, what it has is thrown away, and it is restored with that.

        Raises
        ------
        BusyError
            If too much is waiting, or this job is.
        """
        with self._lock:
            if job.state in ("waiting", "running", "removed"):
                raise BusyError
            if job.state != "uploading":  # its place is its own already
                self._check_room(job.size)
            if strength is not None:
                for variant in range(1, job.variants + 1):
                    job.restored(variant).unlink(missing_ok=True)
                job.options = replace(job.options, strength=strength)
                job.variants, job.left, job.remarks = 0, False, []
            job.state, job.progress, job.error, job.cancelled = "waiting", 0.0, "", threading.Event()
            self._make_room()
            self._queue.put((job, job.cancelled))

    def get(self, identifier: str) -> Job | None:
        """Find a job."""
        return self._jobs.get(identifier)

    def of(self, owner: str) -> list[Job]:
        """Return the jobs of an owner, the oldest first."""
        with self._lock:
            return [job for job in self._jobs.values() if owner and job.owner == owner]

    def discard(self, job: Job) -> None:
        """Forget a job, stop the work on it, and remove its files."""
        with self._lock:
            job.cancelled.set()
            self._forget(job)

    def cancel(self, job: Job) -> None:
        """Stop the work on a job, at once for the user; what it has already stays."""
        with self._lock:
            job.cancelled.set()
            if job.state in ("waiting", "running"):
                job.state = "done" if job.variants else "cancelled"

    def close(self) -> None:
        """Stop all work and wait for its end."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.identifier, None)
        shutil.rmtree(job.folder, ignore_errors=True)

    def _check_room(self, size: int) -> None:
        waiting = sum(job.size for job in self._jobs.values() if job.state in ("uploading", "waiting"))
        if waiting + size > self._waiting_bytes:
            raise BusyError

    def _make_room(self) -> None:
        """Remove files of the oldest finished jobs, but never those of the last, so that the disk does not fill."""
        finished = [job for job in self._jobs.values() if job.state not in (*_ACTIVE, "removed")]
        sizes = [job.bytes_on_disk() for job in finished]
        over = sum(sizes) - self._kept_bytes
        for job, size in zip(finished[:-1], sizes, strict=False):
            if over <= 0:
                return
            shutil.rmtree(job.folder, ignore_errors=True)
            job.state, job.variants, job.error = "removed", 0, "its files made room for newer ones"
            over -= size

    def _work(self) -> None:
        while (turn := self._queue.get()) is not None and not self._closed:
            job, cancelled = turn
            with self._lock:
                if cancelled.is_set():
                    continue
                job.state = "running"
            self._run(job, cancelled)

    def _run(self, job: Job, cancelled: threading.Event) -> None:
        def progress(done: float, total: float | None) -> None:
            if cancelled.is_set() or self._closed:
                raise _CancelledError
            if done > job.longest_s:  # longer than its header has said
                raise TooLongError(job.longest_s)
            job.progress = min(1.0, done / total) if total else 0.0

        state: State = "failed"
        remarks: Sequence[str] = ()
        error = ""
        try:
            remarks = self._restore(job, job.variants + 1, progress)
            state = "done"
        except _CancelledError:
            state = "cancelled"
        except Mp3RestoreError as found:
            # Without the path: the user knows the file under another name.
            error = f"{found.message} ({found.hint})" if found.hint else found.message
        except Exception as found:  # the thread must live on, and the page say what happened
            error = f"unexpected {type(found).__name__}: {found}"
        with self._lock:
            if cancelled.is_set() or state == "cancelled":  # its state says so already, and may be another by now
                job.restored(job.variants + 1).unlink(missing_ok=True)
                if job.identifier not in self._jobs:  # forgotten while the work went on, and wrote
                    shutil.rmtree(job.folder, ignore_errors=True)
                return
            job.state, job.error = state, error
            job.remarks += [remark for remark in remarks if remark not in job.remarks]
            job.variants += state == "done"
            self._make_room()
