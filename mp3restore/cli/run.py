"""What the default command does, from names to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from mp3restore.batch.events import Event
from mp3restore.batch.plan import OnExists, Request, Task, plan_batch, wants_folder
from mp3restore.batch.sources import Source, find_sources, read_list
from mp3restore.batch.urls import UrlPath, is_url, plan_remote
from mp3restore.cli.pipes import STREAM, Pipes, open_pipes
from mp3restore.cli.run_pages import Pages
from mp3restore.cli.show import Look, Teller, show_plan
from mp3restore.errors import InputError, NoInputError, UsageError
from mp3restore.generator.devices import Device
from mp3restore.generator.model import list_models, load_model
from mp3restore.job import BitDepth, Container
from mp3restore.options import RunOptions

__all__ = ["Look", "Machine", "Names", "Wishes", "cores", "run"]


@dataclass(frozen=True, slots=True)
class Names:
    """Which files are read and written."""

    inputs: list[str]
    files_from: list[str]
    recursive: bool
    include: list[str]
    exclude: list[str]
    output: str | None
    raw: bool


@dataclass(frozen=True, slots=True)
class Wishes:
    """How results shall be made."""

    options: RunOptions
    model: str | None
    container: Container | None
    bit_depth: BitDepth
    template: str | None
    flatten: bool
    variants: int
    max_kbps: int
    on_exists: OnExists | None
    skip_existing: bool
    force: bool

    @property
    def policy(self) -> OnExists | None:
        """What to do about existing results, of three ways to say it."""
        said: set[OnExists] = set()
        if self.on_exists is not None:
            said.add(self.on_exists)
        if self.skip_existing:
            said.add("skip")
        if self.force:
            said.add("overwrite")
        if len(said) > 1:
            raise UsageError("--on-exists, --skip-existing and --force contradict each other")
        return said.pop() if said else None

    def request(self, output: str | None) -> Request:
        """Put the wishes into the words of the plan."""
        return Request(
            load_model(self.model),
            self.options,
            None if output is None else Path(output),
            self.container,
            self.bit_depth,
            self.variants,
            self.template,
            self.flatten,
            self.policy,
            self.max_kbps,
        )


@dataclass(frozen=True, slots=True)
class Machine:
    """What does the work."""

    jobs: int
    threads: int | None
    device: Device
    fail_fast: bool
    dry_run: bool
    cluster: str | None = None


def cores() -> int:
    """Number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(names: Names, wishes: Wishes, machine: Machine, look: Look, *, report: Path | None = None) -> None:
    """Plan and restore; ends in `typer.Exit` if anything failed.

    Raises
    ------
    Mp3RestoreError
        If the plan cannot be made, or the model not be loaded.
    """
    if machine.threads is not None and machine.threads < 1:
        raise UsageError("the number of threads must be 1 or more")
    if wishes.options.deterministic and wishes.variants != 1:
        raise UsageError("without chance there is one variant", hint="leave out --deterministic or --variants")
    with open_pipes(names.inputs, names.output, raw=names.raw, container=wishes.container) as pipes:
        if look.json and pipes.to_stdout:
            raise UsageError("stdout cannot take both the result and --json")
        if pipes.to_stdout and wishes.variants != 1:
            raise UsageError("stdout takes one variant", hint="--seed draws another")
        tasks, request = _plan(names, replace(wishes, container=pipes.container), pipes, machine)
        if machine.dry_run:
            show_plan(tasks, as_json=look.json, hidden=pipes.folder)
            return
        if report is not None and pipes.folder is not None:
            raise UsageError("--report needs files that stay", hint="name files instead of -")
        pages = None if report is None else Pages(report, tasks, request)
        with Teller(look, hidden=pipes.folder) as teller:
            tell = teller.tell if pages is None else pages.listen(teller.tell)
            files = len({task.job.source for task in tasks})
            code = _restore(tasks, request, machine, teller, tell, files=files)
            if pages is not None:
                pages.write(teller.note)
        if code:
            raise typer.Exit(code)
        pipes.finish()


