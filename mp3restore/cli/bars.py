"""Progress bars on a terminal: one for each file, and below them one for the whole run."""

from __future__ import annotations

import sys
from time import perf_counter

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from mp3restore.batch.events import Done, Event, Progressed, Started, Summary
from mp3restore.cli.terminal import one_line, rough_clock

__all__ = ["Bars"]

_LONGEST_NAME = 28


def _short(name: str) -> str:
    """Shorten a name in its middle, so that it leaves room for its bar."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 9]}…{name[-8:]}"


class Bars:
    """One progress bar per file, and one for a run of several files; use it as a context manager.

    Parameters
    ----------
    of_files : bool
        Whether files have bars of their own; on a cluster there would be too many.
    """

    def __init__(self, *, of_files: bool = True) -> None:
        self._of_files = of_files
        self._bars = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}% {task.fields[speed]}", markup=False),
            TimeRemainingColumn(compact=True),
        )
        self._total = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[speed]} {task.fields[left]}", markup=False, table_column=Column(no_wrap=True)),
        )
        # The whole run stays the last line, however many files come and go above it.
        self._live = Live(Group(self._bars, self._total), console=Console(file=sys.stderr), transient=True)
        self._files: dict[int, TaskID] = {}
        self._all: TaskID | None = None
        self._count = self._settled = self._settled_before = 0
        self._shares: dict[int, float] = {}  # of the files at work
        self._seconds: dict[int, float] = {}
        self._music = 0.0  # seconds of the files that are done
        self._began = 0.0

    def __enter__(self) -> Bars:
        """Show the bars."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bars."""
        self._live.stop()

    def take(self, event: Event) -> None:
        """Update the bars from an event."""
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Progressed):
            if event.index in self._files:
                self._advance(event)
        elif not isinstance(event, Summary):
            if event.index in self._files:
                self._bars.remove_task(self._files.pop(event.index))
            self._shares.pop(event.index, None)
            self._seconds.pop(event.index, None)
            self._settled += 1
            if isinstance(event, Done):
                self._music += event.result.duration
        self._show_total()

    def _start(self, event: Started) -> None:
        if self._count == 0:
            self._began, self._settled_before = perf_counter(), self._settled
        self._count = event.total
        if self._of_files or event.total == 1:
            name = _short(one_line(event.source.name))
            self._files[event.index] = self._bars.add_task(name, total=None, speed="")

    def _advance(self, event: Progressed) -> None:
        bar = self._files[event.index]
        elapsed = next(each.elapsed for each in self._bars.tasks if each.id == bar) or 0.0
        speed = f"{event.done_s / elapsed:.0f}x" if elapsed else ""
        # The total is an estimate and may turn out too small.
        total = None if event.total_s is None else max(event.total_s, event.done_s)
        self._bars.update(bar, completed=event.done_s, total=total, speed=speed)
        self._seconds[event.index] = event.done_s
        self._shares[event.index] = event.done_s / total if total else 0.0

    def _show_total(self) -> None:
        """Show how many files are settled, how fast the run is, and how long the rest takes if it is like these."""
        if self._count < 2:
            return
        if self._all is None:
            self._all = self._total.add_task("", total=self._count, speed="", left="")
        elapsed = perf_counter() - self._began
        music = self._music + sum(self._seconds.values())
        completed = self._settled + sum(self._shares.values())
        worked = completed - self._settled_before
        self._total.update(
            self._all,
            completed=completed,
            description=f"{self._settled}/{self._count}",
            speed=f"{music / elapsed:.0f}x" if music and elapsed else "",
            left=f"{rough_clock(elapsed / worked * (self._count - completed))} left" if music and worked else "",
        )
