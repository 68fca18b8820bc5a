"""The results that listeners send back, as plain data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mp3restore.errors import InputError, NoInputError
from mp3restore.listening.design import ANCHOR, REFERENCE

__all__ = ["FORMAT", "AbxRun", "Ratings", "Results", "read_results"]

FORMAT = "mp3restore-listening-test"
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Ratings:
    """The scores of one listener, 0 to 100, by item and system."""

    listener: str
    scores: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class AbxRun:
    """One listener's run of ABX trials with the versions `a` and `b`."""

    listener: str
    item: str
    a: str
    b: str
    trials: int
    correct: int


@dataclass(frozen=True, slots=True)
class Results:
    """All results of one test."""

    title: str
    ratings: list[Ratings]
    runs: list[AbxRun]


def read_results(paths: Iterable[Path]) -> Results:
    """Read the files of results that listeners downloaded.

    Raises
    ------
    NoInputError
        If a file does not exist.
    InputError
        If a file is not a result, or belongs to another test than the others, or a listener appears twice.
    """
    titles: dict[str, str] = {}
    ratings: list[Ratings] = []
    runs: list[AbxRun] = []
    for path in paths:
        if not path.is_file():
            raise NoInputError("no such file", path=path)
        try:
            tree = json.loads(path.read_text(encoding="utf-8"))
            if (tree["format"], tree["schema"]) != (FORMAT, _SCHEMA):
                raise InputError("has another format", path=path)
            titles[tree["test"]] = str(tree["title"])
            if tree["mode"] == "abx":
                runs += [_run(str(tree["listener"]), each) for each in tree["runs"]]
            else:
                ratings.append(_ratings(str(tree["listener"]), tree["trials"]))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"is not a result of a listening test: {_reason(error)}", path=path) from error
        if len(titles) > 1:
            raise InputError("is a result of another test than the files before it", path=path)
    names = [each.listener for each in ratings]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"there are two results of the listener '{min(twice)}'", hint="leave one of the files out")
    if any(_systems(each) != _systems(ratings[0]) for each in ratings):
        raise InputError("the results do not have the same items and systems")
    return Results("".join(titles.values()), ratings, runs)  # here there is exactly one title


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error) if isinstance(error, ValueError) else "its structure is different"


def _systems(ratings: Ratings) -> dict[str, set[str]]:
    return {item: set(scores) for item, scores in ratings.scores.items()}


def _ratings(listener: str, trials: Any) -> Ratings:  # noqa: ANN401 - whatever the file holds
    scores = {
        str(trial["item"]): {str(name): float(score) for name, score in trial["ratings"].items()} for trial in trials
    }
    for item in scores.values():
        if not {REFERENCE, ANCHOR} <= set(item) or not all(0 <= score <= 100 for score in item.values()):
            raise ValueError("ratings of all stimuli must be from 0 to 100")
    if not scores:
        raise ValueError("there are no ratings")
    return Ratings(listener, scores)


def _run(listener: str, tree: Any) -> AbxRun:  # noqa: ANN401
    answers = [bool(answer) for answer in tree["answers"]]
    if not answers:
        raise ValueError("there are no answers")
    return AbxRun(listener, str(tree["item"]), str(tree["a"]), str(tree["b"]), len(answers), sum(answers))
