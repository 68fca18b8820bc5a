"""Help for people: grouped options, a short text for a bare command, guides, and guesses at mistyped commands."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from mp3restore.cli.config import ConfiguredCommand
from mp3restore.cli.start import with_start
from mp3restore.cli.terminal import user_errors
from mp3restore.errors import UsageError

__all__ = ["BARE", "COMMANDS", "RestoreCommand", "mistyped", "show_guide"]

BARE = """\
Restores heavily compressed MP3s: brings back the treble and fills the holes that the codec left.

  mp3restore song.mp3                    writes song.restored.flac beside it
  mp3restore music/ -o restored/         restores a whole folder
  mp3restore inspect song.mp3            shows what the encoder took away

mp3restore --help lists all options, mp3restore help the guides.
"""

COMMANDS = {
    "inspect": "show what an MP3 has lost",
    "repair": "repair a damaged MP3 without decoding it",
    "report": "make a page to hear and see what changed",
    "plot": "draw spectrograms",
    "listen-test": "make a blind listening test, or analyse its results",
    "serve": "restore files on a page in your browser",
    "watch": "restore files as they arrive in a folder",
    "models": "list, show and verify the models",
    "config": "show every setting and its origin",
    "formats": "list the formats that can be read and written",
    "bench": "measure the speed of this machine",
    "doctor": "check the installation",
    "help": "show a guide",
}

# Parameters of the default command; each is in exactly one group.
_GROUPS = {
    "Output": (
        "output", "container", "bit_depth", "sample_rate", "raw", "template", "flatten", "tags", "preserve_mtime",
        "report", "preview",
    ),
    "Files": (
        "files_from", "recursive", "include", "exclude", "max_bitrate", "on_exists", "skip_existing", "force",
        "fail_fast", "dry_run",
    ),
    "Sound": ("seed", "variants", "variant", "variety", "deterministic", "strength", "no_consistency", "model"),
    "Speed": ("jobs", "threads", "device", "cluster"),
    "Messages": ("json", "quiet", "verbose", "progress", "log_file", "config", "version", "help"),
}  # fmt: skip
_FOLDER = Path(__file__).parent.parent / "manual"
# A suggestion must share two thirds of its letters; with fewer, names of songs would be taken for commands.
_ALIKE = 0.67


class RestoreCommand(ConfiguredCommand):
    """The default command: its usage line shows no command name, and its options come in groups."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - of Click's, which Typer hides
        """Read the arguments, among them ``--preview``, whose value may be missing."""
        return super().parse_args(ctx, with_start(args))

    def format_usage(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - of Click's, which Typer hides
        """Write the usage line."""
        formatter.write_usage("mp3restore", " ".join(self.collect_usage_pieces(ctx)))

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write the arguments, the options in groups, and the other commands."""
        records = {p.name: p.get_help_record(ctx) for p in self.get_params(ctx) if not getattr(p, "hidden", False)}
        group_of: dict[str | None, str] = {name: group for group, names in _GROUPS.items() for name in names}
        for group in (*_GROUPS, None):
            rows = [record for name, record in records.items() if record and group_of.get(name) == group]
            if rows and group is not None:
                with formatter.section(group):
                    formatter.write_dl(rows)
        with formatter.section("Other commands"):
            formatter.write_dl([(f"mp3restore {name}", text) for name, text in COMMANDS.items()])


def mistyped(word: str, commands: Iterable[str]) -> str | None:
    """Return the command that `word` was probably meant to be; None if it may be a file or a folder.

    Parameters
    ----------
    word : str
        First argument of the command line.
    commands : iterable of str
        Names of all commands.
    """
    if any(mark in word for mark in "./\\*?[-") or ":" in word or Path(word).exists():
        return None
    found = difflib.get_close_matches(word.lower(), list(commands), n=1, cutoff=_ALIKE)
    return found[0] if found else None


def _guides() -> dict[str, Path]:
    return {path.stem: path for path in sorted(_FOLDER.glob("*.md"))}


def show_guide(
    topic: Annotated[
        str | None, typer.Argument(metavar="[TOPIC]", help="Name of a guide; without it, all names.")
    ] = None,
) -> None:
    """Show a guide: how results are held to the bitstream, many files, pipes and JSON, listening tests, Python."""
    with user_errors():
        guides = _guides()
        if topic is None:
            for name, path in guides.items():
                title = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
                typer.echo(f"mp3restore help {name:<12}  {title}")
            return
        if topic not in guides:
            near = difflib.get_close_matches(topic, guides, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"the guides are {', '.join(guides)}"
            raise UsageError(f"there is no guide '{topic}'", hint=hint)
        typer.echo(guides[topic].read_text(encoding="utf-8").rstrip())
