"""What happens where a result exists already: one decision, for files and URLs, before a run and during it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from mp3restore._version import __version__
from mp3restore.batch.manifest import MANIFEST_NAME, Entry, Recipe, read_manifest
from mp3restore.batch.task import OnExists, ResultOptions, Task
from mp3restore.errors import InputError, OutputExistsError
from mp3restore.files import file_hash
from mp3restore.job import Job, path_key

__all__ = ["ExistingResults", "make_recipe", "skips_what_appears"]

_EXISTS, _DONE = "exists already", "done already"
# What is said of the file, and not of its sound or its tags.
_NO_PART_OF_THE_RESULT = ("preserve_mtime",)


def make_recipe(results: ResultOptions, job: Job, input_sha256: str) -> Recipe:
    """Collect everything that decides what a result holds."""
    options = {**asdict(results.run), **asdict(job.output_format), "variant": job.variant}
    for name in _NO_PART_OF_THE_RESULT:
        del options[name]
    return Recipe(input_sha256, results.model.sha256, __version__.rpartition(".")[0], options)


def skips_what_appears(policy: OnExists | None, *, several: bool) -> bool:
    """Whether a result that another program has written during the run is skipped; otherwise it is a failure."""
    return several and policy in (None, "skip")


class ExistingResults:
    """Decides about planned results whose targets exist.

    Parameters
    ----------
    results : ResultOptions
        What the user wants of all files.
    policy : {"error", "skip", "overwrite", "rename"}, optional
        What to do. By default a result is skipped, but made again where this program made it from the same source with
        other settings and nobody has changed it since.
    planned : iterable of Path
        All targets of the plan: a new name is none of them.
    """

    def __init__(self, results: ResultOptions, policy: OnExists | None, planned: Iterable[Path]) -> None:
        self._results = results
        self._policy = policy
        self._taken = {path_key(target) for target in planned}
        self._manifests: dict[Path, dict[str, Entry]] = {}

    def settle(self, task: Task) -> Task:
        """Decide about a task whose target exists.

        Raises
        ------
        OutputExistsError
            If the policy is "error".
        InputError
            If the list of earlier results cannot be read.
        """
        job = task.job
        if self._policy == "error":
            raise OutputExistsError("exists already", path=job.target, hint="--force overwrites it")
        if self._policy == "overwrite":
            action = "overwrite" if task.action == "restore" else task.action
            return replace(task, job=replace(job, overwrite=True), action=action)
        if self._policy == "rename":
            target = self._free_name(job.target)
            return replace(
                task,
                job=replace(job, target=target),
                copy_to=target if task.action == "left" else task.copy_to,
            )
        if self._policy == "skip" or task.manifest is None:
            return replace(task, action="skip", reason=_EXISTS)
        return self._compare(task, task.manifest)

    def recognise_copy(self, task: Task) -> Task:
        """Skip a task without a result whose source an earlier run has left, and copied."""
        if self._policy not in (None, "skip") or task.manifest is None or task.action != "restore":
            return task
        if task.copy_to is None or not os.path.lexists(task.copy_to):
            return task
        seen = self._compare(replace(task, job=replace(task.job, target=task.copy_to)), task.manifest)
        return replace(task, action="skip", reason=seen.reason) if seen.reason == _DONE else task

    def _compare(self, task: Task, folder: Path) -> Task:
        """Tell a result that is finished from one that was made in another way, by the manifest."""
        job = task.job
        entry = self._manifest(folder).get(job.target.relative_to(folder).as_posix())
        if entry is None:
            return replace(task, action="skip", reason=_EXISTS)
        try:
            input_sha256, output_sha256 = file_hash(job.source), file_hash(job.target)
        except OSError as error:
            where = error.filename or job.source
            return replace(task, action="fail", reason=f"{where}: cannot be read: {error.strerror}")
        if path_key(Path(entry.source)) != path_key(job.source) and entry.recipe.input_sha256 != input_sha256:
            reason = (
                f"{job.source}: '{job.target}' is the restoration of '{entry.source}' (--on-exists rename keeps both, "
                "and so does a field such as {parent} in --template)"
            )
            return replace(task, action="fail", reason=reason)
        return self._made_already(task, entry, input_sha256, changed=output_sha256 != entry.output_sha256)

    def _made_already(self, task: Task, entry: Entry, input_sha256: str, *, changed: bool) -> Task:
        """Decide about a result of the same source."""
        if changed:
            return replace(task, action="skip", reason="exists already, and was changed by someone else")
        if entry.recipe == make_recipe(self._results, task.job, input_sha256):
            return replace(task, action="skip", reason=_DONE)
        again = replace(task, job=replace(task.job, overwrite=True))
        return again if task.action == "left" else replace(again, action="overwrite", reason="was made in another way")

    def _manifest(self, folder: Path) -> dict[str, Entry]:
        if folder not in self._manifests:
            try:
                self._manifests[folder] = read_manifest(folder)
            except OSError as error:
                raise InputError(
                    f"cannot be read: {error.strerror}", path=folder / MANIFEST_NAME, hint="check its permissions"
                ) from error
        return self._manifests[folder]

    def _free_name(self, target: Path) -> Path:
        number = 2
        while os.path.lexists(free := target.with_name(f"{target.stem}.{number}{target.suffix}")) or (
            path_key(free) in self._taken
        ):
            number += 1
        self._taken.add(path_key(free))
        return free
