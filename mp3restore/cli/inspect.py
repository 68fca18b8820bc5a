"""``mp3restore inspect``: show what a file has lost, or which of many files are worth restoring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mp3restore.cli.library import WORDS, inspect_library
from mp3restore.cli.terminal import check_output, clock, one_line, print_table, quiet_decoders, user_errors
from mp3restore.errors import UsageError

if TYPE_CHECKING:
    from mp3restore.inspection.inspect import BitstreamReport, DecodedReport, Inspection
    from mp3restore.mp3.grid import GridResult

__all__ = ["inspect"]

# Least share of the music to mention; a few granules at either end of every file are never held.
_WORTH_TELLING = 0.005


def inspect(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="A file to inspect, or several files and folders to compare.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON: one object, or one per line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write a table for spreadsheets (several files).")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="PICTURE", help="Draw the quantiser steps to this .png, .svg or .pdf.")
    ] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Also show blocks, lines and the lattice.")] = False,
) -> None:
    """Show what a file has lost, or which of many files are worth restoring."""
    with user_errors(as_json=as_json), quiet_decoders():
        if len(files) > 1 or Path(files[0]).is_dir():
            if plot is not None or verbose:
                raise UsageError("--plot and --verbose are for one file", hint="name one file")
            from mp3restore.cli.run import cores  # noqa: PLC0415 - keeps --help quick

            inspect_library(files, as_json=as_json, as_csv=as_csv, processes=cores())
            return
        if as_csv:
            raise UsageError("--csv is for several files", hint="name a folder, or use --json")
        from mp3restore.inspection.inspect import inspect_file  # noqa: PLC0415

        file = Path(files[0])
        found = inspect_file(file)
        if plot is not None:
            from mp3restore.views.steps import plot_steps  # noqa: PLC0415

            check_output(plot, [file], overwrite=False)
            plot_steps(file, plot)
        if as_json:
            typer.echo(json.dumps({"schema": 1, **found.to_json()}))
        else:
            _print_table(found, verbose=verbose)


def _verdict(found: Inspection) -> str:
    if found.restored_before:
        return "leave as it is: mp3restore made it, as its tags say"
    if found.verdict == "leave" and found.kbps is None and not found.was_mp3:
        return "leave as it is: nothing shows a loss"
    partly = f", with strength {found.strength:g}" if 0 < found.strength < 1 else ""
    return WORDS[found.verdict] + partly


def _print_table(found: Inspection, *, verbose: bool) -> None:
    from rich.table import Table  # noqa: PLC0415

    table = Table(show_header=False, box=None, pad_edge=False)
    rows = {
        "file": one_line(found.path),
        "verdict": _verdict(found),
        "sound": f"{clock(found.duration_s)}, {found.sample_rate} Hz, {_channels(found.channels)}",
    }
    if found.bitstream is None:
        rows["decoded by"] = found.decoder if found.kbps is None else f"{found.decoder}, {found.kbps:.0f} kbit/s"
    rows["edge"] = f"{found.bandwidth_hz / 1000:.1f} kHz, the highest frequency of the loudest moments"
    if found.bitstream is not None:
        rows |= _losses(found.bitstream)
    if found.bitstream is None and found.grid is not None:
        rows["history"] = _history(found.grid, found.decoded)
    if (stream := found.stream_metadata) is not None:
        titles = f": {one_line(', '.join(stream.titles))}" if stream.titles else ""
        rows["stream"] = f"saved from a radio station, titles every {stream.interval} bytes{titles}"
    if found.damage:
        silence = sum(each.silence_s for each in found.damage)
        rows["damage"] = f"{len(found.damage)} places, replaced by {silence:.2f} s of silence"
    if verbose and found.bitstream is not None:
        rows |= _bitstream_rows(found.bitstream)
    for name, value in rows.items():
        table.add_row(name, value)
    print_table(table)


def _history(grid: GridResult, decoded: DecodedReport | None) -> str:
    """Say what shows an MP3 behind a file that is none; what shows nothing is no proof."""
    if decoded is None and not grid.found:
        return "nothing here shows MP3 coding; that is not a proof"
    details = ["too short to say more"]
    if decoded is not None:
        details = ["LAME-like"] if decoded.like_lame else []
        if decoded.kbps is None:
            details.append("bitrate unknown: high, or the samples were changed since, as a restoration does")
        else:
            details += [f"about {decoded.kbps:.0f} kbit/s", f"edge {decoded.edge_hz / 1000:.1f} kHz"]
    return f"decoded from an MP3 ({', '.join(details)}), sure to {grid.certainty:.1%}"


def _channels(count: int) -> str:
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")


def _losses(report: BitstreamReport) -> dict[str, str]:
    """Describe in a listener's words what the encoder took away."""
    not_held = [f"{share:.1%} not: {why}" for why, share in report.not_held.items() if share >= _WORTH_TELLING]
    return {
        "encoded": f"{report.kbps:.0f} kbit/s {report.rate_mode}, by {report.encoder or 'an unknown encoder'}",
        "treble": f"half of the time nothing above {report.edge_hz[1] / 1000:.1f} kHz",
        "holes": f"{report.below_edge_hole_share:.0%} of what lies below was dropped",
        "held": ", ".join([f"{report.held_share:.1%} of the music can be held to the MP3", *not_held]),
    }


def _bitstream_rows(report: BitstreamReport) -> dict[str, str]:
    low, _, high = (f"{hz / 1000:.1f}" for hz in report.edge_hz)
    return {
        "bitstream": f"MPEG-{report.version} layer III",
        "joint stereo": f"{report.joint_stereo_share:.0%} of granules",
        "blocks": ", ".join(f"{share:.0%} {name}" for name, share in report.block_shares.items()),
        "low-pass": f"{report.lowpass_hz / 1000:.1f} kHz ({report.lowpass_origin})",
        "edge": f"in most granules from {low} to {high} kHz",
        "lines": f"{report.coded_share:.0%} coded, {report.hole_share:.0%} holes, {report.above_edge_share:.0%} above",
        "lattice": f"{report.lattice_fit:.0%} of lines fit",
    }
