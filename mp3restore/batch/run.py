"""Carry out a plan: every result is made, skipped or failed, and no failure stops the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from mp3restore.batch.events import Done, Event, Failed, Progressed, Skipped, Started, Summary
from mp3restore.batch.events import Left as LeftEvent
from mp3restore.batch.existing import make_recipe, skips_what_appears
from mp3restore.batch.maker import Advanced, Begun, Execute, Left, Outcome, Update
from mp3restore.batch.manifest import Entry, append_entry
from mp3restore.batch.task import ResultOptions, Task
from mp3restore.errors import ExitCode
from mp3restore.files import output_error, remove_stale_parts

__all__ = ["exit_code", "run_batch"]


def run_batch(
    tasks: Sequence[Task],
    results: ResultOptions,
    execute: Execute,
    tell: Callable[[Event], None],
    *,
    fail_fast: bool = False,
) -> Summary:
    """Carry out a plan.

    Parameters
    ----------
    tasks : sequence of Task
        The plan.
    results : ResultOptions
        What it was made for.
    execute : callable
        Who makes the results.
    tell : callable
        Called with every event, the summary last.
    fail_fast : bool
        Whether the first failure ends the run.

    Returns
    -------
    Summary
        What became of the results.
    """
    run = RunLog(tasks, results, tell, fail_fast)
    ready = []
    for index, task in enumerate(tasks):
        if task.action == "skip":
            run.skip(index, task.reason)
        elif task.action == "fail":
            run.fail(index, task.reason, task.exit_code)
        else:
            ready.append((index, task))
    # A URL is no folder of this machine.
    folders = {task.job.target.parent for _, task in ready if isinstance(task.job.target, Path)}
    for folder in folders:
        remove_stale_parts(folder)
    if ready and run.goes_on:
        try:
            execute(ready, run.take)
        except KeyboardInterrupt:
            run.finish()
            raise
    for folder in folders:  # a process that made one may have died
        remove_stale_parts(folder)
    return run.finish()


class RunLog:
    """Counts results, emits events, and records finished results in the manifests."""

    def __init__(
        self, tasks: Sequence[Task], results: ResultOptions, tell: Callable[[Event], None], fail_fast: bool
    ) -> None:
        self._tasks = tasks
        self._results = results
        self._tell = tell
        self._fail_fast = fail_fast
        self._counts = Summary()
        self._failures: list[Failed] = []
        self._started = perf_counter()

    @property
    def goes_on(self) -> bool:
        return not (self._fail_fast and self._failures)

    def skip(self, index: int, reason: str) -> None:
        job = self._tasks[index].job
        self._counts = replace(self._counts, skipped=self._counts.skipped + 1)
        self._tell(Skipped(job.source, job.target, index, reason))

    def fail(self, index: int, error: str, code: int, trace: str = "") -> None:
        job = self._tasks[index].job
        failed = Failed(job.source, job.target, index, error, code, trace)
        self._failures.append(failed)
        self._tell(failed)

    def take(self, index: int, update: Update) -> bool:
        """Take note of what happens to a task; returns whether to go on."""
        job = self._tasks[index].job
        if isinstance(update, Begun):
            self._tell(Started(job.source, job.target, index, len(self._tasks)))
        elif isinstance(update, Advanced):
            self._tell(Progressed(job.source, index, update.done_s, update.total_s))
        elif isinstance(update, Outcome):
            self._done(index, update)
        elif isinstance(update, Left):
            self._left(index, update)
        elif update.exists and skips_what_appears(self._results.on_exists, several=len(self._tasks) > 1):
            self.skip(index, "exists already")
        else:
            self.fail(index, update.error, update.exit_code, update.trace)
        return self.goes_on

    def _done(self, index: int, outcome: Outcome) -> None:
        task = self._tasks[index]
        job, result, counts = task.job, outcome.result, self._counts
        if self._listed(index, job.target, outcome.input_sha256, outcome.output_sha256):
            self._counts = replace(
                counts,
                done=counts.done + 1,
                audio_s=counts.audio_s + result.duration,
                result_bytes=counts.result_bytes + _size(job.target),
            )
            self._tell(Done(job.source, job.target, index, task.action, result))

    def _left(self, index: int, left: Left) -> None:
        counts = self._counts
        if left.copy is None or self._listed(index, left.copy, left.sha256, left.sha256):
            copied = counts.copied + (left.copy is not None)
            self._counts = replace(counts, left=counts.left + 1, copied=copied)
            self._tell(LeftEvent(self._tasks[index].job.source, left.copy, index, left.reason))

    def _listed(self, index: int, target: Path, input_sha256: str, output_sha256: str) -> bool:
        """List a finished result where there is a manifest; whether that did not fail."""
        task = self._tasks[index]
        if task.manifest is None:
            return True
        recipe = make_recipe(self._results, task.job, input_sha256)
        name = target.relative_to(task.manifest).as_posix()
        try:
            append_entry(task.manifest, Entry(name, str(task.job.source.absolute()), output_sha256, recipe))
        except OSError as error:
            problem = output_error(error, task.manifest)
            self.fail(index, f"{problem} (the result is there, but not listed)", problem.exit_code)
            return False
        return True

    def finish(self) -> Summary:
        """Say what became of the plan."""
        counts = self._counts
        settled = counts.done + counts.left + counts.skipped + len(self._failures)
        summary = replace(
            counts,
            failed=len(self._failures),
            not_started=len(self._tasks) - settled,
            elapsed_s=perf_counter() - self._started,
            failures=tuple(self._failures),
        )
        self._tell(summary)
        return summary


def _size(target: Path) -> int:
    """Return the bytes of a file of this machine; 0 for a URL, or if somebody has taken it away already."""
    try:
        return target.stat().st_size if isinstance(target, Path) else 0
    except OSError:  # pragma: no cover - gone in the moment since it was written
        return 0


def exit_code(summary: Summary, files: int) -> int:
    """Exit code of a run over so many files: that of its errors where all files have the same one."""
    if not summary.failures:
        # A copy in the output folder is a result, too.
        nothing = files == 1 and summary.left and not summary.copied
        return ExitCode.NOTHING_TO_RESTORE if nothing else ExitCode.OK
    codes = {failure.exit_code for failure in summary.failures}
    nothing_else = not (summary.done or summary.left or summary.skipped or summary.not_started)
    return codes.pop() if len(codes) == 1 and nothing_else else ExitCode.FAILED
