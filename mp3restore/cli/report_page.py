"""``mp3restore report``: a page to hear and see a restoration beside its MP3."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mp3restore.cli.output import check_output
from mp3restore.cli.terminal import message, quiet_decoders, user_errors

__all__ = ["report"]


def report(  # noqa: PLR0917 - one parameter per option
    original: Annotated[Path, typer.Argument(metavar="ORIGINAL_MP3", help="The MP3.")],
    restored: Annotated[list[Path], typer.Argument(metavar="RESTORED...", help="Its restorations.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The page to write.")],
    reference: Annotated[
        Path | None, typer.Option(metavar="LOSSLESS", help="What the MP3 was made of.", show_default=False)
    ] = None,
    start: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Show this part (default: the most damaged and the loudest 30 s)."),
    ] = None,
    duration: Annotated[float | None, typer.Option(metavar="SECONDS", help="Length of the part.")] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Overwrite an existing page.")] = False,
) -> None:
    """Write a web page, complete in one file, that plays an MP3 and its restorations in sync and shows what changed."""
    with user_errors(), quiet_decoders():
        from mp3restore.report.page import ReportRequest, write_report  # noqa: PLC0415 - keeps --help quick

        request = ReportRequest(original, restored, reference, start, duration)
        check_output(output, request.paths, overwrite=force)
        write_report(request, output, overwrite=force)
        message(f"{output}: {output.stat().st_size / 1e6:.1f} MB")
