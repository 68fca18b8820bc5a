"""The manifest of a listening test: the recordings to compare."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mp3restore.errors import InputError, NoInputError, UsageError

__all__ = ["ANCHOR", "MP3", "REFERENCE", "Item", "ListeningTest", "read_manifest"]

REFERENCE, ANCHOR, MP3 = "reference", "anchor", "mp3"
_RESERVED = (REFERENCE, ANCHOR, MP3)
_DEFAULT_SECONDS = 10.0
# Longer excerpts cannot be compared from memory: ITU-R BS.1534-3, section 5.1, asks for about 10 s, at most 12 s.
_LONGEST_SECONDS = 12.0
# With reference, anchor and MP3, at most 12 stimuli: ITU-R BS.1534-3, section 5.1.
_MOST_SYSTEMS = 9


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of music: the files of its versions, and the part of them in seconds."""

    name: str
    reference: Path
    mp3: Path
    systems: Mapping[str, Path]
    start: float
    duration: float

    @property
    def versions(self) -> dict[str, Path]:
        """Files by name, without the anchor, which the page computes."""
        return {REFERENCE: self.reference, MP3: self.mp3, **self.systems}


@dataclass(frozen=True, slots=True)
class ListeningTest:
    """A listening test; all items have the same systems."""

    title: str
    items: tuple[Item, ...]


def read_manifest(path: Path) -> ListeningTest:
    """Read a manifest: JSON with a ``title`` and ``items``.

    An item has a ``name``, the files ``reference`` (the recording that the MP3 was made from) and ``mp3``, and
    ``systems``: files by the name of the system. ``start`` (by default 0) and ``duration`` (by default 10, at most 12)
    are in seconds. File names are relative to the manifest.

    Raises
    ------
    NoInputError
        If the file does not exist.
    InputError
        If it cannot be read, lacks an entry, or contradicts itself.
    UsageError
        If an item has too many systems, a reserved name, or an impossible part.
    """
    if not path.is_file():
        raise NoInputError("no such file", path=path)
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        test = ListeningTest(str(tree["title"]), tuple(_item(each, path.parent) for each in tree["items"]))
    except KeyError as error:
        raise InputError(f"{error} is missing", path=path, hint="see the README for a manifest") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"is not a manifest of a listening test: {error}", path=path) from error
    if not test.items:
        raise InputError("the manifest has no items", path=path)
    systems = [set(item.systems) for item in test.items]
    if any(each != systems[0] for each in systems):
        raise InputError("the items do not have the same systems", path=path)
    names = [item.name for item in test.items]
    if len(set(names)) < len(names):
        raise InputError("two items have the same name", path=path)
    return test


def _item(tree: Any, folder: Path) -> Item:  # noqa: ANN401 - whatever the file holds
    systems = {str(name): folder / file for name, file in tree["systems"].items()}
    if not 1 <= len(systems) <= _MOST_SYSTEMS:
        raise UsageError(f"an item must have 1 to {_MOST_SYSTEMS} systems, not {len(systems)}")
    if reserved := set(systems) & set(_RESERVED):
        raise UsageError(f"a system cannot be called '{min(reserved)}'")
    start, duration = float(tree.get("start", 0.0)), float(tree.get("duration", _DEFAULT_SECONDS))
    if start < 0 or not 0 < duration <= _LONGEST_SECONDS:
        raise UsageError(f"a part must start at 0 s or later, and be at most {_LONGEST_SECONDS:g} s long")
    return Item(str(tree["name"]), folder / tree["reference"], folder / tree["mp3"], systems, start, duration)
