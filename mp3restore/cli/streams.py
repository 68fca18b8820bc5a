"""Standard streams that the parent process may have closed, or opened with an unsuitable encoding."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

import typer

from mp3restore.errors import StdoutError, UsageError

__all__ = ["check_stream", "echo", "prepare_streams"]

_closed: set[str] = set()


def prepare_streams() -> None:
    """Make sure that all three standard streams exist, and that they accept any file name."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _closed.add(name)
            stream = _stand_in(number)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")


def _stand_in(number: int) -> TextIO:
    """Open a replacement for a closed stream: stderr discards everything, and use of the others is an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY if number != 1 else os.O_RDONLY)
    try:
        os.fstat(number)
    except OSError:  # otherwise the output of libraries would go into a file that is opened later
        os.dup2(nowhere, number)
    return open(nowhere, "r" if number == 0 else "w", encoding="utf-8", closefd=False)


def check_stream(name: str) -> None:
    """Refuse a stream that is closed.

    Raises
    ------
    UsageError
        If it is closed.
    """
    if name in _closed:
        raise UsageError(f"{name} is closed", hint=f"connect {name} to a file or a program, or name a file")


def echo(text: str) -> None:
    """Write a line to stdout.

    Raises
    ------
    StdoutError
        If stdout cannot be written to.
    """
    try:
        typer.echo(text)
    except OSError as error:
        raise StdoutError(f"cannot write to stdout: {error.strerror}") from error
