"""``mp3restore doctor``, ``formats`` and ``inspect``: what is here, what can be read, what an MP3 has lost."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mp3restore.cli.terminal import clock, one_line, quiet_decoders, user_errors
from mp3restore.errors import ExitCode

if TYPE_CHECKING:
    from mp3restore.inspection.inspect import BitstreamReport, Inspection

__all__ = ["doctor", "formats", "inspect"]

_Json = Annotated[bool, typer.Option("--json", help="Write one JSON object.")]


def doctor(as_json: _Json = False) -> None:
    """Check this installation: versions, devices, codecs, models, and a self-test. Paste it into reports of errors."""
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
    """List what can be read here, and what can be written."""
    with user_errors(), quiet_decoders():
        import soundfile  # noqa: PLC0415

        from mp3restore.audio.decode import system_decoders  # noqa: PLC0415

        own = sorted(soundfile.available_formats())
        others = system_decoders()
        written = {"wav": ["16", "24", "32f"], "flac": ["16", "24"]}
        if as_json:
            typer.echo(json.dumps({"schema": 1, "libsndfile": own, "audioread": others, "written": written}))
            return
        typer.echo(f"read by libsndfile {soundfile.__libsndfile_version__}: {', '.join(own)}")
        typer.echo(f"read by decoders of the system, AAC and others: {', '.join(others) or 'none (install ffmpeg)'}")
        for name, depths in written.items():
            typer.echo(f"written: {name}, --bit-depth {', '.join(depths)}")


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An MP3, or a file that may once have been one.")],
    as_json: _Json = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="PICTURE", help="Draw the quantiser's steps, to .png, .svg or .pdf.")
    ] = None,
) -> None:
    """Say what an MP3 has lost, from its bitstream; of other files, whether they were once an MP3."""
    with user_errors(), quiet_decoders():
        from mp3restore.inspection.inspect import inspect_file, plot_steps  # noqa: PLC0415

        found = inspect_file(file)
        if plot is not None:
            from mp3restore.cli.output import check_output  # noqa: PLC0415

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
    }
    if found.bitstream is not None:
        rows |= _bitstream_rows(found.bitstream)
    elif found.grid is not None:
        trace = f"decoded from an MP3, granules at {found.grid.offset}" if found.was_mp3 else "no trace of an MP3"
        rows["history"] = f"{trace} (confidence {found.grid.confidence:.2f})"
    for name, value in rows.items():
        table.add_row(name, value)
    Console(file=sys.stdout, markup=False, highlight=False, soft_wrap=True).print(table)


def _bitstream_rows(report: BitstreamReport) -> dict[str, str]:
    stated = "stated" if report.lowpass_stated else "as LAME has it at this bitrate"
    low, median, high = (f"{hz / 1000:.1f}" for hz in report.edge_hz)
    return {
        "bitstream": f"MPEG-{report.version} layer III, {report.kbps:.0f} kbit/s {report.rate_mode}",
        "encoder": report.encoder or "unknown",
        "joint stereo": f"{report.joint_stereo_share:.0%} of granules",
        "blocks": ", ".join(f"{share:.0%} {name}" for name, share in report.block_shares.items()),
        "low-pass": f"{report.lowpass_hz / 1000:.1f} kHz ({stated})",
        "coded up to": f"{median} kHz, in most granules {low} to {high}",
        "lines": f"{report.coded_share:.0%} coded, {report.hole_share:.0%} holes, {report.above_edge_share:.0%} above",
        "lattice": f"{report.lattice_fit:.0%} of lines fit",
    }
