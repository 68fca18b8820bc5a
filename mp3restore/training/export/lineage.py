"""How much training went into the weights of a run: its own, and that of the runs that it started from."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from mp3restore.training.export.weights import read_training

__all__ = ["record_start", "training_so_far"]

_BEFORE = "before.json"


def record_start(run: Path, start: Path) -> None:
    """Record in a new run how much training its starting weights, a checkpoint or a model folder, had."""
    steps, hours = read_training(start) if start.is_dir() else training_so_far(start.parent)
    (run / _BEFORE).write_text(json.dumps({"steps": steps, "process_hours": hours}), encoding="utf-8")


def training_so_far(run: Path) -> tuple[int, float]:
    """Return steps and process-hours; the clock of the log restarts each time the run is resumed."""
    steps, seconds = 0, 0.0
    if (run / "log.csv").exists():
        with (run / "log.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for row, following in zip(rows, [*rows[1:], None], strict=True):
            if following is None or float(following["seconds"]) < float(row["seconds"]):
                seconds += float(row["seconds"]) * int(row["processes"])
            steps = int(row["step"])
    if (run / _BEFORE).exists():
        before = json.loads((run / _BEFORE).read_text(encoding="utf-8"))
        return steps + before["steps"], seconds / 3600 + before["process_hours"]
    return steps, seconds / 3600
