"""The options of the default command, one each; several commands share some."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mp3restore import __version__
from mp3restore.cli.config import load_config
from mp3restore.devices import Device
from mp3restore.formats import BitDepth, Container

__all__: list[str] = []  # imported as a whole

OnExists = Literal["error", "skip", "overwrite", "rename"]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mp3restore {__version__}")
        raise typer.Exit


def _model_names() -> list[str]:
    from mp3restore.models import list_models  # noqa: PLC0415 - only the shell's completion asks

    return list_models()


Inputs = Annotated[
    list[str] | None,
    typer.Argument(metavar="INPUT", help="MP3s or other audio files, folders, patterns; - is stdin."),
]
FilesFrom = Annotated[
    list[str] | None,
    typer.Option(metavar="LIST", help="Read names from this file, one a line; - is stdin.", show_default=False),
]
Recursive = Annotated[bool, typer.Option("--recursive/--no-recursive", help="Look into folders of folders.")]
Include = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN", help="Of folders, take only what matches, for instance '*.mp3'."),
]
Exclude = Annotated[list[str] | None, typer.Option(metavar="PATTERN", help="Leave out what matches.")]
Output = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="OUT",
        help="The file to write, .wav or .flac, or a folder; - is stdout (default: INPUT's stem and .restored.flac).",
        show_default=False,
    ),
]  # fmt: skip
Template = Annotated[
    str | None,
    typer.Option(
        help="Names of the results: {stem} {parent} {relpath} {ext} {model} {seed} {variant}.", show_default=False
    ),
]
Flatten = Annotated[bool, typer.Option("--flatten", help="Put all results into one folder.")]
Format = Annotated[
    Container | None, typer.Option("--format", metavar="wav|flac", help="Format, where the name does not say it.")
]
Raw = Annotated[bool, typer.Option("--raw", help="Write samples without any header to stdout.")]
Depth = Annotated[
    BitDepth, typer.Option(metavar="16|24|32f", help="Bits per sample; 16 is dithered, 32f is float (WAV only).")
]
SampleRate = Annotated[
    int | None,
    typer.Option(
        metavar="HZ",
        help="Sample rate of the output (default: INPUT's; 44100 or 48000 for low-rate MP3s).",
        show_default=False,
    ),
]
Exists = Annotated[
    OnExists | None,
    typer.Option(
        metavar="error|skip|overwrite|rename",
        help="What to do about existing results (default: error for one file, skip for several).",
    ),
]
SkipExisting = Annotated[bool, typer.Option("--skip-existing", help="The same as --on-exists skip.")]
Force = Annotated[bool, typer.Option("-f", "--force", help="Overwrite existing files: --on-exists overwrite.")]
FailFast = Annotated[bool, typer.Option("--fail-fast/--keep-going", help="Stop at the first file that fails.")]
DryRun = Annotated[bool, typer.Option("-n", "--dry-run", help="Show what would be done, and do nothing.")]
Tagged = Annotated[bool, typer.Option("--tags/--no-tags", help="Keep tags and pictures.")]
PreserveMtime = Annotated[bool, typer.Option("--preserve-mtime", help="Keep the modification time.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Which restorations to draw; the same seed gives the same file.")]
Variants = Annotated[int, typer.Option(metavar="K", help="Write K different restorations, .v1 to .vK.")]
Deterministic = Annotated[bool, typer.Option("--deterministic", help="Give the one restoration without chance.")]
NoConsistency = Annotated[
    bool, typer.Option("--no-consistency", help="Do not hold the result to what the MP3's bitstream says.")
]
Strength = Annotated[
    float | None,
    typer.Option(
        metavar="0..1",
        help="How far to go from the MP3 (0) to the restoration (1); by default as far as its losses warrant.",
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
    typer.Option(
        metavar="KBPS", min=1, help="Leave MP3s above this as they are: copied to the output folder, or skipped."
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        metavar="NAME",
        help="Name of a model (see 'models list'), or its folder.",
        autocompletion=_model_names,
    ),
]
Jobs = Annotated[int, typer.Option("-j", "--jobs", min=1, metavar="N", help="Files restored at the same time.")]
Threads = Annotated[
    int | None, typer.Option(metavar="N", help="Threads for each file (default: as the cores allow, at most 4).")
]
OnDevice = Annotated[
    Device,
    typer.Option(
        "--device", metavar="auto|cpu|cuda|coreml|dml", help="What to run on; auto takes a GPU if there is one."
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Run on a Dask cluster, tcp://HOST:PORT of its scheduler.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write one JSON object per event to stdout.")]
Quiet = Annotated[int, typer.Option("-q", "--quiet", count=True, help="Only show errors; -qq: nothing.", metavar="")]
Verbose = Annotated[
    int, typer.Option("-v", "--verbose", count=True, help="Show details; -vv: also where errors come from.", metavar="")
]
Progress = Annotated[
    bool | None, typer.Option("--progress/--no-progress", help="Show progress (default: on a terminal).")
]
LogFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Append all messages to this file.", show_default=False)
]
Report = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write a page here for each file, to hear and see it.", show_default=False),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", is_eager=True, callback=load_config, help="Take options from this TOML file.",
        show_default=False,
    ),
]  # fmt: skip
Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
]
