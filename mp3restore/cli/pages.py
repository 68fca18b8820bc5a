"""``mp3restore listen-test``: make a blind listening test, and analyse its results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mp3restore.cli.output import check_output
from mp3restore.cli.terminal import message, quiet_decoders, user_errors
from mp3restore.errors import UsageError

if TYPE_CHECKING:
    from mp3restore.listening.results import Results

__all__ = ["listen_test"]


def listen_test(
    files: Annotated[
        list[Path], typer.Argument(metavar="MANIFEST|RESULT...", help="What to compare; or results, with --analyse.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The page (.html); with --analyse a picture.", show_default=False),
    ] = None,
    abx: Annotated[bool, typer.Option("--abx", help="Make an ABX test of 16 trials instead of a MUSHRA test.")] = False,
    analyse: Annotated[bool, typer.Option("--analyse", help="Analyse the results of listeners.")] = False,
    force: Annotated[bool, typer.Option("-f", "--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Make a page for a blind listening test (MUSHRA after ITU-R BS.1534, or ABX), or analyse its results."""
    with user_errors(), quiet_decoders():
        if analyse:
            if abx:
                raise UsageError("--abx is for making a test", hint="results say themselves what they are")
            if output is not None:
                check_output(output, files, overwrite=force)
            _analyse(files, output, force=force)
            return
        from mp3restore.listening.design import read_manifest  # noqa: PLC0415 - keeps --help quick
        from mp3restore.listening.page import write_page  # noqa: PLC0415

        if len(files) != 1 or output is None:
            raise UsageError("a test is made of one manifest, with -o PAGE", hint="results need --analyse")
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
        raise UsageError("there are no ratings to draw", hint="only MUSHRA results give a picture")
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
