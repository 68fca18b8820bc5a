"""Explain mistakes on the command line in plain words, instead of those of the libraries that find them."""

from __future__ import annotations

import difflib
import re
from typing import Any

import typer

__all__ = ["CommandLineError", "usage_message"]

CommandLineError: type[Exception] = typer.BadParameter.__mro__[1]
"""Base class of the errors for all mistakes on the command line; Typer does not export it."""

_VALUES = (
    (r"('.*') is not a valid int", "{} is not a whole number"),
    (r"('.*') is not a valid float", "{} is not a number"),
    (r"('.*') is not a valid boolean.*", "{} is neither yes nor no"),
)

_REPLACED = (
    (r"Got unexpected extra argument.*? \((.*)\)", "'{}' is one argument too many"),
    (r"No such command '(.*?)'.*", "there is no command '{}'"),
    (r"Option '(.*)' requires an argument", "{} needs a value"),
)


def usage_message(error: Exception) -> str:
    """Return one line that says what is wrong with a command line, and what to do."""
    command = "mp3restore" if (context := getattr(error, "ctx", None)) is None else _command(context)
    return f"mp3restore: {_what(error)} ({command} -h lists the options)"


def _command(context: Any) -> str:  # noqa: ANN401 - of Click's, which Typer hides
    words: str = context.command_path
    return words.removesuffix(" restore")


def _parameters(error: Exception) -> list[Any]:
    context: Any = getattr(error, "ctx", None)
    return [] if context is None else list(context.command.params)


def _what(error: Exception) -> str:
    kind, text = type(error).__name__, str(getattr(error, "message", error)).rstrip(".")
    if kind == "NoSuchOption":
        name = str(getattr(error, "option_name", ""))
        options = [each for p in _parameters(error) for each in (*p.opts, *p.secondary_opts)]
        likely = difflib.get_close_matches(name, options, n=1)
        return f"there is no option {name}{f'; did you mean {likely[0]}?' if likely else ''}"
    if kind == "MissingParameter":
        return f"{_name(error)} is missing"
    if kind == "BadParameter":
        origin = getattr(error, "origin", "")
        return f"{_name(error)}: {_value(error, text)}" + (f", from {origin}" if origin else "")
    return _reworded(text, _REPLACED) or text[:1].lower() + text[1:]


def _reworded(text: str, patterns: tuple[tuple[str, str], ...]) -> str | None:
    """Return the words of the first pattern that is all of the text; None if there is none."""
    for pattern, words in patterns:
        if found := re.fullmatch(pattern, text):
            return words.format(found[1])
    return None


def _name(error: Exception) -> str:
    parameter: Any = getattr(error, "param", None)
    if parameter is None:
        return "the command line"
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper()).strip("[]{}.")
    return str(next((name for name in parameter.opts if name.startswith("--")), parameter.opts[0]))


def _value(error: Exception, text: str) -> str:
    if words := _reworded(text, _VALUES):
        return words
    if found := re.fullmatch(r"(\S+) is not in the range .*", text):
        parameter: Any = getattr(error, "param", None)
        least, most = parameter.type.min, parameter.type.max
        below = least is not None and float(found[1]) < least
        return f"'{found[1]}' is {f'below {least}' if below else f'above {most}'}"
    return text
