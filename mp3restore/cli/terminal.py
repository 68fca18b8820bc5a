"""Messages and errors for the user, all on stderr."""

from __future__ import annotations

import errno
import faulthandler
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from mp3restore.cli.interruption import interrupted
from mp3restore.cli.streams import echo
from mp3restore.errors import ExitCode, Mp3RestoreError, StdoutError
from mp3restore.job import OutputFormat

if TYPE_CHECKING:
    from rich.table import Table

    from mp3restore.result import FileResult

__all__ = [
    "check_output",
    "clock",
    "exit_code_of",
    "message",
    "one_line",
    "print_table",
    "quiet_decoders",
    "result_line",
    "rough_clock",
    "size_text",
    "user_errors",
]

_WIDE = 5_000


def one_line(text: object) -> str:
    """Escape characters that would break a line or control the terminal: file names may contain any."""
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


def rough_clock(seconds: float) -> str:
    """Write a duration without more digits than an estimate has."""
    return f"{seconds:.0f} s" if seconds < 60 else clock(seconds)


def size_text(count: float) -> str:
    """Write a number of bytes in kB, MB or GB."""
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def print_table(table: Table) -> None:
    """Print a table; names that are too long are cut on a terminal, but complete in a file or pipe."""
    from rich.console import Console  # noqa: PLC0415 - keeps --help quick

    if sys.stdout.isatty():
        Console(file=sys.stdout, markup=False, highlight=False).print(table)
        return
    text = io.StringIO()
    Console(file=text, markup=False, highlight=False, width=_WIDE).print(table)
    for line in text.getvalue().splitlines():
        typer.echo(line.rstrip())


def result_line(result: FileResult) -> str:
    """Summarise the result for one file in a line."""
    parts = [clock(result.duration), f"{result.speed:.0f}x real time on {result.device}", *_sizes(result)]
    if result.gain_db:
        parts.append(f"level lowered by {-result.gain_db:.2f} dB to avoid clipping")
    return f"{result.source.name} -> {result.target}: {', '.join(parts)}"


def _sizes(result: FileResult) -> list[str]:
    """Say how large both files are, since a lossless one is many times larger than its MP3; nothing about URLs."""
    try:
        sizes = [path.stat().st_size for path in (result.source, result.target)]
    except OSError:
        return []
    return [" -> ".join(map(size_text, sizes))]


@contextmanager
def user_errors(*, verbosity: int = 0, as_json: bool = False) -> Iterator[None]:
    """Turn errors into a line on stderr and an exit code and, with `as_json`, into an event on stdout.

    With a verbosity of 2 or more, unexpected errors are shown with their traceback; with -2 or less, nothing is shown.
    """
    try:
        yield
    except StdoutError as error:
        sys.stdout = None  # otherwise Python fails again when it flushes it at exit
        if verbosity > -2 and not isinstance(error.__cause__, BrokenPipeError):
            message(f"mp3restore: {error}")
        raise typer.Exit(error.exit_code) from error
    except Mp3RestoreError as error:
        if verbosity > -2:
            message(f"mp3restore: {error}")
        if as_json:
            _refuse(error)
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt as error:
        if verbosity > -2:
            message("mp3restore: interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from error
    except typer.Exit:
        raise
    except Exception as error:
        raise typer.Exit(exit_code_of(error, verbosity)) from error


def _refuse(error: Mp3RestoreError) -> None:
    """Write the event for a run that cannot begin."""
    from mp3restore.batch.events import Refused, event_json  # noqa: PLC0415 - keeps --help quick

    try:
        echo(event_json(Refused(str(error), error.exit_code)))
    except StdoutError:  # possibly the error to report
        sys.stdout = None


def exit_code_of(error: Exception, verbosity: int = 0) -> ExitCode:
    """Report an unexpected exception and return its exit code."""
    if interrupted.is_set():  # a module whose import a signal interrupts may raise anything
        return ExitCode.INTERRUPTED
    if isinstance(error, OSError) and error.filename is None and error.errno in (errno.EPIPE, errno.EBADF):
        sys.stdout = None  # otherwise Python fails again when it flushes it at exit
        if verbosity > -2 and error.errno == errno.EBADF:
            message(f"mp3restore: cannot write to stdout: {error.strerror}")
        return ExitCode.FAILED
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        where = error.filename or f"stdout, or the folder of temporary files, {tempfile.gettempdir()}"
        if verbosity > -2:
            message(f"mp3restore: {where}: cannot be written: {error.strerror} (free some space, or set TMPDIR)")
        if error.filename is None:
            sys.stdout = None
        return ExitCode.FAILED
    if verbosity > 1:
        traceback.print_exception(error)
    if verbosity > -2:
        message(f"mp3restore: unexpected {type(error).__name__}: {error} (-vv shows where; please report it)")
    return ExitCode.FAILED


@contextmanager
def quiet_decoders(*, active: bool = True) -> Iterator[None]:
    """Keep the messages of native libraries off the terminal: mpg123 comments on every flaw of a stream.

    Inside the block, file descriptor 2 leads to the null device. `sys.stderr` leads to the old destination, and so does
    what Python says of a crash of a native library.
    """
    captured = sys.stderr is not sys.__stderr__  # a caller in this process (pytest, for instance) may have replaced it
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
        faulthandler.enable(stream)
        try:
            yield
        finally:
            faulthandler.disable()
            stream.flush()
            sys.stderr = original
            os.dup2(kept, 2)


def check_output(output: Path, sources: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse an output that is one of the sources, exists already, or cannot be written.

    Raises
    ------
    UsageError, OutputError
        As for `check_job`.
    """
    from mp3restore.job import Job, check_job  # noqa: PLC0415 - keeps --help quick

    for source in sources:
        check_job(Job(source, output, OutputFormat(), overwrite=overwrite))
