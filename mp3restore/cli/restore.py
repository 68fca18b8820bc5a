"""The default command: restore a file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from mp3restore import __version__
from mp3restore.cli.report import message, progress_bar, quiet_decoders, result_line, user_errors
from mp3restore.errors import UsageError
from mp3restore.formats import BitDepth, Container

if TYPE_CHECKING:
    from collections.abc import Callable

    from mp3restore.engine import Restorer
    from mp3restore.pipeline import FileResult, RunOptions
    from mp3restore.plan import Job

__all__ = ["RestoreCommand", "restore"]


class RestoreCommand(TyperCommand):
    """The command that needs no name, so that its usage line shows none."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - of Click's, which Typer hides since 0.26
        """Write the usage line."""
        formatter.write_usage("mp3restore", " ".join(self.collect_usage_pieces(ctx)))


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mp3restore {__version__}")
        raise typer.Exit


def restore(  # noqa: PLR0917 - one parameter per option
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="The MP3, or any other audio file.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="The file to write, .wav or .flac (default: INPUT's stem and .restored.flac).",
            show_default=False,
        ),
    ] = None,
    container: Annotated[
        Container | None,
        typer.Option("--format", help="Format, where the name does not say it."),
    ] = None,
    bit_depth: Annotated[
        BitDepth, typer.Option(help="Bits per sample; 16 is dithered, 32f is float (WAV only).")
    ] = "24",
    sample_rate: Annotated[
        int | None,
        typer.Option(
            metavar="HZ",
            help="Sample rate of the output (default: INPUT's; 44100 or 48000 for low-rate MP3s).",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Overwrite existing files.")] = False,
    seed: Annotated[int, typer.Option(help="Which restorations to draw; the same seed gives the same file.")] = 0,
    variants: Annotated[int, typer.Option(metavar="K", help="Write K different restorations, .v1 to .vK.")] = 1,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Give the one restoration without chance.")
    ] = False,
    no_consistency: Annotated[
        bool, typer.Option("--no-consistency", help="Do not hold the result to what the MP3's bitstream says.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="Name of a model (see 'models list'), or its folder.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of the generator (default: at most 4).")] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only show errors.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show details.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Restore a heavily compressed MP3: give back its treble and fill the holes that the codec left."""
    with user_errors(verbose=verbose), quiet_decoders(active=not verbose):
        from mp3restore.pipeline import RunOptions, make_restorer  # noqa: PLC0415 - keeps --help quick
        from mp3restore.plan import plan_jobs  # noqa: PLC0415

        if quiet and verbose:
            raise UsageError("--quiet and --verbose contradict each other")
        options = RunOptions(seed, deterministic, sample_rate, not no_consistency)
        jobs = plan_jobs(source, output, container=container, bit_depth=bit_depth, variants=variants, overwrite=force)
        restorer = cache(lambda: make_restorer(model, threads=threads))
        for job in jobs:
            result = _run(job, restorer, options, quiet=quiet)
            if not quiet:
                message(result_line(result))
            if verbose:
                _details(result)


def _run(job: Job, restorer: Callable[[], Restorer], options: RunOptions, *, quiet: bool) -> FileResult:
    from mp3restore.pipeline import run_job  # noqa: PLC0415

    with progress_bar(job.source, visible=not quiet) as progress:
        return run_job(job, restorer, options, progress=progress)


def _details(result: FileResult) -> None:
    """Write what -v adds."""
    held = "held to its bitstream" if result.consistent else "no bitstream to hold it to"
    message(f"  decoded by {result.decoder}; {held}")
    message(
        f"  {result.frames} samples of {result.channels} channels at {result.sample_rate} Hz, peak {result.peak:.3f}"
    )
    message(f"  model {result.model}, seed {result.seed}, variant {result.variant}; took {result.seconds:.1f} s")
