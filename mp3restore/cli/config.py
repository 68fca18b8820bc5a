"""Options from files and the environment, and ``mp3restore config show``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from mp3restore.cli.streams import echo
from mp3restore.cli.terminal import one_line, user_errors
from mp3restore.errors import InputError, Mp3RestoreError, NoInputError, UsageError

__all__ = ["ENVIRONMENT_PREFIX", "ConfiguredCommand", "config_app", "load_config", "user_file"]

ENVIRONMENT_PREFIX = "MP3RESTORE"
# What belongs to a single run, or would duplicate another option.
_NOT_HERE = {"inputs", "files_from", "output", "config", "version", "help", "dry_run", "preview"}
_FILES = "mp3restore.files"  # where a context keeps which file each option is from

config_app = typer.Typer(help="Show where options come from.", no_args_is_help=True, add_completion=False)


class ConfiguredCommand(TyperCommand):
    """A command that says of a bad value where it comes from, if not from the command line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - a class of Click's, which Typer hides
        """Read the arguments, and name the environment or the file where a value of theirs is at fault."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            origin = "" if error.param is None else _origin(ctx, error.param)
            error.origin = "" if origin == "default" else origin  # type: ignore[attr-defined]
            raise


def user_file() -> Path:
    """The configuration file of the user, which need not exist."""
    import platformdirs  # noqa: PLC0415 - keeps --help quick

    return platformdirs.user_config_path("mp3restore", appauthor=False) / "config.toml"


def _key(parameter: Any) -> str:  # noqa: ANN401
    """Name of an option in files: the first long one, without dashes."""
    long: str = next(name for name in parameter.opts if name.startswith("--"))
    return long[2:]


def _options(command: Any) -> dict[str, Any]:  # noqa: ANN401
    """Parameters of a command that may be configured, by name."""
    return {_key(p): p for p in command.params if p.param_type_name == "option" and p.name not in _NOT_HERE}


def _origin(context: Any, parameter: Any) -> str:  # noqa: ANN401
    """Say where the value of a parameter comes from; empty for the command line."""
    source = context.get_parameter_source(parameter.name)
    if source is None or source.name in ("COMMANDLINE", "PROMPT"):
        return ""
    if source.name == "ENVIRONMENT":
        return f"environment, {parameter.envvar or f'{ENVIRONMENT_PREFIX}_{parameter.name.upper()}'}"
    return str(context.meta[_FILES][parameter.name]) if source.name == "DEFAULT_MAP" else "default"


def _read(path: Path, known: dict[str, Any]) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - only where there is a file to read

    try:
        values = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError as error:
        raise NoInputError("no such file", path=path) from error
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8", path=path, hint="save it as UTF-8") from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", path=path) from error
    except RecursionError as error:
        raise InputError("cannot be read: its values are nested too deeply", path=path) from error
    for name, value in values.items():
        if name not in known:
            raise UsageError(f"unknown option '{name}'", path=path, hint="'mp3restore config show' lists them all")
        if known[name].multiple and not isinstance(value, list):
            values[name] = [value]
    return values


def _has_user_file() -> bool:
    """Whether the user has one; a folder that may not be looked at has none."""
    return os.path.isfile(user_file())  # noqa: PTH113 - the method of paths raises there


def load_config(context: typer.Context, file: Path | None) -> Path | None:
    """Make what is configured in files the defaults of the command that is about to run.

    The command line beats the environment, which beats `file`, which beats the file of the user.
    """
    if context.resilient_parsing:  # only completing a line
        return file
    known = _options(context.command)
    defaults: dict[str, Any] = {}
    origins: dict[str, Path] = {}
    try:
        for path in [*([user_file()] if _has_user_file() else []), *([] if file is None else [file])]:
            for name, value in _read(path, known).items():
                defaults[known[name].name], origins[known[name].name] = value, path
    except Mp3RestoreError as error:
        raise typer.BadParameter(one_line(error)) from error
    context.default_map = defaults
    context.meta[_FILES] = origins
    return file


@config_app.command()
def show(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Also take options from this file.")] = None,
) -> None:
    """Show the value of every option, and where it comes from."""
    group: Any = context.find_root().command
    arguments = [] if config is None else ["--config", str(config)]
    found = group.commands["restore"].make_context("mp3restore", arguments)
    with user_errors():
        for name, parameter in _options(found.command).items():
            value = found.params[parameter.name]
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            echo(one_line(f"{name} = {'(none)' if shown in (None, '') else shown}  [{_origin(found, parameter)}]"))
        echo(one_line(f"file of the user: {user_file()}{'' if _has_user_file() else ' (does not exist)'}"))
