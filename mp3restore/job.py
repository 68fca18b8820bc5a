"""Decide and check which results to write where, before any work."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from mp3restore.errors import OutputError, OutputExistsError, UsageError

__all__ = [
    "AUDIO_SUFFIXES",
    "CONTAINERS",
    "DEFAULT_BIT_DEPTH",
    "LOSSY",
    "BitDepth",
    "Container",
    "Job",
    "OutputFormat",
    "check_job",
    "check_jobs",
    "lay_out",
    "path_key",
]

_LONGEST_NAME_BYTES = 255
# Folders whose files stand for devices and open streams, and a folder among them that holds ordinary files.
_SPECIAL = ("/dev/", "/proc/", "/sys/")
_SHARED_MEMORY = "/dev/shm/"  # noqa: S108 - only compared with, never written to
_MOST_LINKS = 40

CONTAINERS: dict[str, Container] = {".wav": "wav", ".flac": "flac", ".opus": "opus", ".ogg": "ogg", ".mp3": "mp3"}
# What is taken from a folder by its name; a file that is named itself is judged by its content alone.
AUDIO_SUFFIXES = frozenset(
    [
        ".aac",
        ".aif",
        ".aifc",
        ".aiff",
        ".au",
        ".caf",
        ".flac",
        ".m4a",
        ".mp1",
        ".mp2",
        ".mp3",
        ".mp4",
        ".mpga",
        ".oga",
        ".ogg",
        ".opus",
        ".rf64",
        ".w64",
        ".wav",
        ".wma",
        ".wv",
    ]
)

Container = Literal["wav", "flac", "opus", "ogg", "mp3"]
LOSSY: frozenset[Container] = frozenset(["opus", "ogg", "mp3"])
"""Containers whose encoders lose something; they have no bit depth."""
BitDepth = Literal["16", "24", "32f"]
DEFAULT_BIT_DEPTH: BitDepth = "16"
_OPUS_RATE = 48000
# Room for rounding, and for what the encoders of lossy formats add to a peak.
_LOSSY_PEAK = 0.9


@dataclass(frozen=True, slots=True)
class Job:
    """One result to make.

    Attributes
    ----------
    source, target : Path
        The file to restore, and the file to write.
    output_format : OutputFormat
        Format of the file to write.
    variant : int
        Which of the seed's restorations to make, from 1.
    overwrite : bool
        Whether a file at `target` may be replaced.
    """

    source: Path
    target: Path
    output_format: OutputFormat
    variant: int = 1
    overwrite: bool = False


def _container(output: Path | None, container: Container | None) -> Container:
    """Return the container from the option, else from the suffix of the output, else FLAC."""
    by_suffix = None if output is None else CONTAINERS.get(output.suffix.lower())
    if output is None:
        return container or "flac"
    if container is None:
        if by_suffix is None:
            raise UsageError(
                f"the format of '{output.name}' is unknown",
                hint=f"end the name in {', '.join(CONTAINERS)}, or add --format",
            )
        return by_suffix
    if by_suffix not in (None, container) or (by_suffix is None and output.suffix.lower() in AUDIO_SUFFIXES):
        raise UsageError(
            f"the suffix of '{output.name}' is not that of a {container} file", hint="change -o or --format"
        )
    return container


def lay_out(
    source: Path,
    output: Path | None = None,
    *,
    container: Container | None = None,
    bit_depth: BitDepth | None = None,
    variants: int = 1,
    overwrite: bool = False,
) -> list[Job]:
    """Name the results of one file without checking them; no file is read or written.

    Without `output`, the result is ``<stem>.restored.flac`` beside the source. With more than one variant, ``.v1``,
    ``.v2`` and so on come before the suffix.

    Raises
    ------
    UsageError
        If the options contradict each other.
    """
    if variants < 1:
        raise UsageError("the number of variants must be 1 or more")
    kind = _container(output, container)
    target = output if output is not None else source.with_name(f"{source.stem}.restored.{kind}")
    names = [target.name] if variants == 1 else [f"{target.stem}.v{k + 1}{target.suffix}" for k in range(variants)]
    output_format = OutputFormat(kind, bit_depth)
    return [
        Job(source, target.with_name(name), output_format, variant=k + 1, overwrite=overwrite)
        for k, name in enumerate(names)
    ]


def check_jobs(jobs: list[Job]) -> list[Job]:
    """Return the jobs, all of which can be written; nothing is written here.

    Raises
    ------
    UsageError, OutputError
        As `check_job`.
    """
    for job in jobs:
        check_job(job)
    return jobs


def check_job(job: Job, *, make_folders: bool = False) -> None:
    """Refuse a job that would destroy a file or cannot succeed.

    With `make_folders`, the target's folder need not exist yet: it is enough that it can be created.

    Raises
    ------
    UsageError
        If source and target are the same file, by name or through links, or the target is not an ordinary file.
    OutputExistsError
        If the target exists and may not be overwritten.
    OutputError
        If the target's folder does not exist or cannot be written to.
    """
    source, target = job.source, job.target
    if len(os.fsencode(target.name)) > _LONGEST_NAME_BYTES:
        raise OutputError("the name is too long", path=target, hint="choose another one with -o or --template")
    try:
        if _is_special(target):
            raise UsageError("is a device or a stream", path=target, hint="-o - writes to stdout")
        exists = target.exists()
        if exists and source.exists() and target.samefile(source):
            raise UsageError("input and output are the same file", path=target, hint="choose another name with -o")
        if exists and not target.is_file():
            raise UsageError("is not an ordinary file", path=target, hint="name a file with -o, or - for stdout")
        if os.path.lexists(target) and not job.overwrite:
            raise OutputExistsError("exists already", path=target, hint="--force overwrites it")
        _check_folder(Path(os.path.realpath(target)).parent if target.is_symlink() else target.parent, make_folders)
    except PermissionError as error:
        raise OutputError("cannot be accessed", path=target, hint="check the permissions of its folder") from error


def _check_folder(folder: Path, make_folders: bool) -> None:
    while make_folders and not os.path.lexists(folder):
        folder = folder.parent
    folder_exists = folder.is_dir()
    if not folder_exists and os.path.lexists(folder):
        raise OutputError("is not a folder", path=folder, hint="choose another folder with -o")
    if not folder_exists:
        raise OutputError("the folder does not exist", path=folder, hint="create it first")
    if not os.access(folder, os.W_OK):
        raise OutputError("is not writable", path=folder, hint="choose another folder with -o")


def _is_special(path: Path) -> bool:
    """Return whether a name leads, directly or through links, to a device or to a stream of a process."""
    for _ in range(_MOST_LINKS):
        # Links in the folder's name are resolved at once, the last link step by step: /dev/stdout may lead to an
        # ordinary file.
        name = os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118 - a path drops the last slash
        if name.startswith(_SPECIAL) and not name.startswith(_SHARED_MEMORY):
            return True
        if not os.path.islink(name):  # noqa: PTH114 - never raises
            return False
        path = Path(name).parent / os.readlink(name)  # noqa: PTH115
    return False


def path_key(path: Path) -> str:
    """Return a key that is equal for all names of one file."""
    # Only local paths have links and letter case to resolve; a URL is not a `Path`.
    return os.path.normcase(os.path.realpath(path)) if isinstance(path, Path) else str(path)


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """Container and sample format of a result.

    Attributes
    ----------
    container : str
        One of `CONTAINERS`.
    bit_depth : str or None
        Of WAV and FLAC, by default `DEFAULT_BIT_DEPTH`; None for formats that lose something.

    Raises
    ------
    UsageError
        If the format is unknown, or the container cannot hold the bit depth.
    """

    container: Container = "flac"
    bit_depth: BitDepth | None = None

    def __post_init__(self) -> None:
        if self.container not in get_args(Container):
            raise UsageError(f"unknown format '{self.container}'", hint=f"use {', '.join(get_args(Container))}")
        if self.container in LOSSY:
            if self.bit_depth is not None:
                raise UsageError(f"{self.container} has no bits per sample", hint="leave out --bit-depth")
            return
        if self.bit_depth is None:
            object.__setattr__(self, "bit_depth", DEFAULT_BIT_DEPTH)
        if self.bit_depth not in get_args(BitDepth):
            raise UsageError(f"unknown bit depth '{self.bit_depth}'", hint="use 16, 24 or 32f")
        if self.container == "flac" and self.is_float:
            raise UsageError("FLAC cannot hold 32-bit float samples", hint="use WAV, or a bit depth of 24")

    @property
    def is_float(self) -> bool:
        """Whether samples are stored as floats, which can hold peaks above full scale."""
        return self.bit_depth == "32f"

    @property
    def bits(self) -> int:
        """Bits per sample of WAV and FLAC."""
        return 32 if self.bit_depth in (None, "32f") else int(self.bit_depth)

    @property
    def highest_peak(self) -> float:
        """Peak of a file that had to be turned down: below full scale, with room for rounding and dither."""
        return _LOSSY_PEAK if self.container in LOSSY else 1 - 2.0 ** (2 - self.bits)

    @property
    def only_rate(self) -> int | None:
        """The one sample rate in Hz of a format that has no other."""
        return _OPUS_RATE if self.container == "opus" else None
