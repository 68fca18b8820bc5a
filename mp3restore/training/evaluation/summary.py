"""Summarise the scores of clips: means, changes against the MP3, shares of improved clips, worst clips."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Any

import numpy as np

from mp3restore.training.evaluation.diversity import REGIONS
from mp3restore.training.evaluation.metrics import HIGHER_IS_BETTER, METRICS
from mp3restore.training.evaluation.systems import SYSTEMS

__all__ = ["GROUPINGS", "TOLERANCE", "summarise", "summarise_diversity"]

Row = dict[str, Any]

# Loss in a metric that still counts as no worse. SI-SDR must fall when energy of unknown phase is filled in.
TOLERANCE = {"si_sdr": 0.5}

_LOW_KBPS = 64


def _rates(row: Row) -> str:
    return f"up to {_LOW_KBPS} kbit/s" if 0 < row["kbps"] <= _LOW_KBPS else f"above {_LOW_KBPS} kbit/s"


GROUPINGS: dict[str, Callable[[Row], str]] = {
    "encoder": lambda row: f"{row['encoder']}, {_rates(row)}",
    "channels": lambda row: f"{'mono' if row['mono'] else 'stereo'}, {_rates(row)}",
    "genre": lambda row: f"{row['genre'] or 'unknown'}, {_rates(row)}",
}
"""Ways to group the compressed clips, other than by condition."""


def summarise(rows: Iterable[Row], label: Callable[[Row], str] = lambda row: str(row["condition"])) -> list[Row]:
    """Return one row per group (``condition``) and system, in the order of first appearance and of `SYSTEMS`.

    For every metric that all clips have, a row has the mean; ``_change``, the mean change against the MP3 of the same
    clips, positive if better; ``_improved``, the share of clips that got better or lost no more than `TOLERANCE`; and
    ``_worst``, the clip with the least ``gain``.
    """
    grouped: dict[str, dict[str, dict[tuple[str, str], Row]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        grouped[label(row)][row["system"]][row["condition"], row["clip"]] = row
    result = []
    for group, systems in grouped.items():
        for system in SYSTEMS:
            if mine := systems.get(system):
                keys = sorted(mine)
                about = {"condition": group, "system": system, "clips": len(keys)}
                pairs = [(mine[key], systems["mp3"][key]) for key in keys]
                result.append(about | _changes(pairs))
    return result


def _changes(pairs: list[tuple[Row, Row]]) -> Row:
    """Return the numbers of one system, from its rows and those of the MP3."""
    result: Row = {}
    for metric in METRICS:
        if any(metric not in mine for mine, _ in pairs):
            continue
        sign = 1 if HIGHER_IS_BETTER[metric] else -1
        gains = [sign * (mine[metric] - plain[metric]) for mine, plain in pairs]
        worst = int(np.argmin(gains))
        result[metric] = fmean(mine[metric] for mine, _ in pairs)
        result[f"{metric}_change"] = fmean(gains)
        result[f"{metric}_improved"] = fmean(g > -TOLERANCE.get(metric, 0.0) for g in gains)
        result[f"{metric}_worst"] = {"clip": pairs[worst][0]["clip"], "gain": gains[worst]}
    return result


def summarise_diversity(found: Iterable[Row]) -> list[Row]:
    """Return one row per condition: the ratio of distances by region."""
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in found:
        grouped[row["condition"]].append(row)
    result = []
    for condition, rows in grouped.items():
        summary: Row = {"condition": condition, "clips": len(rows)}
        for region in REGIONS:
            there = [row["distances"][region] for row in rows if region in row["distances"]]
            # If the tool changes nothing, the draws do not differ from the original.
            off = fmean(d["off"] for d in there) if there else 0.0
            summary[region] = fmean(d["apart"] for d in there) / off if off else None
        result.append(summary)
    return result
