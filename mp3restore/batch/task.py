"""The words of a batch: what the user wants of all results, and what happens to each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mp3restore.errors import ExitCode
from mp3restore.generator.model import Model
from mp3restore.job import BitDepth, Container, Job
from mp3restore.options import DEFAULT_MAX_KBPS, RunOptions

__all__ = ["Action", "OnExists", "ResultOptions", "Task"]

OnExists = Literal["error", "skip", "overwrite", "rename"]
Action = Literal["restore", "overwrite", "left", "skip", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOptions:
    """What the user wants of all results.

    Attributes
    ----------
    model : Model
        The model that restores them.
    run : RunOptions
        How to restore.
    output : Path or None
        The file to write, or the folder to write to; by default results lie beside their sources.
    container, bit_depth
        Format of the results.
    variants : int
        Restorations of each file.
    variant : int
        Which restoration of the seed to draw where there is one of each file, from 1.
    template : str or None
        Names of the results, with the fields of `mp3restore.batch.template`.
    flatten : bool
        Whether all results go to `output` itself, instead of folders like those of the sources.
    on_exists : {"error", "skip", "overwrite", "rename"}, optional
        What to do about results that exist already. By default an existing result is an error for one named file. For
        several, it is skipped, but made again if this program made it from the same source with other settings and
        nobody has changed it since.
    max_kbps : int
        MP3s of higher bitrates are left as they are, in kbit/s.
    """

    model: Model
    run: RunOptions = field(default_factory=RunOptions)
    output: Path | None = None
    container: Container | None = None
    bit_depth: BitDepth | None = None
    variants: int = 1
    variant: int = 1
    template: str | None = None
    flatten: bool = False
    on_exists: OnExists | None = None
    max_kbps: int = DEFAULT_MAX_KBPS


@dataclass(frozen=True, slots=True)
class Task:
    """One result and what happens to it.

    Attributes
    ----------
    job : Job
        Source and target.
    action : {"restore", "overwrite", "left", "skip", "fail"}
        What happens; "left" stands for a source in which there is nothing to restore, and "fail" for one that cannot be
        read, or whose target cannot be written.
    reason : str
        Why it is left, skipped, made again, or fails.
    manifest : Path or None
        Folder whose manifest will list it.
    copy_to : Path or None
        Where the source is copied to if there is nothing to restore: into the output folder, under its own suffix. None
        where there is no output folder, or where the source lies in that place already.
    exit_code : ExitCode
        Exit code of a failure.
    """

    job: Job
    action: Action
    reason: str = ""
    manifest: Path | None = None
    copy_to: Path | None = None
    exit_code: ExitCode = ExitCode.FAILED
