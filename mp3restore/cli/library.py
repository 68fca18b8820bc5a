"""``mp3restore inspect`` for folders and many files: show which of them are worth restoring."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import typer

from mp3restore.cli.terminal import clock, one_line, print_table, size_text
from mp3restore.errors import ExitCode, NoInputError

if TYPE_CHECKING:
    from mp3restore.inspection.library import Survey

__all__ = ["WORDS", "inspect_library"]

WORDS = {
    "restore": "heavily compressed, restore it",
    "little to gain": "little to gain",
    "leave": "leave as it is",
    "inspect alone": "not an MP3, inspect it alone",
    "unreadable": "cannot be read",
}
_ORDER = tuple(WORDS)


def inspect_library(names: Sequence[str], *, as_json: bool, as_csv: bool, processes: int) -> None:
    """Show which of many files are worth restoring, the most compressed first; end with an error if any is unreadable.

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
    found = []
    for each in survey_files(paths, processes=processes):
        found.append(each)
        if as_json:
            typer.echo(json.dumps({"schema": 1, **_plain(each)}))
    ordered = sorted(found, key=lambda each: (_ORDER.index(each.verdict), each.kbps or 0, str(each.path)))
    if as_csv:
        writer = csv.DictWriter(sys.stdout, _plain(ordered[0]).keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(_plain, ordered))
    elif not as_json:
        _print(ordered)
    if any(each.problem for each in found):
        raise typer.Exit(ExitCode.FAILED)


def _plain(survey: Survey) -> dict[str, Any]:
    return asdict(survey) | {"path": str(survey.path)}


def _print(surveys: list[Survey]) -> None:
    from rich.table import Table  # noqa: PLC0415

    # Most libraries hold no file that was an MP3 once.
    columns = {name: cell for name, cell in _COLUMNS.items() if name != "was" or any(each.was_mp3 for each in surveys)}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in columns:
        table.add_column(title, justify="right" if title in _NUMBERS else "left", no_wrap=True)
    table.add_column("file", overflow="ellipsis", no_wrap=True)
    for each in surveys:
        table.add_row(*(cell(each) for cell in columns.values()), one_line(each.path))
    print_table(table)
    for line in _totals(surveys):
        typer.echo(line)


def _kbps(survey: Survey) -> str:
    mode = " vbr" if survey.rate_mode == "vbr" else ""
    return "" if survey.kbps is None else f"{survey.kbps:.0f}{mode}"


def _edge(survey: Survey) -> str:
    return "" if survey.edge_hz is None else f"{survey.edge_hz / 1000:.1f} kHz"


def _was(survey: Survey) -> str:
    if not survey.was_mp3:
        return ""
    return "MP3" if survey.was_kbps is None else f"MP3, {survey.was_kbps:.0f} kbit/s"


_COLUMNS: Final[dict[str, Callable[[Survey], str]]] = {
    "kbit/s": _kbps,
    "edge": _edge,
    "was": _was,
    "encoder": lambda survey: survey.encoder or "",
    "verdict": lambda survey: survey.problem or WORDS[survey.verdict],
}
_NUMBERS: Final = ("kbit/s", "edge")


def _totals(surveys: list[Survey]) -> Iterator[str]:
    yield ""
    for verdict in _ORDER:
        chosen = [each for each in surveys if each.verdict == verdict]
        if chosen and verdict == "unreadable":
            yield f"{len(chosen)} {WORDS[verdict]}"
        elif chosen:
            music = clock(sum(each.seconds or 0.0 for each in chosen))
            size = size_text(sum(each.bytes for each in chosen))
            yield f"{len(chosen)} {WORDS[verdict]} ({music} of music, {size})"
