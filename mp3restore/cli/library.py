"""``mp3restore inspect`` for folders and many files: show which of them are worth restoring."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from mp3restore.cli.terminal import clock, one_line
from mp3restore.errors import NoInputError

if TYPE_CHECKING:
    from mp3restore.inspection.library import Survey

__all__ = ["inspect_library"]

_WORDS = {
    "restore": "heavily compressed: restore",
    "little to gain": "little to gain",
    "leave": "leave as it is",
    "inspect alone": "not an MP3: inspect it alone",
    "unreadable": "cannot be read",
}
_ORDER = tuple(_WORDS)
_MEGABYTE = 1_000_000
_WIDE = 5_000


def inspect_library(names: Sequence[str], *, as_json: bool, as_csv: bool, processes: int) -> None:
    """Show which of many files are worth restoring, the most compressed first.

    Raises
    ------
    NoInputError
        If there are no audio files.
    """
    from mp3restore.batch.sources import find_sources  # noqa: PLC0415 - keeps --help quick
    from mp3restore.inspection.library import survey_files  # noqa: PLC0415

    paths = [source.path for source in find_sources(names)]
    if not paths:
        raise NoInputError("no audio files found", path=names[0], hint="name a folder with audio files")
    found = survey_files(paths, processes=processes)
    if as_json:
        for each in found:
            typer.echo(json.dumps({"schema": 1, **_plain(each)}))
        return
    ordered = sorted(found, key=lambda each: (_ORDER.index(each.verdict), each.kbps or 0, str(each.path)))
    if as_csv:
        writer = csv.DictWriter(sys.stdout, _plain(ordered[0]).keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(_plain, ordered))
        return
    _print(ordered)


def _plain(survey: Survey) -> dict[str, Any]:
    return asdict(survey) | {"path": str(survey.path)}


def _print(surveys: list[Survey]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("kbit/s", "edge"):
        table.add_column(title, justify="right", no_wrap=True)
    for title in ("was", "encoder", "verdict"):
        table.add_column(title, no_wrap=True)
    table.add_column("file", overflow="ellipsis", no_wrap=True)
    for each in surveys:
        mode = " vbr" if each.rate_mode == "vbr" else ""
        table.add_row(
            "" if each.kbps is None else f"{each.kbps:.0f}{mode}",
            "" if each.edge_hz is None else f"{each.edge_hz / 1000:.1f} kHz",
            _was(each),
            each.encoder or "",
            each.problem or _WORDS[each.verdict],
            one_line(each.path),
        )
    # Long names are cut on a terminal, but complete in a file or pipe.
    width = None if sys.stdout.isatty() else _WIDE
    console = Console(file=sys.stdout, markup=False, highlight=False, width=width)
    console.print(table)
    for line in _totals(surveys):
        console.print(line)


def _was(survey: Survey) -> str:
    if not survey.was_mp3:
        return ""
    return "MP3" if survey.was_kbps is None else f"MP3, {survey.was_kbps:.0f} kbit/s"


def _totals(surveys: list[Survey]) -> Iterator[str]:
    yield ""
    for verdict in _ORDER:
        chosen = [each for each in surveys if each.verdict == verdict]
        if chosen:
            size = sum(each.bytes for each in chosen) / _MEGABYTE
            music = clock(sum(each.seconds or 0.0 for each in chosen))
            yield f"{len(chosen)} {_WORDS[verdict]}: {music} of music, {size:.0f} MB"
