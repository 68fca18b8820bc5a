"""Files that lie elsewhere: on S3, behind SSH, wherever fsspec reaches."""

from __future__ import annotations

import re
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from mp3restore.batch.existing import ExistingResults
from mp3restore.batch.plan import is_single, name_results
from mp3restore.batch.sources import Source, fits, is_own_name
from mp3restore.batch.task import ResultOptions, Task
from mp3restore.errors import InputError, MissingExtraError, NoInputError, OutputError, UsageError
from mp3restore.job import AUDIO_SUFFIXES, Job

__all__ = ["is_url", "plan_remote", "staged", "url_path"]


def is_url(name: str) -> bool:
    """Whether a name is a URL, such as ``s3://bucket/folder``."""
    return re.match(r"[A-Za-z][\w+.-]+://", name) is not None


def url_path(url: str) -> Path:
    """Make the path of a URL: a `UPath`, which is no `Path` but has the methods of one that plans use.

    Raises
    ------
    MissingExtraError
        If a package is missing that reaches it.
    UsageError
        If nobody knows such URLs.
    """
    try:
        from upath import UPath  # noqa: PLC0415 - an extra

        path = UPath(url)
        _open(cast("Path", path))
    except ImportError as error:
        hint = "pip install 'mp3restore[cluster]' brings fsspec; its pages name the package for each kind of URL"
        raise MissingExtraError(f"'{url}' cannot be opened: {error}", hint=hint) from error
    except ValueError as error:
        raise UsageError(f"'{url}' cannot be opened: {error}") from error
    return cast("Path", path)


def _open(path: Path) -> tuple[Any, str]:
    """Give the file system of a URL, and the path in it."""
    url: Any = path
    return url.fs, url.path


def _find(name: str, *, recursive: bool, include: Sequence[str], exclude: Sequence[str]) -> Iterator[Source]:
    """Give the files that a URL stands for."""
    root = url_path(name.rstrip("/"))
    system, path = _open(root)
    try:
        if not system.isdir(path):
            yield Source(root)
            return
        found = sorted(system.find(path, maxdepth=None if recursive else 1))
    except OSError as error:
        raise InputError(f"cannot be listed: {error}", path=root) from error
    for each in found:
        inner = each[len(path.rstrip("/")) + 1 :]
        file = root / inner

        wanted = fits(inner, include) if include else file.suffix.lower() in AUDIO_SUFFIXES
        hidden = any(part.startswith(".") for part in inner.split("/"))
        if wanted and not fits(inner, exclude) and not hidden and not is_own_name(file):
            yield Source(file, root, walked=True)


def plan_remote(
    names: Sequence[str], results: ResultOptions, *, recursive: bool, include: Sequence[str], exclude: Sequence[str]
) -> list[Task]:
    """Plan results for URLs, as `plan_batch` does for files; there is no manifest, so that what exists counts as done.

    Raises
    ------
    Mp3RestoreError
        If the plan makes no sense, or a place cannot be reached.
    """
    if results.output is None:
        raise UsageError("URLs need a place to write to", hint="name another URL with -o")
    if results.on_exists == "rename":
        raise UsageError("--on-exists rename is for files, and not for URLs")
    sources = [
        source for name in names for source in _find(name, recursive=recursive, include=include, exclude=exclude)
    ]
    if not sources:
        raise NoInputError("no audio files found", path=names[0] if len(names) == 1 else None)
    tasks = [replace(task, manifest=None) for task in name_results(sources, results, into_folder=True)]
    policy = results.on_exists or ("error" if is_single(sources) else "skip")
    existing = ExistingResults(results, policy, [task.job.target for task in tasks])

    def settle(task: Task) -> Task:
        system, path = _open(task.job.target)
        return existing.settle(task) if system.exists(path) else task

    return [settle(task) for task in tasks]


@contextmanager
def staged(job: Job) -> Iterator[Job]:
    """Bring the source of a job here, and at the end of the block its result to where it belongs.

    Jobs without URLs are left as they are.

    Raises
    ------
    InputError, OutputError
        If it cannot be fetched or stored.
    """
    if isinstance(job.source, Path) and isinstance(job.target, Path):
        yield job
        return
    with tempfile.TemporaryDirectory(prefix="mp3restore-") as name:
        folder = Path(name)
        source, target = folder / f"in{job.source.suffix}", folder / f"out{job.target.suffix}"
        system, path = _open(job.source)
        try:
            system.get_file(path, str(source))
        except FileNotFoundError as error:
            raise NoInputError("no such file", path=job.source) from error
        except OSError as error:
            raise InputError(f"cannot be fetched: {error}", path=job.source) from error
        yield replace(job, source=source, target=target)
        _store(target, job.target)


def _store(file: Path, url: Path) -> None:
    """Upload a file to a temporary name, and rename it."""
    system, path = _open(url)
    folder, _, _ = path.rpartition("/")
    part = f"{folder}/.mp3restore-{secrets.token_hex(8)}.part"
    try:
        system.makedirs(folder, exist_ok=True)
        system.put_file(str(file), part)
        system.mv(part, path)
    except OSError as error:
        raise OutputError(f"cannot be stored: {error}", path=url) from error
    finally:
        with suppress(OSError):
            if system.exists(part):
                system.rm(part)
