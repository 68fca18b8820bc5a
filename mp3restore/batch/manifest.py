"""The list of finished results in an output folder, by which a later run knows what is done and how it was made.

``mp3restore.jsonl`` holds one JSON object a line, and only ever grows: a run that is killed loses at most the line
that it was writing. Of several lines for one result the last one counts.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["MANIFEST_NAME", "Entry", "Recipe", "append_entry", "read_manifest"]

MANIFEST_NAME = "mp3restore.jsonl"
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what a result holds; equal recipes give equal files.

    Attributes
    ----------
    input_sha256 : str
        Hash of the source.
    model_sha256 : str
        Hash of the network.
    version : str
        Version of this package without the last number, which never stands for another sound.
    options : dict
        Seed, variant, format and everything else that was asked for.
    """

    input_sha256: str
    model_sha256: str
    version: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished result.

    Attributes
    ----------
    target : str
        The file, as seen from the folder of the manifest, with forward slashes.
    source : str
        What it was made from.
    output_sha256 : str
        Hash of the result, by which a later run sees that nobody has changed it.
    recipe : Recipe
        How it was made.
    """

    target: str
    source: str
    output_sha256: str
    recipe: Recipe


def _parse(line: str) -> Entry | None:
    """Read one line; None for what a killed run, another program, or a later version has left."""
    try:
        values = json.loads(line)
        if values.pop("schema") != _SCHEMA:
            return None
        entry = Entry(**{**values, "recipe": Recipe(**values["recipe"])})
        usable = b"\0" not in os.fsencode(entry.target) + os.fsencode(entry.source)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return entry if usable else None


def read_manifest(folder: Path) -> dict[str, Entry]:
    """Read the finished results of a folder, by target; empty where there is no manifest.

    Raises
    ------
    OSError
        If there is one that cannot be read.
    """
    path = folder / MANIFEST_NAME
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", errors="replace") as file:
        entries = [entry for line in file if (entry := _parse(line)) is not None]
    return {entry.target: entry for entry in entries}


def append_entry(folder: Path, entry: Entry) -> None:
    """Note a finished result.

    Raises
    ------
    OSError
        If the manifest cannot be written.
    """
    line = json.dumps({"schema": _SCHEMA, **asdict(entry)}) + "\n"
    with (folder / MANIFEST_NAME).open("a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # what a killed run has left of its last line
                line = "\n" + line
        file.write(line.encode())
