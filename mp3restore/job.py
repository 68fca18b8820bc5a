"""What is going to be written where, decided and checked before any work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mp3restore.errors import OutputError, OutputExistsError, UsageError
from mp3restore.formats import BitDepth, Container, OutputFormat

__all__ = ["CONTAINERS", "Job", "check_job", "check_names", "lay_out", "path_key", "plan_jobs"]

_LONGEST_NAME_BYTES = 255
CONTAINERS: dict[str, Container] = {".wav": "wav", ".flac": "flac"}


@dataclass(frozen=True, slots=True)
class Job:
    """One result to make.

    Attributes
    ----------
    source, target : Path
        The file to restore, and the file to write.
    output_format : OutputFormat
        How to write it.
    variant : int
        Which of the possible restorations, from 1.
    overwrite : bool
        Whether a file at `target` may be replaced.
    """

    source: Path
    target: Path
    output_format: OutputFormat
    variant: int = 1
    overwrite: bool = False


def _container(output: Path | None, container: Container | None) -> Container:
    """Choose the container by the option, else by the suffix of the output, else FLAC."""
    by_suffix = None if output is None else CONTAINERS.get(output.suffix.lower())
    if output is None:
        return container or "flac"
    if container is None:
        if by_suffix is None:
            raise UsageError(
                f"the format of '{output.name}' is not known", hint="end it in .wav or .flac, or add --format"
            )
        return by_suffix
    if by_suffix not in (None, container):
        raise UsageError(f"'{output.name}' is not the name of a {container} file", hint="change -o or --format")
    return container


def lay_out(
    source: Path,
    output: Path | None = None,
    *,
    container: Container | None = None,
    bit_depth: BitDepth | None = None,
    variants: int = 1,
    overwrite: bool = False,
) -> list[Job]:
    """Name the results of one file, unchecked; nothing is looked at or written.

    Without `output` the result lies beside the source as ``<stem>.restored.flac``. With more than one variant,
    ``.v1``, ``.v2`` and so on come before the suffix.

    Raises
    ------
    UsageError
        If the options contradict each other.
    """
    if variants < 1:
        raise UsageError("the number of variants must be 1 or more")
    kind = _container(output, container)
    target = output if output is not None else source.with_name(f"{source.stem}.restored.{kind}")
    names = [target.name] if variants == 1 else [f"{target.stem}.v{k + 1}{target.suffix}" for k in range(variants)]
    output_format = OutputFormat(kind, bit_depth or "24")
    return [
        Job(source, target.with_name(name), output_format, variant=k + 1, overwrite=overwrite)
        for k, name in enumerate(names)
    ]


def plan_jobs(
    source: Path,
    output: Path | None = None,
    *,
    container: Container | None = None,
    bit_depth: BitDepth | None = None,
    variants: int = 1,
    overwrite: bool = False,
) -> list[Job]:
    """Name the results of one file as `lay_out` does, and check that they can be written; nothing is written.

    Raises
    ------
    UsageError, OutputError
        If the options contradict each other, or a target cannot be written.
    """
    jobs = lay_out(source, output, container=container, bit_depth=bit_depth, variants=variants, overwrite=overwrite)
    for job in jobs:
        check_job(job)
    return jobs


def check_job(job: Job, *, make_folders: bool = False) -> None:
    """Refuse a job that would destroy something or cannot succeed.

    With `make_folders` the target's folder need not exist yet: it is enough if it can be made.

    Raises
    ------
    UsageError
        If source and target are one file, by name or through links, or the target is no ordinary file.
    OutputExistsError
        If the target exists and may not be overwritten.
    OutputError
        If the target's folder does not exist or cannot be written to.
    """
    source, target = job.source, job.target
    if len(os.fsencode(target.name)) > _LONGEST_NAME_BYTES:
        raise OutputError("the name is too long", path=target, hint="give another one with -o or --template")
    try:
        exists = target.exists()
        if exists and source.exists() and target.samefile(source):
            raise UsageError("input and output are the same file", path=target, hint="give another name with -o")
        if exists and not target.is_file():
            raise UsageError("is not an ordinary file", path=target, hint="name a file with -o")
        if os.path.lexists(target) and not job.overwrite:
            raise OutputExistsError("exists already", path=target, hint="--force overwrites it")
        folder = target.parent
        while make_folders and not os.path.lexists(folder):
            folder = folder.parent
        folder_exists = folder.is_dir()
    except PermissionError as error:
        raise OutputError("may not be looked at", path=target, hint="check the permissions of its folder") from error
    if not folder_exists and os.path.lexists(folder):
        raise OutputError("is no folder", path=folder, hint="choose another folder with -o")
    if not folder_exists:
        raise OutputError("there is no such folder", path=folder, hint="create it first")
    if not os.access(folder, os.W_OK):
        raise OutputError("may not be written to", path=folder, hint="choose another folder with -o")


def path_key(path: Path) -> str:
    """What all names of one file have in common."""
    return os.path.normcase(os.path.realpath(path))


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
