"""Explain mistakes on the command line in plain words, instead of those of the libraries that find them."""

from __future__ import annotations

import difflib
import re
from typing import Any

import typer

__all__ = ["CommandLineError", "usage_message"]

CommandLineError: type[Exception] = typer.BadParameter.__mro__[1]
"""Base class of the errors for all mistakes on the command line; Typer does not export it."""

# By the type of error from Pydantic, with which Typer reads values.
_EXPECTED = {
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_parsing": "is not a number",
    "bool_parsing": "is neither yes nor no",
    "greater_than_equal": "is below {ge}",
    "less_than_equal": "is above {le}",
    "greater_than": "is not above {gt}",
    "less_than": "is not below {lt}",
}

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
    for pattern, words in _REPLACED:
        if found := re.fullmatch(pattern, text):
            return words.format(found[1])
    return text[:1].lower() + text[1:]


def _name(error: Exception) -> str:
    parameter: Any = getattr(error, "param", None)
    if parameter is None:
        return "the command line"
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper()).strip("[]{}.")
    return str(next((name for name in parameter.opts if name.startswith("--")), parameter.opts[0]))


def _value(error: Exception, text: str) -> str:
    details = getattr(error.__cause__, "errors", None)
    if callable(details):
        first = details()[0]
        if first["type"] in _EXPECTED:
            return f"'{first['input']}' {_EXPECTED[first['type']].format(**first.get('ctx') or {})}"
    return text.removeprefix("Value error, ")
