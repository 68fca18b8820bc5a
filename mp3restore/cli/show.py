"""Show a run to the user: lines for people on stderr, or JSON for programs on stdout."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from types import TracebackType

import typer

from mp3restore.batch.estimate import estimate
from mp3restore.batch.events import (
    SCHEMA,
    Done,
    Event,
    Failed,
    Left,
    Skipped,
    Summary,
    event_json,
)
from mp3restore.batch.facts import Facts, read_facts
from mp3restore.batch.task import Action, Task
from mp3restore.cli.bars import Bars
from mp3restore.cli.streams import echo
from mp3restore.cli.terminal import clock, message, one_line, result_line, rough_clock, size_text
from mp3restore.files import output_error
from mp3restore.job import OutputFormat

__all__ = ["OutputOptions", "RunReporter", "show_plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """How much to show; verbosity -2 is nothing, -1 errors, 0 results, 1 details, 2 also tracebacks of errors."""

    verbosity: int
    json: bool
    progress: bool | None = None
    log_file: Path | None = None


# The words for actions in the summary of a plan.
_IN_PLAN: dict[Action, str] = {
    "restore": "to restore",
    "overwrite": "to make again",
    "left": "left as they are",
    "skip": "to skip",
    "fail": "to fail",
}


class RunReporter:
    """Reports the events of a run to the user; use it as a context manager.

    Parameters
    ----------
    options : OutputOptions
        How much to show.
    hidden : Path or None
        A folder that means nothing to the user, and is removed from names.
    bars_of_files : bool
        Whether every file has a bar of its own while it is restored.
    """

    def __init__(self, options: OutputOptions, *, hidden: Path | None = None, bars_of_files: bool = True) -> None:
        self._options = options
        self._bars_of_files = bars_of_files
        self._hidden = hidden
        self._stack = ExitStack()
        self._log: FileIO | None = None
        self._bars: Bars | None = None
        self._reasons: Counter[str] = Counter()

    def __enter__(self) -> RunReporter:
        """Open the log and the progress bars."""
        path = self._options.log_file
        if path is not None:
            try:
                self._log = self._stack.enter_context(path.open("ab", buffering=0))
            except OSError as error:
                raise output_error(error, path) from error
        wanted = self._options.verbosity >= 0 if self._options.progress is None else self._options.progress
        if wanted and sys.stderr.isatty():
            self._bars = self._stack.enter_context(Bars(of_files=self._bars_of_files))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the log and the progress bars."""
        if error is not None and not isinstance(error, typer.Exit):
            self._write(f"ended by {type(error).__name__}: {error}", 9)
        self._stack.close()

    def note(self, text: str) -> None:
        """Show a message to the user."""
        self._write(f"mp3restore: {text}", 0)

    def detail(self, text: str) -> None:
        """Show a message only with -v."""
        self._write(f"  {text}", 1)

    def _write(self, text: str, level: int) -> None:
        """Show a line if the verbosity is `level` or more; write it to the log in any case."""
        text = _without(self._hidden, text)
        if self._log is not None:
            stamp = datetime.now().astimezone().isoformat(timespec="seconds")
            try:
                self._log.write(f"{stamp} {one_line(text)}\n".encode())
            except OSError as error:
                path, self._log = Path(self._log.name), None
                raise output_error(error, path) from error
        if level <= self._options.verbosity:
            message(text)

    def tell(self, event: Event) -> None:
        """Show an event of a run."""
        if self._options.json:
            echo(_without(self._hidden, event_json(event)))
        if isinstance(event, Done):
            self._tell_done(event)
        elif isinstance(event, Left):
            copied = "" if event.target is None else f" -> {event.target}"
            self._write(f"{event.source.name}{copied}: left as it is, {event.reason}", 0)
        elif isinstance(event, Skipped):
            self._tell_skipped(event)
        elif isinstance(event, Failed):
            self._tell_failed(event)
        elif isinstance(event, Summary):
            self._tell_summary(event)
        if self._bars is not None:
            self._bars.take(event)

    def _tell_done(self, event: Done) -> None:
        result = event.result
        self._write(result_line(result), 0)
        held = "held to its bitstream" if result.consistent else "not held to a bitstream"
        self.detail(f"decoded by {result.decoder}; {held}; strength {result.strength:g}")
        self.detail(
            f"{result.frames} samples of {result.channels} channels at {result.sample_rate} Hz, peak {result.peak:.3f}"
        )
        self.detail(
            f"model {result.model}, seed {result.seed}, variant {result.variant}, on {result.device}; "
            f"took {result.seconds:.1f} s"
        )
        for warning in result.warnings:
            self._write(f"{event.source.name}: {warning}", 0)

    def _tell_skipped(self, event: Skipped) -> None:
        self._reasons[event.reason] += 1
        # Results that exist already are only counted; files skipped for another reason are named.
        if event.reason in ("exists already", "done already"):
            self._write(f"{event.target}: {event.reason}", 1)
        else:
            self._write(f"{event.source}: skipped, {event.reason}", 0)

    def _tell_failed(self, event: Failed) -> None:
        if event.trace and self._options.verbosity >= 2:
            sys.stderr.write(event.trace)
        self._write(f"mp3restore: {event.error}", -1)

    def _tell_summary(self, event: Summary) -> None:
        left = f"left as {'it is' if event.left == 1 else 'they are'}" + (
            f" ({event.copied} copied)" if event.copied else ""
        )
        counts = [(event.done, "restored"), (event.left, left), (event.skipped, "skipped")]
        counts += [(event.failed, "failed"), (event.not_started, "not started")]
        if sum(count for count, _ in counts) == 1 and not event.skipped:
            return
        parts = [f"{count} {name}" for count, name in counts if count]
        if event.skipped:
            found = self._reasons.most_common(3)
            reasons = ", ".join(f"{reason}: {count}" for reason, count in found) if len(found) > 1 else found[0][0]
            parts[parts.index(f"{event.skipped} skipped")] += f" ({reasons})"
        if event.done:
            parts.append(f"{clock(event.audio_s)} of music in {clock(event.elapsed_s)}")
        if event.result_bytes:
            parts.append(f"{size_text(event.result_bytes)} of results")
        self._write(", ".join(parts), 0)
        if event.failed and event.failed + event.done + event.skipped + event.left > 1:
            for failed in event.failures:
                self._write(f"failed: {failed.source}", 0)


