"""Names of results by a template of the user."""

from __future__ import annotations

import string
from collections.abc import Mapping
from pathlib import PurePath, PurePosixPath, PureWindowsPath

from mp3restore.errors import UsageError

__all__ = ["FIELDS", "check_template", "fill_template"]

FIELDS = ("stem", "parent", "relpath", "ext", "model", "seed", "variant")
_SAMPLE: Mapping[str, str | int] = dict.fromkeys(FIELDS, "x") | {"seed": 0, "variant": 1}


def check_template(template: str) -> None:
    """Refuse a template that cannot be filled, or that leads out of the output folder.

    Raises
    ------
    UsageError
        If it does.
    """
    try:
        fields = [(name, conversion) for _, name, _, conversion in string.Formatter().parse(template)]
    except ValueError as error:
        raise UsageError(f"the template cannot be read: {error}", hint="write {{ and }} for braces") from error
    for name, conversion in fields:
        if name is not None and (name not in FIELDS or conversion):
            raise UsageError(f"unknown field {{{name}}} in the template", hint=f"known are {', '.join(FIELDS)}")
    try:
        filled = template.format_map(_SAMPLE)
    except ValueError as error:
        raise UsageError(f"the template cannot be filled: {error}") from error
    if PurePosixPath(filled).is_absolute() or PureWindowsPath(filled).anchor or ".." in PurePosixPath(filled).parts:
        raise UsageError("the template leads out of the output folder", hint="name that folder with -o")
    if not filled.strip("./") or filled.endswith("/"):
        raise UsageError("the template names no file", hint="for instance '{relpath}/{stem}.{ext}'")


def fill_template(template: str, values: Mapping[str, str | int]) -> PurePath:
    """Fill a template that `check_template` has passed; the path is relative.

    Fields but `relpath` cannot bring in folders of their own, and an empty `relpath` leaves no trace.
    """
    safe = {
        name: value if isinstance(value, int) or name == "relpath" else value.replace("/", "_")
        for name, value in values.items()
    }
    return PurePath(*PurePosixPath("./" + template.format_map(safe)).parts)
