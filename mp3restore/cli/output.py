"""Checks of the files that commands other than the default one write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mp3restore.formats import OutputFormat

__all__ = ["check_output"]


def check_output(output: Path, sources: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse an output that is one of the sources, is there already, or cannot be written.

    Raises
    ------
    UsageError, OutputError
        As `check_job`.
    """
    from mp3restore.job import Job, check_job  # noqa: PLC0415 - keeps --help quick

    for source in sources:
        check_job(Job(source, output, OutputFormat(), overwrite=overwrite))
