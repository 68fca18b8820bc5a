"""``mp3restore plot``: a picture of spectrograms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mp3restore.cli.output import check_output
from mp3restore.cli.terminal import quiet_decoders, user_errors
from mp3restore.errors import UsageError

__all__ = ["plot"]


def plot(  # noqa: PLR0917 - one parameter per option
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Audio files, from top to bottom.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The picture: .png, .svg or .pdf.")],
    title: Annotated[
        list[str] | None, typer.Option(help="Heading; once for each file (default: their names).", show_default=False)
    ] = None,
    start: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Where the part to draw begins.")] = 0.0,
    duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Its length (default: to the end).", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Overwrite an existing picture.")] = False,
) -> None:
    """Draw the spectrograms of files one above the other, with the same colours."""
    with user_errors(), quiet_decoders():
        from mp3restore.files import atomic_file  # noqa: PLC0415 - keeps --help quick
        from mp3restore.views.plot import import_figures, picture_format, plot_spectrograms  # noqa: PLC0415

        import_figures()
        if title and len(title) != len(files):
            raise UsageError(f"{len(title)} titles for {len(files)} files", hint="give --title once for each file")
        if duration is not None and duration <= 0:
            raise UsageError("the duration must be more than 0 seconds")
        picture = picture_format(output)
        check_output(output, files, overwrite=force)
        with atomic_file(output, overwrite=force) as file:
            plot_spectrograms(files, file, picture=picture, titles=title, start=start, duration=duration)