def _without(folder: Path | None, text: str) -> str:
    """Return `text` with the names of files in `folder` shortened."""
    return text if folder is None else text.replace(f"{folder}/", "")


def show_plan(
    tasks: Sequence[Task], *, cores: int | None, sample_rate: int | None, as_json: bool, hidden: Path | None = None
) -> None:
    """Print what a run would do, and about how long it would take and how large its results would be.

    Parameters
    ----------
    tasks : sequence of Task
        The plan.
    cores : int or None
        How many processors would work; None where nobody knows how fast it would be.
    sample_rate : int or None
        Rate of the results in Hz, if the user has chosen one.
    as_json : bool
        Whether to print one object per task instead.
    hidden : Path or None
        A folder that is removed from names, as by `RunReporter`.
    """
    planned: list[tuple[Facts, OutputFormat]] = []
    for task in tasks:
        job = task.job
        facts = read_facts(job.source) if task.action != "fail" else Facts()
        seconds = facts.seconds
        if task.action in ("restore", "overwrite"):
            planned.append((facts, job.output_format))
        if as_json:
            line = {"schema": SCHEMA, "event": "plan", "action": task.action, "reason": task.reason}
            line |= {"source": str(job.source), "target": _shown_target(task), "duration_s": seconds}
            echo(_without(hidden, json.dumps(line)))
            continue
        length = "" if seconds is None else f", {clock(seconds)}"
        reason = f" ({task.reason})" if task.reason else ""
        target = _shown_target(task)
        names = str(job.source) if target is None else f"{job.source} -> {target}"
        action = "copy" if task.action == "left" and target is not None else task.action
        echo(one_line(_without(hidden, f"{action}: {names}{length}{reason}")))
    if not as_json:
        counts = Counter(task.action for task in tasks)
        parts = [f"{count} {_IN_PLAN[action]}" for action, count in counts.items()]
        about = estimate(planned, cores=cores or 1, sample_rate=sample_rate)
        total = f"; {clock(about.seconds)} of music"
        if about.seconds:
            took = "" if cores is None else f"about {rough_clock(max(1.0, about.work_s))} of work, and "
            total += f": {took}about {size_text(about.bytes)} of results"
        echo(", ".join(parts) + total)


def _shown_target(task: Task) -> str | None:
    """Return the name of the file that a task writes or has found, or None if there is none."""
    return None if task.action == "left" and task.copy_to is None else str(task.job.target)
