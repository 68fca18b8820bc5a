"""The plan of a run: every result and what happens to it, made and checked before any work."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path

from mp3restore.batch.existing import ExistingResults
from mp3restore.batch.facts import Facts, read_facts
from mp3restore.batch.sources import Source
from mp3restore.batch.task import ResultOptions, Task
from mp3restore.batch.template import check_template, fill_template
from mp3restore.errors import NoInputError, OutputError, OutputExistsError, UsageError
from mp3restore.job import CONTAINERS, Job, OutputFormat, check_job, lay_out, path_key

__all__ = ["check_names", "is_single", "name_results", "plan_batch", "wants_folder"]

_BESIDE, _IN_FOLDER = "{stem}.restored", "{relpath}/{stem}"


def wants_folder(output: str, sources: Sequence[Source], *, listed: bool = False) -> bool:
    """Whether what the user wrote after ``-o`` is a folder: it is one, ends in a slash, or cannot be a file.

    A new name without a suffix is a folder, for it says no format.

    The names of lists (`listed`) and patterns may be one or many, and mean the same in either case.
    """
    if os.path.isdir(output) or output.endswith(("/", os.sep)):  # noqa: PTH112 - the method of paths raises
        return True
    one_by_name = is_single(sources) and sources[0].root is None and not listed
    if one_by_name:
        return not Path(output).suffix and not os.path.lexists(output)
    return Path(output).suffix.lower() not in CONTAINERS


def is_single(sources: Sequence[Source]) -> bool:
    """Whether the user named one file, and neither a folder nor several."""
    return len(sources) == 1 and not sources[0].walked


def plan_batch(sources: Sequence[Source], results: ResultOptions, *, into_folder: bool) -> list[Task]:
    """Plan the results of files; nothing is written.

    Parameters
    ----------
    sources : sequence of Source
        The files.
    results : ResultOptions
        What the user wants of them.
    into_folder : bool
        Whether the output is a folder, which need not exist yet.

    Raises
    ------
    UsageError
        If the options contradict each other, two results would be the same file, or a result would be one of the
        sources.
    OutputExistsError
        If a result exists and the policy is "error".
    OutputError
        If the only result cannot be written to its place; of several, it fails alone.
    NoInputError
        If there are no sources.
    """
    tasks = name_results(sources, results, into_folder=into_folder)
    policy = results.on_exists or ("error" if is_single(sources) else None)
    existing = ExistingResults(results, policy, [task.job.target for task in tasks])
    several = into_folder or not is_single(sources)

    def settle(task: Task) -> Task:
        if task.action in ("skip", "fail") or (task.action == "left" and task.copy_to is None):
            return task
        try:
            check_job(task.job, make_folders=into_folder or results.output is not None)
        except OutputExistsError:
            return existing.settle(task)
        except (OutputError, UsageError) as error:
            if not several:
                raise
            return replace(task, action="fail", reason=str(error), exit_code=error.exit_code)
        return existing.recognise_copy(task)

    return [settle(task) for task in tasks]


def name_results(sources: Sequence[Source], results: ResultOptions, *, into_folder: bool) -> list[Task]:
    """Name the results of files or URLs, and refuse names that collide; nothing that exists is looked at.

    Raises
    ------
    UsageError, NoInputError
        As `plan_batch`.
    """
    if not sources:
        raise NoInputError("nothing to restore", hint="name an MP3, or a folder with audio files")
    if results.output is not None and not into_folder and not is_single(sources):
        raise UsageError(
            f"'{results.output}' cannot hold the results of {len(sources)} files", hint="name a folder with -o"
        )
    if results.variants < 1:
        raise UsageError("the number of variants must be 1 or more")
    if results.template is not None:
        check_template(results.template)
        if results.output is not None and not into_folder:
            raise UsageError("a template needs a folder to write to", hint="end the name after -o in a slash")
    namer = _Namer(results, into_folder)
    tasks = [task for source in sources for task in namer.tasks(source)]
    if results.variants == 1:  # it has the name that the first one would have
        tasks = [replace(task, job=replace(task.job, variant=results.variant)) for task in tasks]
    check_names([task.job for task in tasks if task.action not in ("skip", "fail")], sources)
    return tasks


class _Namer:
    """Names the results of single sources."""

    def __init__(self, results: ResultOptions, into_folder: bool) -> None:
        self._results = results
        self._folder = results.output if into_folder else None
        self._file = None if into_folder else results.output

    def tasks(self, source: Source) -> Iterator[Task]:
        """Name the results of one source: several variants, or one that is left."""
        folder = self._folder or (source.root if source.walked else None)
        reason = "" if source.problem or source.same_as else self._reason_to_leave(read_facts(source.path))
        for job in self._jobs(source):
            copy_to = self._copy_to(job)
            if source.same_as is not None:
                yield Task(job, "skip", f"is the same file as '{source.same_as}'")
            elif source.problem:
                yield Task(job, "fail", f"{source.path}: {source.problem}", exit_code=source.exit_code)
            elif not reason:
                yield Task(job, "restore", "", folder, copy_to)
            elif job.variant == 1:
                yield Task(replace(job, target=copy_to or source.path), "left", reason, folder, copy_to)

    def _copy_to(self, job: Job) -> Path | None:
        if self._folder is None or job.variant != 1:
            return None
        stem = job.target.stem.removesuffix(".v1") if self._results.variants > 1 else job.target.stem
        place = job.target.with_name(f"{stem}{job.source.suffix}")
        return None if path_key(place) == path_key(job.source) else place

    def _reason_to_leave(self, facts: Facts) -> str:
        kbps, asked = facts.kbps, self._results.run.strength is not None
        if kbps is not None and kbps > self._results.max_kbps:
            more = f"--max-bitrate {ceil(kbps)}" + ("" if asked or facts.strength else " --strength 0.5")
            return (
                f"has {kbps:.0f} kbit/s, and --max-bitrate is {self._results.max_kbps}; {more} restores it all the same"
            )
        if kbps is not None and facts.strength == 0 and not asked:
            return (
                f"has {kbps:.0f} kbit/s and has lost too little to be worth it; --strength 0.5 restores it all the same"
            )
        return ""

    def _jobs(self, source: Source) -> list[Job]:
        results = self._results
        if self._folder is None and results.template is None:
            return lay_out(
                source.path, self._file, container=results.container, bit_depth=results.bit_depth,
                variants=results.variants,
            )  # fmt: skip
        output_format = OutputFormat(results.container or "flac", results.bit_depth)
        return [
            Job(source.path, self._target(source, output_format, k), output_format, variant=k)
            for k in range(1, results.variants + 1)
        ]

    def _target(self, source: Source, output_format: OutputFormat, variant: int) -> Path:
        results = self._results
        template = results.template or (_BESIDE if self._folder is None else _IN_FOLDER)
        if results.variants > 1 and "{variant" not in template:
            template = f"{template.removesuffix('.{ext}')}.v{{variant}}"
        if not template.endswith("{ext}"):
            template += ".{ext}"
        named = fill_template(
            template,
            {
                "stem": source.path.stem,
                "parent": source.path.absolute().parent.name,
                "relpath": "" if results.flatten else _text(source.relative_folder),
                "ext": output_format.container,
                "model": results.model.name,
                "seed": results.run.seed,
                "variant": variant if results.variants > 1 else results.variant,
            },
        )
        return (self._folder or source.path.parent) / named


def _text(path: os.PathLike[str]) -> str:
    text = Path(path).as_posix()
    return "" if text == "." else text


def check_names(jobs: Sequence[Job], inputs: Sequence[Source]) -> None:
    """Refuse plans in which results would replace each other or an input.

    Raises
    ------
    UsageError
        If two targets are one, or a target is an input other than its own.
    """
    sources = {path_key(source.path) for source in inputs if not source.problem}
    targets: dict[str, Job] = {}
    for job in jobs:
        key = path_key(job.target)
        other = targets.setdefault(key, job)
        if other is not job:
            raise UsageError(
                f"'{other.source}' and '{job.source}' would both be written to '{job.target}'",
                hint="keep their folders apart, or add a field to --template",
            )
        if key in sources and key != path_key(job.source):
            raise UsageError(f"the result of '{job.source}' would replace an input", path=job.target)
