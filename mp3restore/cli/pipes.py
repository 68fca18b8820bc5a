"""``-``: the standard streams as input and output.

Decoders seek in their files, and the level of a result is known only at its end, so both streams go through temporary
files. The header that is written to stdout therefore has the true length.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mp3restore.audio.wav import find_samples
from mp3restore.cli.streams import check_stream
from mp3restore.errors import InputError, OutputError, StdoutError, UsageError
from mp3restore.job import Container

__all__ = ["STREAM", "Pipes", "open_pipes", "temporary_folder"]

STREAM = "-"
_COPIED_BYTES = 1 << 20


@dataclass(slots=True)
class Pipes:
    """Inputs and output, with temporary files in place of the standard streams."""

    inputs: list[str]
    output: str | None
    container: Container | None
    folder: Path | None = None
    to_stdout: bool = False
    raw: bool = field(default=False)

    def finish(self) -> None:
        """Write the result to stdout, if that is the output.

        Raises
        ------
        StdoutError
            If stdout is closed early or cannot be written to.
        """
        if not self.to_stdout or self.output is None:
            return
        try:
            with Path(self.output).open("rb") as file:
                if self.raw:
                    start, size = find_samples(file)
                    file.seek(start)
                    _copy(file, size)
                else:
                    _copy(file, Path(self.output).stat().st_size)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise StdoutError("stdout was closed before everything was written") from None
        except OSError as error:
            raise StdoutError(f"cannot write to stdout: {error.strerror}") from error


def _copy(file: BinaryIO, size: int) -> None:
    while size > 0:
        data = file.read(min(size, _COPIED_BYTES))
        sys.stdout.buffer.write(data)
        size -= len(data)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder that vanishes with all files in it when the block ends.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix="mp3restore-")
    except OSError as error:
        raise OutputError(f"no folder for temporary files: {error.strerror}", hint="set TMPDIR to a folder") from error
    with made as name:
        yield Path(name)


def _save_stdin(place: Path) -> None:
    with place.open("wb") as file:
        while True:
            try:
                data = sys.stdin.buffer.read(_COPIED_BYTES)
            except OSError as error:
                raise InputError(f"cannot read stdin: {error.strerror}") from error
            if not data:
                return
            try:
                file.write(data)
                file.flush()
            except OSError as error:
                raise OutputError(
                    f"cannot store stdin here: {error.strerror}", path=place.parent,
                    hint="free some space, or set TMPDIR to another folder",
                ) from error  # fmt: skip


def _check_streams(inputs: Sequence[str], output: str | None, *, raw: bool, container: Container | None) -> None:
    """Refuse streams that are closed or terminals, or that cannot be used this way."""
    if raw and output != STREAM:
        raise UsageError("--raw works only with stdout", hint="add -o -")
    if raw and container not in (None, "wav"):
        raise UsageError(f"--raw and --format {container} contradict each other")
    if output == STREAM:
        check_stream("stdout")
        if len(inputs) != 1:
            raise UsageError("stdout can take only one result", hint="name one input, or a folder with -o")
        if sys.stdout.isatty():
            raise UsageError("binary data is not written to a terminal", hint="redirect stdout to a file or a program")
    if STREAM in inputs:
        _check_stdin(inputs, output)


def _check_stdin(inputs: Sequence[str], output: str | None) -> None:
    check_stream("stdin")
    if sys.stdin.isatty():
        raise UsageError("stdin is a terminal", hint="redirect a file to it, or the output of a program")
    if output is None:
        raise UsageError("the input from stdin has no name", hint="name the file to write with -o")
    if inputs.count(STREAM) > 1:
        raise UsageError("stdin can be read only once")


@contextmanager
def open_pipes(inputs: Sequence[str], output: str | None, *, raw: bool, container: Container | None) -> Iterator[Pipes]:
    """Replace ``-`` by temporary files, which are deleted at the end of the block.

    Raises
    ------
    UsageError
        If a stream cannot be used this way, is a terminal, or is closed.
    OutputError, InputError
        If the folder for temporary files cannot be written to, or stdin cannot be read.
    """
    _check_streams(inputs, output, raw=raw, container=container)
    to_stdout = output == STREAM
    if STREAM not in inputs and not to_stdout:
        yield Pipes(list(inputs), output, container)
        return
    with temporary_folder() as folder:
        if STREAM in inputs:
            _save_stdin(folder / "stdin")
        kind = (container or "wav") if to_stdout else container
        yield Pipes(
            [str(folder / "stdin") if each == STREAM else each for each in inputs],
            str(folder / f"stdout.{kind}") if to_stdout else output,
            kind,
            folder,
            to_stdout,
            raw,
        )
