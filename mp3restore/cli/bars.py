"""Progress bars for a terminal."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mp3restore.batch.events import Event, Progressed, Started, Summary
from mp3restore.cli.terminal import one_line

__all__ = ["Bars"]


class Bars:
    """A bar for each file that is being restored, and one for the whole run if there are several; a context manager."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}% {task.fields[speed]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=Console(file=sys.stderr),
            transient=True,
        )
        self._files: dict[int, TaskID] = {}
        self._all: TaskID | None = None

    def __enter__(self) -> Bars:
        """Show the bars."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove them."""
        self._progress.stop()

    def take(self, event: Event) -> None:
        """Show what an event tells."""
        bars = self._progress
        if isinstance(event, Started):
            self._files[event.index] = bars.add_task(one_line(event.source.name), total=None, speed="")
            if event.total > 1 and self._all is None:
                self._all = bars.add_task("all files", total=event.total, speed="")
        elif isinstance(event, Progressed):
            task = self._files[event.index]
            elapsed = next(each.elapsed for each in bars.tasks if each.id == task) or 0.0
            speed = f"{event.done_s / elapsed:.0f}x" if elapsed else ""
            # The total is an estimate and may turn out too small.
            total = None if event.total_s is None else max(event.total_s, event.done_s)
            bars.update(task, completed=event.done_s, total=total, speed=speed)
        elif not isinstance(event, Summary) and event.index in self._files:
            bars.remove_task(self._files.pop(event.index))
            if self._all is not None:
                bars.advance(self._all)
