"""The options of the default command; other commands share some of them."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from mp3restore._version import __version__
from mp3restore.cli.config import load_config
from mp3restore.cli.start import PreviewStart, read_start
from mp3restore.generator.devices import Device
from mp3restore.job import BitDepth, Container

__all__: list[str] = []  # imported as a module

OnExists = Literal["error", "skip", "overwrite", "rename"]


# Environment variables are explained once, in the README, not for every option.
_option = partial(typer.Option, show_envvar=False)
_once = partial(_option, allow_from_autoenv=False)  # for options that belong to a single run


def local(value: Path | list[str] | None) -> Path | list[str] | None:
    """Refuse URLs for options that accept only local files."""
    for each in value if isinstance(value, list) else [value]:
        if each is not None and re.match(r"[A-Za-z][\w+.-]+:/", str(each)):
            raise typer.BadParameter(f"'{each}' is a URL; name a local file or folder")
    return value


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mp3restore {__version__}")
        raise typer.Exit


def _model_names() -> list[str]:
    from mp3restore.generator.model import list_models  # noqa: PLC0415 - only shell completion needs it

    return list_models()


def _jobs(value: str | int) -> int | None:
    """Read a number of files, or ``auto``, which leaves it to the program."""
    if value == "auto":
        return None
    try:
        number = int(value)
    except ValueError:
        raise typer.BadParameter(f"'{value}' is neither a whole number nor 'auto'") from None
    if number < 1:
        raise typer.BadParameter(f"'{value}' is below 1")
    return number


Inputs = Annotated[
    list[str] | None,
    typer.Argument(metavar="INPUT", help="MP3s or other audio files, folders or patterns; - is stdin."),
]
FilesFrom = Annotated[
    list[str] | None,
    _once(
        metavar="LIST",
        help="Read names from this file, one per line or separated by zero bytes; - is stdin.",
        callback=local,
        show_default=False,
    ),
]
Recursive = Annotated[bool, _option("--recursive/--no-recursive", help="Search subfolders as well.")]
Include = Annotated[
    list[str] | None,
    _option(metavar="PATTERN", help="In folders, take only files that match, for instance '*.mp3'."),
]
Exclude = Annotated[list[str] | None, _option(metavar="PATTERN", help="Leave out files that match.")]
Output = Annotated[
    str | None,
    _once(
        "-o", "--output", metavar="OUT",
        help="File (.flac, .wav, .opus, .ogg, .mp3) or folder to write to; - is stdout (default: INPUT.restored.flac).",
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
    _option(
        "--format",
        metavar="flac|wav|opus|ogg|mp3",
        envvar="MP3RESTORE_FORMAT",
        help="Format, unless OUT's suffix gives it. FLAC and WAV keep everything; the others code the music once more.",
    ),
]
Raw = Annotated[bool, _option("--raw", help="Write samples without a header to stdout.")]
Depth = Annotated[
    BitDepth | None,
    _option(
        metavar="16|24|32f",
        help="Bits per sample of FLAC and WAV: 16 with dither (the default), 24, or 32f for floats (WAV only).",
        show_default=False,
    ),
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
        help="What to do with existing results (default: error for one file, skip for several).",
    ),
]
SkipExisting = Annotated[bool, _option("--skip-existing", help="The same as --on-exists skip.")]
Force = Annotated[bool, _option("-f", "--force", help="Overwrite existing files: --on-exists overwrite.")]
FailFast = Annotated[bool, _option("--fail-fast/--keep-going", help="Stop at the first file that fails.")]
DryRun = Annotated[bool, _once("-n", "--dry-run", help="Show what would be done, and do nothing.")]
Tagged = Annotated[bool, _option("--tags/--no-tags", help="Keep tags and pictures.")]
PreserveMtime = Annotated[bool, _option("--preserve-mtime", help="Keep the modification time.")]
Seed = Annotated[int, _option(metavar="N", help="Seed of the random draw; the same seed gives the same file.")]
Variants = Annotated[int, _option(metavar="K", help="Write K different restorations, .v1 to .vK.")]
Variant = Annotated[
    int | None,
    _option(
        min=1,
        max=2**32,
        metavar="N",
        help="Write only the Nth restoration of the seed.",
        show_default=False,
    ),
]
Deterministic = Annotated[bool, _option("--deterministic", help="Make the one restoration that uses no random draw.")]
NoConsistency = Annotated[bool, _option("--no-consistency", help="Do not hold the result to the MP3's bitstream.")]
Strength = Annotated[
    float | None,
    _option(
        metavar="0..1",
        help="How far to go from the MP3 (0) to the restoration (1); by default the losses decide, band by band.",
    ),
]
Variety = Annotated[
    float | None,
    typer.Option(
        metavar="0..",
        help="How bold to draw: 0 is the middle of what is plausible, 1 as varied as originals (default: about 0.3 for "
        "one restoration and the first of several, 1 for the others).",
        show_default=False,
    ),
]
MaxBitrate = Annotated[
    int,
    _option(
        metavar="KBPS", min=1, help="Do not restore MP3s above this: copy them to the output folder, or skip them."
    ),
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
Jobs = Annotated[
    int | None,
    _option(
        "-j", "--jobs", metavar="N|auto", parser=_jobs,
        help="Files restored at the same time (default: auto, one for every core, if there are many files and "
        "there is memory for them).",
        show_default=False,
    ),
]  # fmt: skip
Threads = Annotated[
    int | None, _option(metavar="N", help="Threads for each file (default: its share of the cores, at most 4).")
]
OnDevice = Annotated[
    Device,
    _option("--device", metavar="auto|cpu|cuda|coreml|dml", help="Device to run on; auto uses a GPU if there is one."),
]
Cluster = Annotated[
    str | None,
    _option(
        metavar="ADDRESS", help="Run on the Dask cluster with its scheduler at tcp://HOST:PORT.", show_default=False
    ),
]
Json = Annotated[bool, _option("--json", help="Write one JSON object per event to stdout.")]
Quiet = Annotated[
    int, _option("-q", "--quiet", count=True, help="Show only errors; -qq: nothing.", metavar="", show_default=False)
]
Verbose = Annotated[
    int,
    _option(
        "-v",
        "--verbose",
        count=True,
        help="Show details; -vv: also tracebacks of errors.",
        metavar="",
        show_default=False,
    ),
]
Progress = Annotated[bool | None, _option("--progress/--no-progress", help="Show progress (default: on a terminal).")]
LogFile = Annotated[
    Path | None, _option(metavar="FILE", help="Append all messages to this file.", callback=local, show_default=False)
]
Report = Annotated[
    Path | None,
    _option(
        metavar="DIR|PAGE",
        help="For each file, write a page into this folder to hear and see what changed; or one page of all (.html).",
        callback=local,
        show_default=False,
    ),
]
Preview = Annotated[
    PreviewStart | None,
    _once(
        metavar="[START]",
        parser=read_start,
        help="Restore only 20 seconds, from START (90, or 1:30) or of the most damaged part, and open a page in the "
        "browser to hear and see what changed; nothing is written beside INPUT, and -o PAGE.html keeps the page.",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    _once(
        "--config", metavar="FILE", is_eager=True, callback=load_config, help="Read options from this TOML file.",
        show_default=False,
    ),
]  # fmt: skip
Version = Annotated[bool, _once("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")]
