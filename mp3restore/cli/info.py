"""``mp3restore doctor``, ``formats``, ``inspect``, ``bench`` and ``models``: facts about this machine and files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mp3restore.cli.terminal import check_output, clock, one_line, quiet_decoders, user_errors
from mp3restore.errors import ExitCode

if TYPE_CHECKING:
    from mp3restore.inspection.inspect import BitstreamReport, DecodedReport, Inspection
    from mp3restore.mp3.grid import GridResult

__all__ = ["bench", "doctor", "formats", "inspect", "models_app"]

_Json = Annotated[bool, typer.Option("--json", help="Write one JSON object.")]

# A share of the music; a few granules at either end of every file are not held.
_WORTH_TELLING = 0.005

models_app = typer.Typer(help="Show and check the models.", no_args_is_help=True, add_completion=False)
_Name = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Name or folder (default: the default model).")]


def doctor(as_json: _Json = False) -> None:
    """Check this installation: versions, devices, codecs, models, a self-test. Paste its output into bug reports."""
    with user_errors(), quiet_decoders():
        from mp3restore.diagnostics.doctor import diagnose  # noqa: PLC0415 - keeps --help quick

        found = diagnose()
        if as_json:
            typer.echo(json.dumps({"schema": 1, **found.facts, "problems": found.problems}))
        else:
            for name, value in found.facts.items():
                typer.echo(one_line(f"{name}: {_flat(value)}"))
            for problem in found.problems:
                typer.echo(one_line(f"problem: {problem}"))
            typer.echo(f"{len(found.problems) or 'no'} problem{'s' if len(found.problems) != 1 else ''} found")
        if found.problems:
            raise typer.Exit(ExitCode.FAILED)


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def formats(as_json: _Json = False) -> None:
    """List the formats that can be read and written on this machine."""
    with user_errors(), quiet_decoders():
        import soundfile  # noqa: PLC0415

        from mp3restore.audio.external import system_decoders  # noqa: PLC0415

        own = sorted(soundfile.available_formats())
        others = system_decoders()
        written = {"wav": ["16", "24", "32f"], "flac": ["16", "24"]}
        if as_json:
            typer.echo(json.dumps({"schema": 1, "libsndfile": own, "audioread": others, "written": written}))
            return
        typer.echo(f"read by libsndfile {soundfile.__libsndfile_version__}: {', '.join(own)}")
        typer.echo(f"read by the system's decoders, AAC and others: {', '.join(others) or 'none (install ffmpeg)'}")
        for name, depths in written.items():
            typer.echo(f"written: {name}, --bit-depth {', '.join(depths)}")


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An MP3, or a file that may once have been one.")],
    as_json: _Json = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="PICTURE", help="Draw the quantiser steps to this .png, .svg or .pdf.")
    ] = None,
) -> None:
    """Show what an MP3 has lost, from its bitstream; for other files, whether they were once an MP3."""
    with user_errors(), quiet_decoders():
        from mp3restore.inspection.inspect import inspect_file  # noqa: PLC0415 - keeps --help quick

        found = inspect_file(file)
        if plot is not None:
            from mp3restore.views.steps import plot_steps  # noqa: PLC0415

            check_output(plot, [file], overwrite=False)
            plot_steps(file, plot)
        if as_json:
            typer.echo(json.dumps({"schema": 1, **found.to_json()}))
        else:
            _print_table(found)


def _print_table(found: Inspection) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(show_header=False, box=None, pad_edge=False)
    rows = {
        "file": one_line(found.path),
        "sound": f"{clock(found.duration_s)}, {found.sample_rate} Hz, {found.channels} channels",
        "decoded by": found.decoder if found.kbps is None else f"{found.decoder}, {found.kbps:.0f} kbit/s",
        "bandwidth": f"{found.bandwidth_hz / 1000:.1f} kHz",
    }
    if found.bitstream is not None:
        rows |= _bitstream_rows(found.bitstream)
    elif found.grid is not None:
        rows["history"] = _history(found.grid, found.decoded)
    if found.restored_before:
        rows["restored"] = "a restoration by mp3restore, by its tags"
    if found.damage:
        silence = sum(each.silence_s for each in found.damage)
        rows["damage"] = f"{len(found.damage)} places, {silence:.2f} s of silence stand for them"
    rows["verdict"] = (
        f"worth restoring, with strength {found.strength:g}"
        if found.strength
        else "has lost too little for a restoration to be safe"
    )
    for name, value in rows.items():
        table.add_row(name, value)
    Console(file=sys.stdout, markup=False, highlight=False, soft_wrap=True).print(table)


def _history(grid: GridResult, decoded: DecodedReport | None) -> str:
    if decoded is None:
        if grid.found:
            return f"decoded from an MP3, sure to {grid.certainty:.1%}; too short to say more"
        return (
            "nothing here shows MP3 coding (no granules at any of 576 places); that does not prove that there was none"
        )
    details = ", ".join(
        [
            *(["LAME-like"] if decoded.like_lame else []),
            "bitrate unknown" if decoded.kbps is None else f"about {decoded.kbps:.0f} kbit/s",
            *([] if decoded.kbps is None else [f"edge {decoded.edge_hz / 1000:.1f} kHz"]),
        ]
    )
    return f"decoded from an MP3 ({details}), sure to {decoded.certainty:.1%}"


def _bitstream_rows(report: BitstreamReport) -> dict[str, str]:
    low, median, high = (f"{hz / 1000:.1f}" for hz in report.edge_hz)
    return {
        "bitstream": f"MPEG-{report.version} layer III, {report.kbps:.0f} kbit/s {report.rate_mode}",
        "encoder": report.encoder or "unknown",
        "joint stereo": f"{report.joint_stereo_share:.0%} of granules",
        "blocks": ", ".join(f"{share:.0%} {name}" for name, share in report.block_shares.items()),
        "low-pass": f"{report.lowpass_hz / 1000:.1f} kHz ({report.lowpass_origin})",
        "coded up to": f"{median} kHz, in most granules {low} to {high}",
        "lines": f"{report.coded_share:.0%} coded, {report.hole_share:.0%} holes, {report.above_edge_share:.0%} above",
        "lattice": f"{report.lattice_fit:.0%} of lines fit",
        "held": ", ".join(
            [f"{report.held_share:.1%} of the music"]
            + [f"{share:.1%} not: {reason}" for reason, share in report.not_held.items() if share >= _WORTH_TELLING]
        ),
    }


def bench(
    source: Annotated[
        Path | None, typer.Argument(metavar="[INPUT]", help="The file to restore (default: synthetic music).")
    ] = None,
    seconds: Annotated[int, typer.Option(min=1, help="Length of the synthetic music.")] = 240,
    model: Annotated[str | None, typer.Option(help="Name of a model, or its folder.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of the generator (default: at most 4).")] = None,
) -> None:
    """Measure how long each stage takes from an MP3 to a 24-bit FLAC file, which is then deleted."""
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


@models_app.command("list")
def list_names() -> None:
    """List the names of the models."""
    with user_errors():
        from mp3restore.generator.model import list_models  # noqa: PLC0415 - keeps --help quick

        for name in list_models():
            typer.echo(name)


@models_app.command()
def show(name: _Name = None) -> None:
    """Show a model's card: training data, licences, scores, limits."""
    with user_errors():
        from mp3restore.generator.model import load_model  # noqa: PLC0415

        typer.echo(load_model(name).card())


@models_app.command()
def verify(name: _Name = None) -> None:
    """Check the files of a model, or of all models, against their hashes."""
    with user_errors():
        from mp3restore.generator.model import list_models, load_model  # noqa: PLC0415

        for each in [name] if name else list_models():
            model = load_model(each)
            typer.echo(f"{model.name}: intact, SHA-256 {model.sha256}")
