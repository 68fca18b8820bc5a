"""``mp3restore listen-test``, ``plot`` and ``report``: pages and pictures that compare files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mp3restore.cli.terminal import check_output, message, quiet_decoders, user_errors
from mp3restore.errors import UsageError

if TYPE_CHECKING:
    from mp3restore.listening.results import Results

__all__ = ["listen_test", "plot", "report"]


def listen_test(
    files: Annotated[
        list[Path], typer.Argument(metavar="MANIFEST|RESULT...", help="What to compare; with --analyse, the results.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The page (.html); with --analyse, a picture.", show_default=False),
    ] = None,
    abx: Annotated[bool, typer.Option("--abx", help="Make an ABX test of 16 trials instead of a MUSHRA test.")] = False,
    analyse: Annotated[bool, typer.Option("--analyse", help="Analyse the results of listeners.")] = False,
    force: Annotated[bool, typer.Option("-f", "--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Make a page for a blind listening test (MUSHRA after ITU-R BS.1534, or ABX), or analyse its results."""
    with user_errors(), quiet_decoders():
        if analyse:
            if abx:
                raise UsageError(
                    "--abx is only for making a test", hint="leave it out: results say which test they are from"
                )
            if output is not None:
                check_output(output, files, overwrite=force)
            _analyse(files, output, force=force)
            return
        from mp3restore.listening.design import read_manifest  # noqa: PLC0415 - keeps --help quick
        from mp3restore.listening.page import write_page  # noqa: PLC0415

        if len(files) != 1 or output is None:
            raise UsageError("making a test takes one manifest and -o PAGE", hint="add --analyse to analyse results")
        test = read_manifest(files[0])
        sources = {path for item in test.items for path in item.versions.values()}
        check_output(output, [*files, *sources], overwrite=force)
        write_page(test, "abx" if abx else "mushra", output, overwrite=force)
        message(f"{output}: {output.stat().st_size / 1e6:.1f} MB")


def _analyse(files: list[Path], output: Path | None, *, force: bool) -> None:
    from mp3restore.listening.analysis import abx_results  # noqa: PLC0415
    from mp3restore.listening.results import read_results  # noqa: PLC0415
    from mp3restore.listening.summary import abx_text  # noqa: PLC0415

    results = read_results(files)
    typer.echo(results.title)
    if results.ratings:
        _show_ratings(results, output, force=force)
    elif output is not None:
        raise UsageError("there are no ratings to draw", hint="only MUSHRA results can be drawn")
    if results.runs:
        typer.echo(abx_text(abx_results(results.runs)))


def _show_ratings(results: Results, output: Path | None, *, force: bool) -> None:
    from mp3restore.files import atomic_file  # noqa: PLC0415
    from mp3restore.listening.analysis import analyse  # noqa: PLC0415
    from mp3restore.listening.summary import plot_scores, ratings_text  # noqa: PLC0415
    from mp3restore.views.plot import picture_format  # noqa: PLC0415

    analysis = analyse(results.ratings)
    typer.echo(ratings_text(analysis))
    if output is not None:
        picture = picture_format(output)
        with atomic_file(output, overwrite=force) as file:
            plot_scores(analysis, file, picture=picture, title=results.title)


def plot(  # noqa: PLR0917 - one parameter per option
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Audio files, from top to bottom.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The picture: .png, .svg or .pdf.")],
    title: Annotated[
        list[str] | None, typer.Option(help="Heading; once for each file (default: their names).", show_default=False)
    ] = None,
    start: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Start of the part to draw.")] = 0.0,
    duration: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Length of the part (default: to the end).", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Overwrite an existing picture.")] = False,
) -> None:
    """Draw the spectrograms of files one above the other, on the same colour scale."""
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


def report(  # noqa: PLR0917 - one parameter per option
    original: Annotated[
        Path, typer.Argument(metavar="ORIGINAL_MP3", help="The MP3 before restoration, or a folder of several.")
    ],
    restored: Annotated[
        list[Path], typer.Argument(metavar="RESTORED...", help="Its restorations, or folders with files of its names.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The page to write.")],
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="LOSSLESS", help="The recording that the MP3 was made from, or a folder.", show_default=False
        ),
    ] = None,
    start: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Start of the part (default: the most damaged and the loudest 30 s)."),
    ] = None,
    duration: Annotated[float | None, typer.Option(metavar="SECONDS", help="Length of the part.")] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Overwrite an existing page.")] = False,
) -> None:
    """Write a self-contained web page that plays MP3s and their restorations in sync and shows what changed."""
    with user_errors(), quiet_decoders():
        if original.is_dir():
            _gallery(original, restored, output, reference=reference, start=start, duration=duration, force=force)
            return
        from mp3restore.report.page import write_report  # noqa: PLC0415 - keeps --help quick
        from mp3restore.report.request import ReportRequest  # noqa: PLC0415

        request = ReportRequest(original, restored, reference, start, duration)
        check_output(output, request.paths, overwrite=force)
        for warning in write_report(request, output, overwrite=force):
            message(f"mp3restore: {warning}")
        message(f"{output}: {output.stat().st_size / 1e6:.1f} MB")


def _gallery(
    originals: Path,
    restored: list[Path],
    output: Path,
    *,
    reference: Path | None,
    start: float | None,
    duration: float | None,
    force: bool,
) -> None:
    from mp3restore.report.page import Gallery, write_gallery  # noqa: PLC0415
    from mp3restore.report.pairs import songs_in  # noqa: PLC0415
    from mp3restore.report.request import report_command  # noqa: PLC0415

    songs = songs_in(originals, restored, reference, start=start, duration=duration)
    check_output(output, [path for song in songs for path in song.request.paths], overwrite=force)
    command = report_command([originals, *restored], output, reference, start=start, duration=duration)
    for warning in write_gallery(Gallery("MP3s and restorations", songs, command=command), output, overwrite=force):
        message(f"mp3restore: {warning}")
    message(f"{output}: {len(songs)} songs, {output.stat().st_size / 1e6:.1f} MB")
