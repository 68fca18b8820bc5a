"""Options from files and the environment, and ``mp3restore config show``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from mp3restore.cli.terminal import one_line, user_errors
from mp3restore.errors import InputError, Mp3RestoreError, NoInputError, UsageError

__all__ = ["config_app", "load_config", "settings", "user_file"]

_PREFIX = "MP3RESTORE_"
# What is meant for one run only, or would make a second meaning of the same thing.
_NOT_HERE = {"inputs", "files_from", "output", "config", "version", "help", "dry_run"}

config_app = typer.Typer(help="Show where options come from.", no_args_is_help=True, add_completion=False)


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of an option, and where it comes from."""

    value: Any
    origin: str


def user_file() -> Path:
    """The configuration file of the user, which need not exist."""
    import platformdirs  # noqa: PLC0415 - keeps --help quick

    return platformdirs.user_config_path("mp3restore", appauthor=False) / "config.toml"


def _key(parameter: Any) -> str:  # noqa: ANN401 - of Click's, which Typer hides
    """Name of an option in files: the first long one, without dashes."""
    long: str = next(name for name in parameter.opts if name.startswith("--"))
    return long[2:]


def _options(command: Any) -> dict[str, Any]:  # noqa: ANN401
    """Parameters of a command that may be configured, by name."""
    return {_key(p): p for p in command.params if p.param_type_name == "option" and p.name not in _NOT_HERE}


def _read(path: Path, known: dict[str, Any]) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - only where there is a file to read

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NoInputError("no such file", path=path) from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", path=path) from error
    for name in values:
        if name not in known:
            raise UsageError(f"unknown option '{name}'", path=path, hint="'mp3restore config show' lists them all")
    return values


def _has_user_file() -> bool:
    """Whether the user has one; a folder that may not be looked at has none."""
    return os.path.isfile(user_file())  # noqa: PTH113 - the method of paths raises there


def settings(command: Any, file: Path | None) -> dict[str, Setting]:  # noqa: ANN401
    """Find the values of all options that may be configured.

    `file` beats the environment, which beats the file of the user, which beats the defaults.

    Raises
    ------
    Mp3RestoreError
        If a file cannot be read or has an option that there is not.
    """
    known = _options(command)
    found = {name: Setting(parameter.default, "default") for name, parameter in known.items()}
    if _has_user_file():
        found.update({k: Setting(v, str(user_file())) for k, v in _read(user_file(), known).items()})
    for name in known:
        variable = _PREFIX + name.upper().replace("-", "_")
        if os.environ.get(variable):
            found[name] = Setting(os.environ[variable], f"environment, {variable}")
    if file is not None:
        found.update({k: Setting(v, str(file)) for k, v in _read(file, known).items()})
    return found


def load_config(context: typer.Context, file: Path | None) -> Path | None:
    """Make what is configured the defaults of the command that is about to run."""
    if context.resilient_parsing:  # only completing a line
        return file
    try:
        found = settings(context.command, file)
    except Mp3RestoreError as error:
        raise typer.BadParameter(one_line(error)) from error
    known = _options(context.command)
    context.default_map = {
        known[name].name: setting.value for name, setting in found.items() if setting.origin != "default"
    }
    return file


@config_app.command()
def show(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Also take options from this file.")] = None,
) -> None:
    """Show the value of every option, and where it comes from."""
    with user_errors():
        group: Any = context.find_root().command
        for name, setting in settings(group.commands["restore"], config).items():
            value = setting.value() if callable(setting.value) else setting.value
            typer.echo(one_line(f"{name} = {'(none)' if value is None else value}  [{setting.origin}]"))
        typer.echo(one_line(f"file of the user: {user_file()}{'' if _has_user_file() else ' (does not exist)'}"))
