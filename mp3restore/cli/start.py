"""The value of ``--preview``, which may be missing: when the part begins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import typer

__all__ = ["PreviewStart", "read_start", "with_start"]

_OPTION = "--preview"
_CHOSEN = "auto"  # the value that stands for a missing one
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?)")


@dataclass(frozen=True, slots=True)
class PreviewStart:
    """When a preview begins, in seconds; None where the program chooses."""

    seconds: float | None


def with_start(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with a value behind every ``--preview``; only a time is taken for one, and not a name."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    for place in [k for k, word in enumerate(words[:end]) if word == _OPTION]:
        if place + 1 == len(words) or not _TIME.fullmatch(words[place + 1]):
            words[place] = f"{_OPTION}={_CHOSEN}"
    return words


def read_start(text: str) -> PreviewStart:
    """Read seconds, minutes and seconds, or hours, minutes and seconds, with colons between them."""
    if text == _CHOSEN:
        return PreviewStart(None)
    found = _TIME.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"'{text}' is not a time; write seconds, or minutes and seconds as 1:30")
    hours, minutes, seconds = (float(each or 0) for each in found.groups())
    return PreviewStart(hours * 3600 + minutes * 60 + seconds)