def _plan(names: Names, wishes: Wishes, pipes: Pipes, machine: Machine) -> tuple[list[Task], Request]:
    """Plan what to do with files or URLs."""
    listed = list(pipes.inputs)
    for each in names.files_from:
        if each == STREAM and STREAM in names.inputs:
            raise UsageError("stdin cannot be both an input and a list")
        listed += _read_names(each)
    output = pipes.output
    places = [*listed, *([] if output is None else [output])]
    if machine.cluster is not None and pipes.folder is not None:
        raise UsageError("a cluster cannot read from here or write to here", hint="name files instead of -")
    if any(map(is_url, places)):
        if machine.cluster is None or not all(map(is_url, places)):
            raise UsageError(
                "URLs need --cluster, and cannot be mixed with plain names", hint="write file:///... there"
            )
        request = replace(wishes.request(None), output=UrlPath(output) if output is not None else None)
        tasks = plan_remote(listed, request, recursive=names.recursive, include=names.include, exclude=names.exclude)
        return tasks, request
    sources = _sources(listed, names, pipes)
    into_folder = output is not None and wants_folder(output, sources, listed=bool(names.files_from))
    request = wishes.request(output)
    return plan_batch(sources, request, into_folder=into_folder), request


def _sources(listed: list[str], names: Names, pipes: Pipes) -> list[Source]:
    """Find the inputs."""
    output = None if pipes.output is None else Path(pipes.output)
    folder = output if output is not None and output.is_dir() else None
    for name in listed:
        if folder is not None and Path(name).is_dir() and Path(name).samefile(folder):
            raise UsageError(
                "the results would lie among the inputs", path=folder, hint="name another folder with -o, or none"
            )
    sources = find_sources(
        listed, recursive=names.recursive, include=names.include, exclude=names.exclude, output_folder=folder
    )
    if not sources and listed:
        hint = "--include takes other names" if not names.include else "check --include and --exclude"
        raise NoInputError("no audio files found", path=listed[0] if len(listed) == 1 else None, hint=hint)
    if not sources and not names.files_from:
        raise UsageError("nothing to restore", hint="name an MP3, a folder, or - for stdin")
    return sources


def _read_names(path: str) -> list[str]:
    try:
        if path == STREAM:
            return read_list(sys.stdin)
        with Path(path).open(encoding="utf-8", errors="surrogateescape") as file:
            return read_list(file)
    except FileNotFoundError as error:
        raise NoInputError("no such file", path=path) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error


def _restore(
    tasks: list[Task],
    request: Request,
    machine: Machine,
    teller: Teller,
    tell: Callable[[Event], None],
    *,
    files: int,
) -> int:
    """Carry out a plan; gives the exit code."""
    from mp3restore.batch.maker import Work  # noqa: PLC0415
    from mp3restore.batch.processes import run_locally, share_cores  # noqa: PLC0415 - not for a dry run
    from mp3restore.batch.run import exit_code, run_batch  # noqa: PLC0415 - not for a dry run

    if machine.cluster is not None:
        from mp3restore.batch.cluster import run_on_cluster  # noqa: PLC0415 - an extra

        shipped = request.model.name if request.model.name in list_models() else str(request.model.folder)
        work = Work(shipped, request.options, machine.threads or 1, machine.device, request.model.sha256)
        execute = run_on_cluster(machine.cluster, work)
        return exit_code(run_batch(tasks, request, execute, tell, fail_fast=machine.fail_fast), files)
    busy = sum(task.action in ("restore", "overwrite", "copy") for task in tasks)
    wanted = min(machine.jobs, max(busy, 1))
    jobs, threads = share_cores(cores(), wanted, machine.threads)
    if jobs < wanted or (machine.threads or 0) > threads:
        teller.note(f"works with --jobs {jobs} --threads {threads}: there are no more cores")
    work = Work(str(request.model.folder), request.options, threads, machine.device)
    if busy:
        # A model or device that cannot be had is one error, and not one for each file.
        device = work.check()
        if machine.device == "auto":
            teller.detail(f"runs on: {device}")
    execute = run_locally(work, jobs)
    return exit_code(run_batch(tasks, request, execute, tell, fail_fast=machine.fail_fast), files)
