"""``-``: the standard streams as input and output.

Decoders seek in their files, and the level of a result is known only at its end, so both streams go through temporary
files. The header that is written to stdout therefore has the true length.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mp3restore.audio.wav import find_samples
from mp3restore.errors import OutputError, UsageError
from mp3restore.job import Container

__all__ = ["STREAM", "Pipes", "open_pipes"]

STREAM = "-"


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
        OutputError
            If there is no result, or if stdout is closed early or cannot be written to.
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
        except BrokenPipeError as error:
            sys.stdout = None  # otherwise Python fails again when it flushes it at exit
            raise OutputError("stdout was closed before everything was written") from error
        except OSError as error:
            sys.stdout = None
            raise OutputError(f"cannot write to stdout: {error.strerror}") from error


def _copy(file: BinaryIO, size: int) -> None:
    while size > 0:
        data = file.read(min(size, 1 << 20))
        sys.stdout.buffer.write(data)
        size -= len(data)


@contextmanager
def open_pipes(inputs: Sequence[str], output: str | None, *, raw: bool, container: Container | None) -> Iterator[Pipes]:
    """Replace ``-`` by temporary files, which are deleted at the end of the block.

    Raises
    ------
    UsageError
        If a stream cannot be used this way, or is a terminal.
    """
    to_stdout = output == STREAM
    if raw and not to_stdout:
        raise UsageError("--raw works only with stdout", hint="add -o -")
    if raw and container not in (None, "wav"):
        raise UsageError(f"--raw and --format {container} contradict each other")
    if to_stdout and len(inputs) != 1:
        raise UsageError("stdout can take only one result", hint="name one input, or a folder with -o")
    if to_stdout and sys.stdout.isatty():
        raise UsageError("binary data is not written to a terminal", hint="redirect stdout to a file or a program")
    if STREAM not in inputs and not to_stdout:
        yield Pipes(list(inputs), output, container)
        return
    if STREAM in inputs and sys.stdin.isatty():
        raise UsageError("stdin is a terminal", hint="redirect a file to it, or the output of a program")
    if STREAM in inputs and output is None:
        raise UsageError("the input from stdin has no name", hint="name the file to write with -o")
    if inputs.count(STREAM) > 1:
        raise UsageError("stdin can be read only once")
    with tempfile.TemporaryDirectory(prefix="mp3restore-") as name:
        folder = Path(name)
        if STREAM in inputs:
            with (folder / "stdin").open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        kind = (container or "wav") if to_stdout else container
        yield Pipes(
            [str(folder / "stdin") if each == STREAM else each for each in inputs],
            str(folder / f"stdout.{kind}") if to_stdout else output,
            kind,
            folder,
            to_stdout,
            raw,
        )
