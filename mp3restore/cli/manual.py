"""Generate the man page and the page of options from the commands themselves.

``python -m mp3restore.cli.manual`` writes both to ``mp3restore/manual``; a test fails when they are out of date.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from mp3restore.errors import ExitCode

__all__ = ["man_page", "options_page", "write_manual"]

FOLDER = Path(__file__).parent.parent / "manual"
_EXIT = {
    ExitCode.OK: "Success; skipped files do not count as failures.",
    ExitCode.FAILED: "At least one file could not be restored or written.",
    ExitCode.USAGE: "Invalid options, or the device is not available.",
    ExitCode.NO_INPUT: "No input was found.",
    ExitCode.OUTPUT_EXISTS: "The output already exists.",
    ExitCode.MODEL: "The model is missing, altered, or of another version.",
    ExitCode.NOTHING_TO_RESTORE: "The only input has lost too little to be restored; it is unchanged.",
    ExitCode.INTERRUPTED: "Interrupted by Ctrl-C, by SIGTERM, or because the terminal was closed.",
}


def _commands() -> Iterator[tuple[str, Any]]:
    """Yield every command, and before it the words that run it, the default command first."""
    from mp3restore.cli.app import app  # noqa: PLC0415 - it has a command that needs this module's neighbours

    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from ((f"mp3restore {name} {inner}", each) for inner, each in command.commands.items())
        else:
            yield ("mp3restore" if name == "restore" else f"mp3restore {name}"), command


def _synopsis(title: str, command: Any) -> str:  # noqa: ANN401 - of Click's, which Typer hides
    arguments = [_value(each) for each in command.params if each.param_type_name == "argument"]
    return " ".join([title, "[OPTIONS]", *arguments])


def _value(parameter: Any) -> str:  # noqa: ANN401
    """Return a placeholder for a parameter's value; the one in --help depends on the version of Typer."""
    value = str(parameter.metavar or parameter.name.upper())
    return f"{value}..." if parameter.nargs == -1 else value


def _rows(command: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    """Yield the name and the help text of each argument and option."""
    for parameter in command.params:
        text = " ".join((parameter.help or "").split())
        if parameter.param_type_name == "argument":
            yield _value(parameter), text
            continue
        names = ", ".join(parameter.opts) + "".join(f" / {name}" for name in parameter.secondary_opts)
        if not parameter.is_flag and not parameter.count:
            names += f" {_value(parameter)}"
            if parameter.default is not None and "default:" not in text:
                text += f" Default: {parameter.default}."
        yield names, text
    yield "--help", "Show the options and exit."


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def man_page() -> str:
    """Return the man page, in roff."""
    lines = ['.TH MP3RESTORE 1 "" "mp3restore" "User Commands"', ".SH NAME"]
    lines.append("mp3restore \\- restore the treble of heavily compressed MP3 music")
    for title, command in _commands():
        lines += [f'.SH "{title.upper()}"', ".nf", f".B {_roff(_synopsis(title, command))}", ".fi", ".PP"]
        lines.append(_roff(" ".join(command.help.split())))
        for name, text in _rows(command):
            lines += [".TP", f".B {_roff(name)}", _roff(text)]
    lines.append('.SH "EXIT STATUS"')
    for code in ExitCode:
        lines += [".TP", f".B {code.value}", _roff(_EXIT[code])]
    return "\n".join(lines) + "\n"


def options_page() -> str:
    """Return the page of all commands and options, in Markdown."""
    lines = ["# Commands and options", ""]
    for title, command in _commands():
        lines += [f"## {title}", "", f"    {_synopsis(title, command)}", "", " ".join(command.help.split()), ""]
        lines += ["| Option | Meaning |", "|---|---|"]
        for name, text in _rows(command):
            cells = [cell.replace("|", "\\|") for cell in (name, text)]
            lines.append(f"| `{cells[0]}` | {cells[1]} |")
        lines.append("")
    lines += ["## Exit codes", "", "| Code | Meaning |", "|---|---|"]
    lines += [f"| {code.value} | {_EXIT[code]} |" for code in ExitCode]
    return "\n".join(lines) + "\n"


def write_manual() -> None:
    """Write both pages into the package."""
    (FOLDER / "mp3restore.1").write_text(man_page(), encoding="utf-8")
    (FOLDER / "options.md").write_text(options_page(), encoding="utf-8")


if __name__ == "__main__":
    write_manual()
