"""The plan of a run: every result and what happens to it, made and checked before any work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from mp3restore import __version__
from mp3restore.audio.metadata import mp3_kbps
from mp3restore.batch.manifest import Entry, Recipe, read_manifest
from mp3restore.batch.sources import Source
from mp3restore.batch.template import check_template, fill_template
from mp3restore.errors import NoInputError, OutputError, OutputExistsError, UsageError
from mp3restore.files import file_hash
from mp3restore.generator.model import Model
from mp3restore.job import CONTAINERS, BitDepth, Container, Job, OutputFormat, check_job, lay_out, path_key
from mp3restore.options import RunOptions

__all__ = [
    "DEFAULT_MAX_KBPS",
    "Action",
    "OnExists",
    "Request",
    "Task",
    "check_names",
    "make_recipe",
    "plan_batch",
    "wants_folder",
]

OnExists = Literal["error", "skip", "overwrite", "rename"]
Action = Literal["restore", "overwrite", "copy", "skip", "fail"]

DEFAULT_MAX_KBPS = 192
_BESIDE, _IN_FOLDER = "{stem}.restored", "{relpath}/{stem}"


@dataclass(frozen=True, slots=True)
class Request:
    """What the user wants of all files.

    Attributes
    ----------
    model : Model
        What restores them.
    options : RunOptions
        How.
    output : Path or None
        The file to write, or the folder to write to; by default results lie beside their sources.
    container, bit_depth
        Format of the results.
    variants : int
        Restorations of each file.
    template : str or None
        Names of the results, with the fields of `mp3restore.batch.template`.
    flatten : bool
        Whether all results go to `output` itself, instead of folders like those of the sources.
    on_exists : {"error", "skip", "overwrite", "rename"}, optional
        What to do about results that exist already. By default one named file is an error, and of several files those
        are skipped that are there, but made again if they are ours, unchanged, and were made in another way.
    max_kbps : int
        MP3s of higher bitrates are left as they are: copied to the output folder, or skipped where there is none.
    """

    model: Model
    options: RunOptions = field(default_factory=RunOptions)
    output: Path | None = None
    container: Container | None = None
    bit_depth: BitDepth = "24"
    variants: int = 1
    template: str | None = None
    flatten: bool = False
    on_exists: OnExists | None = None
    max_kbps: int = DEFAULT_MAX_KBPS


@dataclass(frozen=True, slots=True)
class Task:
    """One result and what happens to it.

    Attributes
    ----------
    job : Job
        Source and target.
    action : {"restore", "overwrite", "copy", "skip", "fail"}
        What happens; "fail" stands for a source that could not be looked at.
    reason : str
        Why it is skipped, copied, made again, or fails.
    manifest : Path or None
        Folder whose manifest will list it.
    """

    job: Job
    action: Action
    reason: str = ""
    manifest: Path | None = None


def wants_folder(output: str, sources: Sequence[Source], *, listed: bool = False) -> bool:
    """Whether what the user wrote after ``-o`` is a folder: it is one, ends in a slash, or cannot be a file.

    The names of lists (`listed`) and patterns may be one or many, and mean the same in either case.
    """
    if os.path.isdir(output) or output.endswith(("/", os.sep)):  # noqa: PTH112 - the method of paths raises
        return True
    one_by_name = _is_single(sources) and sources[0].root is None and not listed
    return not one_by_name and Path(output).suffix.lower() not in CONTAINERS


def _is_single(sources: Sequence[Source]) -> bool:
    return len(sources) == 1 and not sources[0].walked


def make_recipe(request: Request, job: Job, input_sha256: str) -> Recipe:
    """Put down all that decides what a result holds."""
    options = {**asdict(request.options), **asdict(job.output_format), "variant": job.variant}
    return Recipe(input_sha256, request.model.sha256, __version__.rpartition(".")[0], options)


def plan_batch(
    sources: Sequence[Source], request: Request, *, into_folder: bool, settle: Callable[[Task], Task] | None = None
) -> list[Task]:
    """Plan the results of `sources`; nothing is written.

    `into_folder` says that the output is a folder, which need not exist yet. `settle` decides about results that may
    exist already, where that is not for the file system to say.

    Raises
    ------
    UsageError
        If the request contradicts itself, two results would be the same file, or a result would be one of the sources.
    OutputExistsError
        If a result exists and the policy is "error".
    OutputError
        If a result cannot be written where it shall be.
    NoInputError
        If there are no sources.
    """
    if not sources:
        raise NoInputError("nothing to restore", hint="name an MP3, or a folder with audio files")
    single = _is_single(sources)
    if request.output is not None and not into_folder and not single:
        raise UsageError(
            f"'{request.output}' cannot hold the results of {len(sources)} files", hint="name a folder with -o"
        )
    if request.template is not None:
        check_template(request.template)
        if request.output is not None and not into_folder:
            raise UsageError("a template needs a folder to write to", hint="end the name after -o in a slash")
    planner = _Planner(request, into_folder, request.on_exists or ("error" if single else None))
    tasks = [task for source in sources for task in planner.tasks(source)]
    check_names([task.job for task in tasks])
    return [(settle or planner.settle)(task) for task in tasks]


class _Planner:
    """Names results and decides about them; keeps what it has read of earlier runs."""

    def __init__(self, request: Request, into_folder: bool, policy: OnExists | None) -> None:
        self._request = request
        self._folder = request.output if into_folder else None
        self._file = None if into_folder else request.output
        self._policy = policy
        self._manifests: dict[Path, dict[str, Entry]] = {}
        self._taken: set[str] = set()

    def tasks(self, source: Source) -> Iterator[Task]:
        """Name the results of one source; what exists already is settled later."""
        folder = self._folder or (source.root if source.walked else None)
        kbps = mp3_kbps(source.path)
        loud = kbps is not None and kbps > self._request.max_kbps
        for job in self._jobs(source):
            if source.problem:
                yield Task(job, "fail", source.problem)
            elif loud and self._folder is not None and job.variant == 1:
                copy = replace(job, target=job.target.with_name(f"{self._stem(job)}{source.path.suffix}"))
                yield Task(copy, "copy", self._too_good(kbps), folder)
            elif loud:
                yield Task(job, "skip", self._too_good(kbps))
            else:
                yield Task(job, "restore", "", folder)

    def _stem(self, job: Job) -> str:
        return job.target.stem.removesuffix(".v1") if self._request.variants > 1 else job.target.stem

    def _too_good(self, kbps: float | None) -> str:
        return f"has {kbps:.0f} kbit/s; --max-bitrate is {self._request.max_kbps}"

    def _jobs(self, source: Source) -> list[Job]:
        request = self._request
        if self._folder is None and request.template is None:
            return lay_out(
                source.path, self._file, container=request.container, bit_depth=request.bit_depth,
                variants=request.variants,
            )  # fmt: skip
        if request.variants < 1:
            raise UsageError("the number of variants must be 1 or more")
        output_format = OutputFormat(request.container or "flac", request.bit_depth)
        return [
            Job(source.path, self._target(source, output_format, k), output_format, variant=k)
            for k in range(1, request.variants + 1)
        ]

    def _target(self, source: Source, output_format: OutputFormat, variant: int) -> Path:
        request = self._request
        template = request.template or (_BESIDE if self._folder is None else _IN_FOLDER)
        if request.variants > 1 and "{variant" not in template:
            template = f"{template.removesuffix('.{ext}')}.v{{variant}}"
        if not template.endswith("{ext}"):
            template += ".{ext}"
        named = fill_template(
            template,
            {
                "stem": source.path.stem,
                "parent": source.path.absolute().parent.name,
                "relpath": "" if request.flatten else _text(source.relative_folder),
                "ext": output_format.container,
                "model": request.model.name,
                "seed": request.options.seed,
                "variant": variant,
            },
        )
        return (self._folder or source.path.parent) / named

    def settle(self, task: Task) -> Task:
        """Decide what happens where a result exists already."""
        if task.action in ("skip", "fail"):
            return task
        job, many = task.job, self._policy != "error" or self._folder is not None
        try:
            check_job(job, make_folders=self._folder is not None)
        except OutputExistsError as error:
            return self._existing(task, error)
        except (UsageError, OutputError) as error:
            if many and isinstance(error, OutputError):
                return replace(task, action="fail", reason=error.message)
            raise
        return task

    def _existing(self, task: Task, error: OutputExistsError) -> Task:
        job = task.job
        if self._policy == "overwrite":
            again = replace(task, job=replace(job, overwrite=True))
            check_job(again.job)
            return replace(again, action="overwrite") if task.action == "restore" else again
        if self._policy == "rename":
            return replace(task, job=replace(job, target=self._free_name(job.target)))
        if self._policy == "skip" or task.manifest is None or task.action == "copy":
            if self._policy == "error":
                raise error
            return replace(task, action="skip", reason="exists already")
        return self._compare(task, error)

    def _compare(self, task: Task, error: OutputExistsError) -> Task:
        """Tell a result that is done from one that was made in another way, by the manifest."""
        job, folder = task.job, task.manifest
        entry = None if folder is None else self._manifest(folder).get(_text(job.target.relative_to(folder)))
        if entry is None:
            if self._policy == "error":
                raise error
            return replace(task, action="skip", reason="exists already")
        done = entry.recipe == make_recipe(self._request, job, file_hash(job.source))
        if not done and self._policy == "error":
            raise error
        if file_hash(job.target) != entry.output_sha256:
            return replace(task, action="skip", reason="exists already, and was changed by someone else")
        if done:
            return replace(task, action="skip", reason="done already")
        return replace(task, job=replace(job, overwrite=True), action="overwrite", reason="was made in another way")

    def _manifest(self, folder: Path) -> dict[str, Entry]:
        if folder not in self._manifests:
            self._manifests[folder] = read_manifest(folder)
        return self._manifests[folder]

    def _free_name(self, target: Path) -> Path:
        number = 2
        while os.path.lexists(free := target.with_name(f"{target.stem}.{number}{target.suffix}")) or (
            path_key(free) in self._taken
        ):
            number += 1
        self._taken.add(path_key(free))
        return free


def _text(path: os.PathLike[str]) -> str:
    text = Path(path).as_posix()
    return "" if text == "." else text


def check_names(jobs: Sequence[Job]) -> None:
    """Refuse plans in which results would replace each other or a source.

    Raises
    ------
    UsageError
        If two targets are one, or a target is the source of another job.
    """
    sources = {path_key(job.source) for job in jobs}
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
