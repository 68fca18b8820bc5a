"""The default command, from the user's words to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from mp3restore.batch.events import Event
from mp3restore.batch.plan import plan_batch, wants_folder
from mp3restore.batch.sharing import default_jobs, free_memory, share_cores, working_cores
from mp3restore.batch.sources import Source, find_sources, read_list
from mp3restore.batch.task import ResultOptions, Task
from mp3restore.batch.urls import is_url, plan_remote, url_path
from mp3restore.cli.pipes import STREAM, Pipes, open_pipes
from mp3restore.cli.run_pages import pages_of
from mp3restore.cli.show import OutputOptions, RunReporter, show_plan
from mp3restore.cli.streams import check_stream
from mp3restore.errors import InputError, Mp3RestoreError, NoInputError, UsageError
from mp3restore.generator.devices import Device
from mp3restore.generator.model import list_models

__all__ = ["ExecutionOptions", "InputOptions", "carry_out", "cores", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """Which files are read, and where the results go."""

    inputs: list[str]
    files_from: list[str]
    recursive: bool
    include: list[str]
    exclude: list[str]
    output: str | None
    raw: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionOptions:
    """Who does the work, and how much of it."""

    jobs: int | None = None
    threads: int | None = None
    device: Device = "auto"
    fail_fast: bool = False
    dry_run: bool = False
    cluster: str | None = None


def cores() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(
    inputs: InputOptions,
    results: ResultOptions,
    execution: ExecutionOptions,
    output: OutputOptions,
    *,
    report: Path | None = None,
) -> None:
    """Plan and restore; ends in `typer.Exit` if anything failed.

    Raises
    ------
    Mp3RestoreError
        If the plan cannot be made, or the model cannot be loaded.
    """
    if execution.threads is not None and execution.threads < 1:
        raise UsageError("the number of threads must be 1 or more")
    if results.run.deterministic and results.variants != 1:
        raise UsageError("without chance there is one variant", hint="leave out --deterministic or --variants")
    with open_pipes(inputs.inputs, inputs.output, raw=inputs.raw, container=results.container) as pipes:
        if output.json:
            check_stream("stdout")
        if output.json and pipes.to_stdout:
            raise UsageError("stdout cannot take both the result and --json")
        if pipes.to_stdout and results.variants != 1:
            raise UsageError("stdout takes one variant", hint="--seed draws another")
        tasks, results = _plan(inputs, replace(results, container=pipes.container), pipes, execution)
        if execution.dry_run:
            busy = None if execution.cluster is not None else working_cores(*_share(tasks, execution)[:2])
            show_plan(tasks, cores=busy, sample_rate=results.run.sample_rate, as_json=output.json, hidden=pipes.folder)
            return
        if report is not None and pipes.folder is not None:
            raise UsageError("--report needs files that stay", hint="name files instead of -")
        pages = None if report is None else pages_of(report, tasks, results)
        with RunReporter(output, hidden=pipes.folder, bars_of_files=execution.cluster is None) as reporter:
            tell = reporter.tell if pages is None else pages.listen(reporter.tell)
            code = carry_out(tasks, results, execution, reporter, tell)
            if pages is not None:
                pages.write(reporter.note)
        if code:
            raise typer.Exit(code)
        pipes.finish()


def _plan(
    inputs: InputOptions, results: ResultOptions, pipes: Pipes, execution: ExecutionOptions
) -> tuple[list[Task], ResultOptions]:
    """Plan what to do with files or URLs; returns the tasks, and the options with the output that was found."""
    listed = list(pipes.inputs)
    for each in inputs.files_from:
        if each == STREAM and STREAM in inputs.inputs:
            raise UsageError("stdin cannot be both an input and a list")
        listed += _read_names(each)
    output = pipes.output
    places = [*listed, *([] if output is None else [output])]
    if execution.cluster is not None and pipes.folder is not None:
        raise UsageError("a cluster cannot read from here or write to here", hint="name files instead of -")
    if any(map(is_url, places)):
        if execution.cluster is None or not all(map(is_url, places)):
            raise UsageError(
                "URLs need --cluster, and cannot be mixed with plain names", hint="write file:///... there"
            )
        results = replace(results, output=None if output is None else url_path(output))
        tasks = plan_remote(listed, results, recursive=inputs.recursive, include=inputs.include, exclude=inputs.exclude)
        return tasks, results
    sources = _sources(listed, inputs, pipes)
    into_folder = output is not None and wants_folder(output, sources, listed=bool(inputs.files_from))
    results = replace(results, output=None if output is None else Path(output))
    return plan_batch(sources, results, into_folder=into_folder), results


def _sources(listed: list[str], inputs: InputOptions, pipes: Pipes) -> list[Source]:
    """Find the inputs."""
    output = None if pipes.output is None else Path(pipes.output)
    folder = output if output is not None and output.is_dir() else None
    for name in listed:
        if folder is not None and Path(name).is_dir() and Path(name).samefile(folder):
            raise UsageError(
                "the results would lie among the inputs", path=folder, hint="name another folder with -o, or none"
            )
    sources = find_sources(
        listed, recursive=inputs.recursive, include=inputs.include, exclude=inputs.exclude, output_folder=folder
    )
    if not sources and listed:
        hint = "--include takes other names" if not inputs.include else "check --include and --exclude"
        raise NoInputError("no audio files found", path=listed[0] if len(listed) == 1 else None, hint=hint)
    if not sources and not inputs.files_from:
        raise UsageError("nothing to restore", hint="name an MP3, a folder, or - for stdin")
    return sources


def _read_names(path: str) -> list[str]:
    try:
        if path == STREAM:
            check_stream("stdin")
            return read_list(sys.stdin.buffer.read())
        return read_list(Path(path).read_bytes())
    except Mp3RestoreError:
        raise  # some are ValueErrors too
    except ValueError as error:
        raise InputError(f"cannot be read as a list of names: {error}", path=path) from error
    except FileNotFoundError as error:
        raise NoInputError("no such file", path=path) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error


def _is_work(task: Task) -> bool:
    return task.action in ("restore", "overwrite", "left")


def _share(tasks: list[Task], execution: ExecutionOptions) -> tuple[int, int, bool]:
    """Return how many files to restore at the same time, with how many threads each, and if the user asked for more."""
    busy = sum(map(_is_work, tasks))
    wanted = min(execution.jobs or default_jobs(busy, cores(), free_memory()), max(busy, 1))
    jobs, threads = share_cores(cores(), wanted, execution.threads)
    return jobs, threads, jobs < wanted or (execution.threads or 0) > threads


def carry_out(
    tasks: list[Task],
    results: ResultOptions,
    execution: ExecutionOptions,
    reporter: RunReporter,
    tell: Callable[[Event], None],
) -> int:
    """Carry out a plan; returns the exit code."""
    from mp3restore.batch.maker import ResultMaker  # noqa: PLC0415 - not for a dry run
    from mp3restore.batch.processes import run_locally  # noqa: PLC0415
    from mp3restore.batch.run import exit_code, run_batch  # noqa: PLC0415
    from mp3restore.pipeline.stages import dedicated_process  # noqa: PLC0415

    files = len({task.job.source for task in tasks})
    if execution.cluster is not None:
        from mp3restore.batch.cluster import run_on_cluster  # noqa: PLC0415 - an extra

        model = results.model
        shipped = model.name if model.name in list_models() else str(model.folder)
        maker = ResultMaker(shipped, results.run, execution.threads or 1, execution.device, model.sha256)
        execute = run_on_cluster(execution.cluster, maker)
        return exit_code(run_batch(tasks, results, execute, tell, fail_fast=execution.fail_fast), files)
    jobs, threads, asked = _share(tasks, execution)
    if asked:
        reporter.note(f"works with --jobs {jobs} --threads {threads}: there are no more cores")
    maker = ResultMaker(str(results.model.folder), results.run, threads, execution.device)
    if any(map(_is_work, tasks)):
        # A device that is not available is one error, and not one for each file.
        device = maker.check()
        if execution.device == "auto":
            reporter.detail(f"runs on: {device}")
    with dedicated_process():
        summary = run_batch(tasks, results, run_locally(maker, jobs), tell, fail_fast=execution.fail_fast)
    return exit_code(summary, files)
