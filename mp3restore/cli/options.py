"""The options of the default command, one each; several commands share some."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from mp3restore._version import __version__
from mp3restore.cli.config import load_config
from mp3restore.generator.devices import Device
from mp3restore.job import BitDepth, Container

__all__: list[str] = []  # imported as a whole

OnExists = Literal["error", "skip", "overwrite", "rename"]


# The environment is explained once, in the README, and not at every option.
_option = partial(typer.Option, show_envvar=False)
_once = partial(_option, allow_from_autoenv=False)  # for what belongs to a single run


def local(value: Path | list[str] | None) -> Path | list[str] | None:
    """Refuse URLs where only files of this machine can be read or written."""
    for each in value if isinstance(value, list) else [value]:
        if each is not None and re.match(r"[A-Za-z][\w+.-]+:/", str(each)):
            raise typer.BadParameter(f"'{each}' is a URL; name a file or folder of this machine")
    return value


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mp3restore {__version__}")
        raise typer.Exit


def _model_names() -> list[str]:
    from mp3restore.generator.model import list_models  # noqa: PLC0415 - only the shell's completion asks

    return list_models()


Inputs = Annotated[
    list[str] | None,
    typer.Argument(metavar="INPUT", help="MP3s or other audio files, folders, patterns; - is stdin."),
]
FilesFrom = Annotated[
    list[str] | None,
    _once(
        metavar="LIST",
        help="Read names from this file, one a line or separated by zero bytes; - is stdin.",
        callback=local,
        show_default=False,
    ),
]
Recursive = Annotated[bool, _option("--recursive/--no-recursive", help="Look into folders of folders.")]
Include = Annotated[
    list[str] | None,
    _option(metavar="PATTERN", help="Of folders, take only what matches, for instance '*.mp3'."),
]
Exclude = Annotated[list[str] | None, _option(metavar="PATTERN", help="Leave out what matches.")]
Output = Annotated[
    str | None,
    _once(
        "-o", "--output", metavar="OUT",
        help="The file to write, .wav or .flac, or a folder; - is stdout (default: INPUT's stem and .restored.flac).",
        show_default=False,
    ),
]  # fmt: skip
Template = Annotated[
    str | None,
    _option(help="Names of the results: {stem} {parent} {relpath} {ext} {model} {seed} {variant}.", show_default=False),
]
Flatten = Annotated[bool, _option("--flatten", help="Put all results into one folder.")]
Format = Annotated[
    Container | None,
    _option("--format", metavar="wav|flac", envvar="MP3RESTORE_FORMAT", help="Format, where the name does not say it."),
]
Raw = Annotated[bool, _option("--raw", help="Write samples without any header to stdout.")]
Depth = Annotated[
    BitDepth, _option(metavar="16|24|32f", help="Bits per sample; 16 is dithered, 32f is float (WAV only).")
]
SampleRate = Annotated[
    int | None,
    _option(
        metavar="HZ",
        help="Sample rate of the output (default: INPUT's; 44100 or 48000 for low-rate MP3s).",
        show_default=False,
    ),
]
Exists = Annotated[
    OnExists | None,
    _option(
        metavar="error|skip|overwrite|rename",
        help="What to do about existing results (default: error for one file, skip for several).",
    ),
]
SkipExisting = Annotated[bool, _option("--skip-existing", help="The same as --on-exists skip.")]
Force = Annotated[bool, _option("-f", "--force", help="Overwrite existing files: --on-exists overwrite.")]
FailFast = Annotated[bool, _option("--fail-fast/--keep-going", help="Stop at the first file that fails.")]
DryRun = Annotated[bool, _once("-n", "--dry-run", help="Show what would be done, and do nothing.")]
Tagged = Annotated[bool, _option("--tags/--no-tags", help="Keep tags and pictures.")]
PreserveMtime = Annotated[bool, _option("--preserve-mtime", help="Keep the modification time.")]
Seed = Annotated[int, _option(metavar="N", help="Which restorations to draw; the same seed gives the same file.")]
Variants = Annotated[int, _option(metavar="K", help="Write K different restorations, .v1 to .vK.")]
Deterministic = Annotated[bool, _option("--deterministic", help="Give the one restoration without chance.")]
NoConsistency = Annotated[
    bool, _option("--no-consistency", help="Do not hold the result to what the MP3's bitstream says.")
]
Strength = Annotated[
    float | None,
    _option(
        metavar="0..1",
        help="How far to go from the MP3 (0) to the restoration (1); by default as far as its losses warrant.",
    ),
]
MaxBitrate = Annotated[
    int,
    _option(metavar="KBPS", min=1, help="Leave MP3s above this as they are: copied to the output folder, or skipped."),
]
ModelName = Annotated[
    str | None,
    _option(
        "-m",
        "--model",
        metavar="NAME",
        help="Name of a model (see 'models list'), or its folder.",
        autocompletion=_model_names,
    ),
]
Jobs = Annotated[int, _option("-j", "--jobs", min=1, metavar="N", help="Files restored at the same time.")]
Threads = Annotated[
    int | None, _option(metavar="N", help="Threads for each file (default: as the cores allow, at most 4).")
]
OnDevice = Annotated[
    Device,
    _option("--device", metavar="auto|cpu|cuda|coreml|dml", help="What to run on; auto takes a GPU if there is one."),
]
Cluster = Annotated[
    str | None,
    _option(metavar="ADDRESS", help="Run on a Dask cluster, tcp://HOST:PORT of its scheduler.", show_default=False),
]
Json = Annotated[bool, _option("--json", help="Write one JSON object per event to stdout.")]
Quiet = Annotated[int, _option("-q", "--quiet", count=True, help="Only show errors; -qq: nothing.", metavar="")]
Verbose = Annotated[
    int, _option("-v", "--verbose", count=True, help="Show details; -vv: also where errors come from.", metavar="")
]
Progress = Annotated[bool | None, _option("--progress/--no-progress", help="Show progress (default: on a terminal).")]
LogFile = Annotated[
    Path | None, _option(metavar="FILE", help="Append all messages to this file.", callback=local, show_default=False)
]
Report = Annotated[
    Path | None,
    _option(
        metavar="DIR", help="Write a page here for each file, to hear and see it.", callback=local, show_default=False
    ),
]
Config = Annotated[
    Path | None,
    _once(
        "--config", metavar="FILE", is_eager=True, callback=load_config, help="Take options from this TOML file.",
        show_default=False,
    ),
]  # fmt: skip
Version = Annotated[bool, _once("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")]
