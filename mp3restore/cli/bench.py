"""``mp3restore bench``: how fast a run is here, stage by stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mp3restore.cli.terminal import quiet_decoders, user_errors

__all__ = ["bench"]


def bench(
    source: Annotated[
        Path | None, typer.Argument(metavar="[INPUT]", help="The file to restore (default: made-up music).")
    ] = None,
    seconds: Annotated[int, typer.Option(min=1, help="Length of the made-up music.")] = 240,
    model: Annotated[str | None, typer.Option(help="Name of a model, or its folder.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of the generator (default: at most 4).")] = None,
) -> None:
    """Measure the stages of a run from an MP3 to a 24-bit FLAC file, which is thrown away."""
    with user_errors(), quiet_decoders():
        from mp3restore.diagnostics.bench import run_bench  # noqa: PLC0415 - keeps --help quick

        report = run_bench(source, seconds=seconds, model=model, threads=threads)
        typer.echo(f"{report.duration:.1f} s of music at {report.sample_rate} Hz, {report.channels} channels")
        typer.echo(f"{'stage':<12}{'seconds':>9}{'x real time':>13}")
        for stage in report.stages:
            speed = f"{report.duration / stage.seconds:.0f}" if stage.seconds else "-"
            typer.echo(f"{stage.name:<12}{stage.seconds:>9.2f}{speed:>13}")
        if report.peak_mib is not None:
            typer.echo(f"peak memory {report.peak_mib:.0f} MiB")
