"""What the user reads: messages, progress, and errors, all on stderr."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import typer

from mp3restore.errors import ExitCode, Mp3RestoreError

if TYPE_CHECKING:
    from pathlib import Path

    from mp3restore.pipeline import FileResult

__all__ = ["clock", "message", "one_line", "progress_bar", "quiet_decoders", "result_line", "user_errors"]


def one_line(text: object) -> str:
    """Escape what would break a line or act on the terminal: file names may hold anything."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(text))


def message(text: object) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"{one_line(text)}\n")
    sys.stderr.flush()


def clock(seconds: float) -> str:
    """Write a duration as hours, minutes and seconds."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def result_line(result: FileResult) -> str:
    """Say what became of a file."""
    parts = [clock(result.duration), f"{result.speed:.0f}x real time"]
    if result.gain_db:
        parts.append(f"level lowered by {-result.gain_db:.2f} dB to avoid clipping")
    return f"{result.source.name} -> {result.target}: {', '.join(parts)}"


@contextmanager
def user_errors(*, verbose: bool = False) -> Iterator[None]:
    """Turn errors into a line on stderr and an exit code; the traceback of our own faults only if `verbose`."""
    try:
        yield
    except Mp3RestoreError as error:
        message(f"mp3restore: {error}")
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt as error:
        message("mp3restore: interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from error
    except typer.Exit:
        raise
    except Exception as error:
        if verbose:
            traceback.print_exc()
        message(f"mp3restore: unexpected {type(error).__name__}: {error} (-v shows where; please report it)")
        raise typer.Exit(ExitCode.FAILED) from error


@contextmanager
def quiet_decoders(*, active: bool = True) -> Iterator[None]:
    """Keep what native libraries print off the terminal: mpg123 comments on every flaw of a stream.

    File descriptor 2 leads nowhere for the time being, and `sys.stderr` to where it led before.
    """
    captured = sys.stderr is not sys.__stderr__  # who calls us in its own process may do so
    original: TextIO | None = sys.stderr
    if original is None or captured or not active:
        yield
        return
    original.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    with os.fdopen(kept, "w", encoding=original.encoding, errors=original.errors, buffering=1) as stream:
        sys.stderr = stream
        try:
            yield
        finally:
            stream.flush()
            sys.stderr = original
            os.dup2(kept, 2)


@contextmanager
def progress_bar(source: Path, *, visible: bool) -> Iterator[Callable[[float, float | None], None] | None]:
    """Show speed and time left while a file is worked on; nothing where stderr is no terminal.

    Gives the function to call with the seconds of audio done and in all, or None.
    """
    if not visible or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs them
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}% {task.fields[speed]}", markup=False),
        TimeRemainingColumn(compact=True),
        console=Console(file=sys.stderr),
        transient=True,
    )
    with bar:
        task = bar.add_task(one_line(source.name), total=None, speed="")

        def update(done: float, total: float | None) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            speed = f"{done / elapsed:.0f}x" if elapsed else ""
            # The total is an estimate and may turn out too small.
            bar.update(task, completed=done, total=None if total is None else max(total, done), speed=speed)

        yield update
