"""What a page about one song is made of."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mp3restore.errors import UsageError
from mp3restore.report.origin import Origin, file_argument

__all__ = ["MOST_FILES", "ReportRequest", "report_command"]

MOST_FILES = 9
"""Most files of one song on a page: one for each number key."""


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """The contents of a report.

    Attributes
    ----------
    original : Path
        The MP3.
    restored : sequence of Path
        Its restorations, aligned with the decoder's output for the MP3.
    reference : Path, optional
        The recording that the MP3 was made from; it may be shifted by up to 0.2 s.
    start, duration : float, optional
        The excerpt in seconds; if neither is given, the report chooses excerpts.
    origins : mapping of Path to Origin, optional
        How the restorations were made; by default, as their tags state.
    names : mapping of Path to str
        Names to show for files whose own names mean nothing to the user.
    labels : mapping of Path to str
        What the recordings are called on the page; by default "MP3", what the
        names of the restorations add to that of the song, and "Reference".
    begins : float
        Second of the song at which the files begin, if they are a part of it.
    again : str, optional
        The command that makes the page again; by default it is the one of ``report``.
    """

    original: Path
    restored: Sequence[Path]
    reference: Path | None = None
    start: float | None = None
    duration: float | None = None
    origins: Mapping[Path, Origin] = field(default_factory=dict)
    names: Mapping[Path, str] = field(default_factory=dict)
    labels: Mapping[Path, str] = field(default_factory=dict)
    begins: float = 0.0
    again: str | None = None

    def __post_init__(self) -> None:
        if not self.restored:
            raise UsageError("a report needs at least one restoration")
        if len(self.paths) > MOST_FILES:
            raise UsageError(f"a report can show at most {MOST_FILES} files, not {len(self.paths)}")
        if self.start is not None and self.start < 0:
            raise UsageError("the start must be 0 or more seconds")
        if self.duration is not None and self.duration <= 0:
            raise UsageError("the duration must be more than 0 seconds")

    @property
    def paths(self) -> list[Path]:
        """All files, in the order of the page."""
        return [self.original, *self.restored, *([self.reference] if self.reference else [])]

    def name(self, path: Path) -> str:
        """Return the name to show for a file."""
        return self.names.get(path, path.name)

    @property
    def recordings(self) -> list[str]:
        """What the files are called on the page, in its order."""
        usual = ["MP3", *map(self._short_name, self.restored), *(["Reference"] if self.reference else [])]
        return [self.labels.get(path, name) for path, name in zip(self.paths, usual, strict=True)]

    def _short_name(self, path: Path) -> str:
        """Return what the name of a restoration says beyond the name of the song: "restored.v2"."""
        name, song = self.name(path), f"{Path(self.name(self.original)).stem}."
        rest = name.removeprefix(song).removesuffix(path.suffix)
        return rest if name.startswith(song) and rest else name

    def argument(self, path: Path) -> str:
        """Return the name of a file in a command."""
        return self.names.get(path, str(path))

    def command(self, page: str | Path) -> str:
        """Return the command that makes the page again."""
        if self.again is not None:
            return self.again
        files = [self.argument(path) for path in (self.original, *self.restored)]
        target = self.names.get(Path(page), str(page))
        return report_command(files, target, self.reference, start=self.start, duration=self.duration)


def report_command(
    files: Sequence[str | Path],
    page: str | Path,
    reference: Path | None,
    *,
    start: float | None,
    duration: float | None,
) -> str:
    """Return the command that makes a page of files or folders, the originals first, quoted for a shell."""
    words = ["mp3restore", "report", *map(file_argument, files), "-o", file_argument(page), "--force"]
    for option, value in (("--reference", reference), ("--start", start), ("--duration", duration)):
        words += [] if value is None else [f"{option}={value}"]
    return shlex.join(words)
