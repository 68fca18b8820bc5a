"""The advice of errors in the words of the Python interface: most of it was written for the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from mp3restore.errors import Mp3RestoreError

__all__ = ["in_python", "python_hints"]

_WORDS = (
    (r"-o - writes to stdout", "name a file as target"),
    (r"--force overwrites it", "overwrite=True overwrites it"),
    (r"--force", "overwrite=True"),
    (r",? or - for stdout", ""),
    (r"with -o or --template", "as target"),
    (r"with -o", "as target"),
    (r"-o or --format", "target or container"),
    (r"or add --format", "or pass container"),
    (r"--format (\w+)", r"container='\1'"),
    (r"--bit-depth (\w+)", r"bit_depth='\1'"),
    (r"--device (\w+)", r"device='\1'"),
    (r"--(strength|seed|variant|threads) ([\d.]+)", r"\1=\2"),
    (r"--no-(tags|consistency)", r"\1=False"),
    (r"--([a-z]+)-([a-z]+)", r"\1_\2"),
    (r"--([a-z]+)", r"\1"),
)


def in_python(text: str) -> str:
    """Put the options of the command line in a text into the words of the Python interface."""
    for option, argument in _WORDS:
        text = re.sub(rf"(?<![\w-]){option}", argument, text)
    return text


@contextmanager
def python_hints() -> Iterator[None]:
    """Let errors of a block give their advice in the words of the Python interface."""
    try:
        yield
    except Mp3RestoreError as error:
        error.hint = in_python(error.hint)
        raise
