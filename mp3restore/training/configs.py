"""Configurations of runs: dataclasses in the code, JSON files beside the checkpoints."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from mp3restore.errors import UsageError

__all__ = ["read_config", "updated"]

_Config = TypeVar("_Config")


def updated(config: _Config, values: dict[str, Any]) -> _Config:
    """Return `config` with some values changed, including values of configurations inside it.

    Raises
    ------
    UsageError
        If a value does not exist.
    """
    assert is_dataclass(config) and not isinstance(config, type)  # noqa: S101, PT018 - types cannot express this
    names = {f.name for f in fields(config)}
    for name in values:
        if name not in names:
            raise UsageError(
                f"{type(config).__name__} has no value {name!r}", hint=f"it has {', '.join(sorted(names))}"
            )
    changes: dict[str, Any] = {}
    for name, value in values.items():
        before = getattr(config, name)
        if is_dataclass(before) and not isinstance(before, type):
            changes[name] = updated(before, value)
        else:
            changes[name] = tuple(value) if isinstance(value, list) else value
    return replace(config, **changes)


def read_config(path: Path, config: _Config) -> _Config:
    """Return `config` with the values of a JSON file, such as a run's ``config.json`` or a part of it.

    Raises
    ------
    UsageError
        If the file is not a JSON object, or names unknown values.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the configuration: {error}", path=path) from error
    if not isinstance(values, dict):
        raise UsageError("the configuration is not a JSON object", path=path)
    return updated(config, values)
