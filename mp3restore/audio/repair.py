"""Repairing MPEG audio files without decoding them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mp3restore.audio.decode import open_audio
from mp3restore.audio.mpeg import MpegSource
from mp3restore.errors import InputError
from mp3restore.files import atomic_file
from mp3restore.mp3.repair import Flaws, find_flaws, repaired

__all__ = ["Repair", "find_file_flaws", "repair_file"]


@dataclass(frozen=True, slots=True)
class Repair:
    """What became of a file.

    Attributes
    ----------
    source, target : Path
        The input, and the file that was written.
    flaws : Flaws
        What was wrong; without any, the file was copied as it is.
    seconds : float
        Length of the music.
    """

    source: Path
    target: Path
    flaws: Flaws
    seconds: float


def repair_file(source: str | Path, target: str | Path, *, overwrite: bool = False) -> Repair:
    """Write the sound frames of an MPEG audio file, with a correct Info frame and its tags.

    Nothing is decoded, so nothing is lost. Frames of silence stand for lost ones, so that the rest keeps its time. A
    file without any flaw is copied byte by byte.

    Parameters
    ----------
    source, target : str or Path
        The input, and the file to write.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    InputError, NoInputError
        If the input cannot be read, or is no MPEG audio.
    OutputError
        If the output is there already, or cannot be written.
    """
    target = Path(target)
    with _open_mpeg(source) as opened:
        runs = list(opened.runs)
        with atomic_file(target, overwrite=overwrite) as file:
            for piece in repaired(opened.table, runs, opened.read):
                file.write(piece)
        flaws = _flaws(opened)
        return Repair(opened.path, target, flaws, opened.frames / opened.sample_rate)


def find_file_flaws(path: str | Path) -> Flaws:
    """Say what is wrong with an MPEG audio file.

    Raises
    ------
    InputError, NoInputError
        As `repair_file`.
    """
    with _open_mpeg(path) as opened:
        return _flaws(opened)


def _flaws(opened: MpegSource) -> Flaws:
    flaws = find_flaws(opened.table, list(opened.runs))
    taken_out = opened.stream_metadata
    return flaws if taken_out is None else replace(flaws, dropped_bytes=flaws.dropped_bytes + taken_out.bytes)


def _open_mpeg(path: str | Path) -> MpegSource:
    opened = open_audio(path)
    if isinstance(opened, MpegSource):
        return opened
    opened.close()
    raise InputError(
        "is not MPEG audio, and only that can be repaired", path=path, hint="'mp3restore inspect' says what it is"
    )
