"""``mp3restore repair``: write the sound frames of MP3s with correct tags, without decoding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mp3restore.cli.terminal import check_output, clock, message, quiet_decoders, user_errors
from mp3restore.errors import ExitCode, InputError, Mp3RestoreError, NoInputError, UsageError

if TYPE_CHECKING:
    from mp3restore.audio.repair import Repair

__all__ = ["repair"]

_SUFFIXES = (".mp1", ".mp2", ".mp3", ".mpga")


def repair(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An MP3, or a folder with its subfolders.")],
    output: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OUT]", help="A file, or a folder for a folder (default: NAME.repaired.mp3 beside each input)."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("-f", "--force", help="Overwrite existing files.")] = False,
) -> None:
    """Write the sound frames of a damaged MP3 with a correct Info frame and its tags, without decoding it.

    Frames of silence replace lost ones, so that the rest stays in time. In a folder, only files with flaws are
    repaired.
    """
    with user_errors(), quiet_decoders():
        from mp3restore.audio.repair import repair_file  # noqa: PLC0415 - keeps --help quick

        if not source.is_dir():
            target = _beside(source) if output is None else output / source.name if output.is_dir() else output
            check_output(target, [source], overwrite=force)
            message(_line(repair_file(source, target, overwrite=force)))
            return
        if output is not None and output.exists() and not output.is_dir():
            raise UsageError("is not a folder", path=output, hint="the output for a folder must be a folder")
        _repair_folder(source, output, force=force)


def _repair_folder(folder: Path, output: Path | None, *, force: bool) -> None:
    """Repair the files with flaws in a folder; an error in one file does not stop the others."""
    from mp3restore.audio.repair import find_file_flaws, repair_file  # noqa: PLC0415
    from mp3restore.files import output_error  # noqa: PLC0415

    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    files = [path for path in files if ".repaired" not in path.suffixes and not _lies_in(path, output)]
    if not files:
        raise NoInputError("no MPEG audio in this folder", path=folder, hint="check the name")
    failed = sound = 0
    for path in files:
        target = _beside(path) if output is None else output / path.relative_to(folder)
        try:
            if not find_file_flaws(path).any:
                sound += 1
                continue
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise output_error(error, target) from error
            check_output(target, [path], overwrite=force)
            message(_line(repair_file(path, target, overwrite=force)))
        except Mp3RestoreError as error:
            failed += 1
            message(f"mp3restore: {error}")
    message(f"{len(files) - sound - failed} repaired, {sound} without flaws, {failed} failed")
    if failed:
        raise typer.Exit(ExitCode.FAILED)


def _lies_in(path: Path, folder: Path | None) -> bool:
    return folder is not None and path.resolve().is_relative_to(folder.resolve())


def _beside(path: Path) -> Path:
    if not path.suffix:
        raise InputError("has no suffix for the name of the repaired file", path=path, hint="name the output as well")
    return path.with_name(f"{path.stem}.repaired{path.suffix}")


def _line(done: Repair) -> str:
    """Summarise the repair of a file in a line."""
    flaws = done.flaws
    frames = "1 frame" if flaws.silent_frames == 1 else f"{flaws.silent_frames} frames"
    parts = [
        f"{flaws.dropped_bytes} bytes dropped" if flaws.dropped_bytes else "",
        f"{frames} silent" if flaws.silent_frames else "",
        "Info frame corrected" if flaws.wrong_tags else "",
    ]
    told = ", ".join(part for part in parts if part) or "nothing was wrong: an exact copy"
    return f"{done.source.name} -> {done.target}: {clock(done.seconds)}, {told}"
