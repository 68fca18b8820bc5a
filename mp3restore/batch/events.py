"""What happens during a run, one object per event; ``--json`` writes them as lines.

A line has the number of the schema, the name of the event, and its fields. Later versions of this schema may add
fields, but neither drop nor change any.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from mp3restore.result import FileResult

__all__ = [
    "SCHEMA",
    "Done",
    "Event",
    "Failed",
    "Left",
    "Progressed",
    "Refused",
    "Skipped",
    "Started",
    "Summary",
    "event_json",
]

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Started:
    """Work on a result begins."""

    name: ClassVar[str] = "start"
    source: Path
    target: Path
    index: int
    """Number of the result in the plan, from 0."""
    total: int
    """Results in the plan."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """Part of a file is done."""

    name: ClassVar[str] = "progress"
    source: Path
    index: int
    done_s: float
    """Seconds of music that are done."""
    total_s: float | None
    """Seconds there are, as far as that is known."""


@dataclass(frozen=True, slots=True)
class Done:
    """A result is written."""

    name: ClassVar[str] = "done"
    source: Path
    target: Path
    index: int
    action: str
    """What was done: "restore" or "overwrite"."""
    result: FileResult
    """Its fields are fields of the line."""


@dataclass(frozen=True, slots=True)
class Left:
    """There is nothing to restore in a source."""

    name: ClassVar[str] = "left"
    source: Path
    target: Path | None
    """The copy of it in the output folder, where there is one."""
    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A result is left as it is, or not made."""

    name: ClassVar[str] = "skipped"
    source: Path
    target: Path
    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A result could not be made."""

    name: ClassVar[str] = "failed"
    source: Path
    target: Path
    index: int
    error: str
    """What is wrong with which file, and what to do about it."""
    exit_code: int
    """Exit code that a run for this file alone would have."""
    trace: str = ""
    """Traceback, where the fault is ours."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was begun: the plan, the model or the options are not right. Comes as "failed", but of no file."""

    name: ClassVar[str] = "failed"
    error: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The run is over."""

    name: ClassVar[str] = "summary"
    done: int = 0
    left: int = 0
    """Sources with nothing to restore."""
    copied: int = 0
    """How many of these were copied to the output folder."""
    skipped: int = 0
    failed: int = 0
    not_started: int = 0
    audio_s: float = 0.0
    """Seconds of music that were restored."""
    elapsed_s: float = 0.0
    result_bytes: int = 0
    """Size of the results that were restored, as far as they lie on this machine."""
    failures: tuple[Failed, ...] = field(default=())


Event = Started | Progressed | Done | Left | Skipped | Failed | Summary


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever an event holds
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, int | float | str) else str(value)


def event_json(event: Event | Refused) -> str:
    """Write an event as one line of JSON, in ASCII."""
    values = asdict(event)
    result = values.pop("result", None) or {}
    return json.dumps({"schema": SCHEMA, "event": event.name, **_plain(result), **_plain(values)})
