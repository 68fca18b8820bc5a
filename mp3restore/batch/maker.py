"""Make one result, in this process, in another, or on another machine."""

from __future__ import annotations

import os
import shutil
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from mp3restore.batch.task import Task
from mp3restore.batch.urls import staged
from mp3restore.errors import (
    ExitCode,
    InputError,
    ModelError,
    Mp3RestoreError,
    NothingToRestoreError,
    OutputExistsError,
)
from mp3restore.files import atomic_file, file_hash
from mp3restore.generator.devices import Device, device_of, providers_for
from mp3restore.generator.restorer import Restorer
from mp3restore.job import Job, OutputFormat
from mp3restore.options import RunOptions
from mp3restore.pipeline.file import Progress, make_restorer, run_job
from mp3restore.result import FileResult

__all__ = ["Advanced", "Begun", "Execute", "Failure", "Left", "Outcome", "ResultMaker", "Take", "Update"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a result could not be made; exceptions with more than a message do not travel between processes."""

    error: str
    exit_code: int
    exists: bool = False
    """Somebody else has written the result meanwhile."""
    trace: str = ""
    """Traceback of a fault of ours."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result that was made. The hashes of input and output are there where a manifest will list them."""

    result: FileResult
    input_sha256: str = ""
    output_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """A source with nothing to restore, and the copy that was made of it, if one was."""

    reason: str
    copy: Path | None = None
    sha256: str = ""
    """Hash of source and copy, where there is one."""


@dataclass(frozen=True, slots=True)
class Begun:
    """ResultMaker on a result begins."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """Part of a result is made: seconds done, and seconds in all as far as they are known."""

    done_s: float
    total_s: float | None


Update = Begun | Advanced | Outcome | Left | Failure
"""What happens to a task: first `Begun`, then `Advanced` any number of times, and at last one of the other three."""

Take = Callable[[int, Update], bool]
"""Called with the number of a task and what happens to it; says whether to go on."""

Execute = Callable[[Sequence[tuple[int, Task]], Take], None]
"""Makes results, and reports what happens to them."""


@lru_cache(maxsize=1)
def _restorer(model: str, threads: int, device: Device) -> Restorer:
    """The model is loaded once per process."""
    return make_restorer(model, threads=threads, device=device)


@dataclass(frozen=True, slots=True)
class ResultMaker:
    """Makes results; small, and the same everywhere.

    Attributes
    ----------
    model : str
        Name or folder of the model.
    options : RunOptions
        How to restore.
    threads : int
        Threads of the generator.
    device : str
        What the generator runs on.
    model_sha256 : str
        Hash that the model must have, where it is another machine that loads it.
    """

    model: str
    options: RunOptions
    threads: int
    device: Device = "auto"
    model_sha256: str = ""

    def check(self) -> str:
        """Name the device that the model will run on, without loading the model.

        Raises
        ------
        UsageError
            If the device is not available.
        """
        return device_of(providers_for(self.device), self.device)

    def load(self) -> Restorer:
        """Make the model ready in this process.

        Raises
        ------
        ModelError, UsageError
            If it cannot be loaded, or not onto the device.
        """
        restorer = _restorer(self.model, self.threads, self.device)
        if self.model_sha256 not in ("", restorer.model.sha256):
            raise ModelError("the model on this machine is another one", hint="install the same version everywhere")
        return restorer

    def make(self, task: Task, progress: Progress | None = None) -> Outcome | Left | Failure:
        """Make one result; errors are returned and not raised."""
        return _caught(task.job.source, lambda: self._make(task, progress))

    def _make(self, task: Task, progress: Progress | None) -> Outcome | Left:
        if isinstance(task.job.target, Path):
            task.job.target.parent.mkdir(parents=True, exist_ok=True)
        if task.action == "left":
            return _leave(task, task.reason)
        try:
            with staged(task.job) as job:
                result = run_job(job, self.load, self.options, only_lossy=True, progress=progress)
        except NothingToRestoreError as error:
            return _leave(task, f"{error.message}; {error.hint}")
        result = replace(result, source=task.job.source, target=task.job.target)
        if task.manifest is None:
            return Outcome(result)
        return Outcome(result, file_hash(job.source), file_hash(job.target))


def _leave(task: Task, reason: str) -> Left:
    """Copy a source with nothing to restore to its place, if it has one."""
    source, place = task.job.source, task.copy_to
    if place is None:
        return Left(reason)
    with staged(Job(source, place, OutputFormat(), overwrite=task.job.overwrite)) as job:
        sha256 = _hash_of_input(job.source)
        if not (job.target.is_file() and file_hash(job.target) == sha256):
            _copy(job)
    return Left(reason, place, sha256)


def _hash_of_input(path: Path) -> str:
    try:
        return file_hash(path)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error


def _copy(job: Job) -> None:
    with job.source.open("rb") as source, atomic_file(job.target, overwrite=job.overwrite) as file:
        shutil.copyfileobj(source, file)
    times = job.source.stat()
    os.utime(job.target, ns=(times.st_atime_ns, times.st_mtime_ns))


def _caught(source: Path, make: Callable[[], Outcome | Left]) -> Outcome | Left | Failure:
    try:
        return make()
    except Mp3RestoreError as error:
        return Failure(str(error), error.exit_code, isinstance(error, OutputExistsError))
    except Exception as error:  # one file must not stop the others
        reason = f"{source}: unexpected {type(error).__name__}: {error} (-vv shows where; please report it)"
        return Failure(reason, ExitCode.FAILED, trace=traceback.format_exc())
