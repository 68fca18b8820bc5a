"""What a clip is like beside its original, and whether draws differ as originals would: numbers, and their means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mp3restore.training.evaluation.levels import (
    POOLS,
    REGIONS,
    band_powers,
    errors_above,
    level_error,
    rank_counts,
    spread,
)
from mp3restore.training.evaluation.likeness import kernel_distance, patches
from mp3restore.training.evaluation.stripes import fine_structure, in_common
from mp3restore.training.evaluation.texture import attack_sharpness, multi_mel_snr, tonal_share
from mp3restore.training.networks.known import GUARD_HZ

__all__ = [
    "Features",
    "describe",
    "describe_draws",
    "features",
    "summarise_character",
    "summarise_likeness",
    "summarise_spread",
]

Row = dict[str, Any]

_HIGHEST_HZ = 20000.0
_LEAST_TREBLE_HZ = 1500.0  # above the edge, or there is nothing to describe
_RANK_POOLS = (16, 0)
_BEST_POOL = 16


@dataclass(frozen=True, slots=True)
class Features:
    """What only a set of clips can be judged by: see `likeness.patches` and `stripes.fine_structure`."""

    patches: NDArray[np.float32]
    fine_structure: NDArray[np.float64]


def features(signal: NDArray[np.float32], *, sample_rate: int, edge_hz: float, bandwidth_hz: float) -> Features:
    """Return the features of a signal (channels, samples); frequencies as for `describe`."""
    highest = min(bandwidth_hz - GUARD_HZ, _HIGHEST_HZ)
    fine = fine_structure(signal, sample_rate, edge_hz, highest)
    return Features(patches(signal, sample_rate, bandwidth_hz), fine)


def describe(
    original: NDArray[np.float32],
    other: NDArray[np.float32],
    *,
    sample_rate: int,
    edge_hz: float,
    bandwidth_hz: float,
) -> Row:
    """Levels, attacks and tones above the edge of an MP3, of a signal and of its original.

    Parameters
    ----------
    original, other : ndarray of float32
        Signals, (channels, samples) each, aligned.
    sample_rate : int
        In Hz.
    edge_hz, bandwidth_hz : float
        In Hz, as for `levels.band_powers`.

    Returns
    -------
    dict
        ``levels`` (see `levels.level_error`), ``mel_snr`` in dB, and where there is room for treble ``attack`` in dB
        and ``tonal``, a share, each with the value of the original.
    """
    bands = band_powers(original, [other], sample_rate=sample_rate, edge_hz=edge_hz, bandwidth_hz=bandwidth_hz)
    mel_snr = multi_mel_snr(original, other, bandwidth_hz, sample_rate)
    result: Row = {"levels": level_error(bands), "mel_snr": mel_snr}
    highest = min(bandwidth_hz - GUARD_HZ, _HIGHEST_HZ, sample_rate / 2)
    if edge_hz + _LEAST_TREBLE_HZ < highest:
        result["attack"] = [attack_sharpness(s, sample_rate, edge_hz) for s in (original, other)]
        result["tonal"] = [tonal_share(s, sample_rate, edge_hz, highest) for s in (original, other)]
    return result


def describe_draws(
    original: NDArray[np.float32],
    outputs: tuple[NDArray[np.float32], Sequence[NDArray[np.float32]]],
    rng: np.random.Generator,
    *,
    sample_rate: int,
    edge_hz: float,
    bandwidth_hz: float,
) -> Row:
    """Compare a plain run and draws with the original.

    Parameters
    ----------
    original : ndarray of float32
        Shape (channels, samples).
    outputs : tuple
        The plain run, and two draws or more.
    rng : numpy.random.Generator
        Breaks ties between ranks.
    sample_rate : int
        In Hz.
    edge_hz, bandwidth_hz : float
        In Hz, as for `levels.band_powers`.

    Returns
    -------
    dict
        ``spread`` (see `levels.spread`), ``ranks`` of the original among the draws at 16 frames and as a whole, and
        ``off``, how far plain run and best draw are from the original above the edge, in dB, if there is anything.
    """
    plain, draws = outputs
    levels = band_powers(original, [plain, *draws], sample_rate=sample_rate, edge_hz=edge_hz, bandwidth_hz=bandwidth_hz)
    of_draws = replace(levels, others=levels.others[1:])
    off = errors_above(levels, _BEST_POOL)
    return {
        "spread": list(spread(of_draws)),
        "ranks": {str(pool): rank_counts(of_draws, pool, rng).tolist() for pool in _RANK_POOLS},
        "off": [off[0], min(off[1:])] if off else [],
    }


def summarise_character(rows: Iterable[Row]) -> list[Row]:
    """One row per condition and system of rows that have a ``character``.

    ``level_median`` is the median error of bands in dB, ``level_power`` the error of their mean power in dB; the others
    are means of clips, those of the original beside them. ``sibilants``, of clips with voices, see `sibilant_error`.
    """
    grouped: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if "character" in row:
            grouped[row["condition"], row["system"]].append(row["character"])
    result = []
    for (condition, system), found in grouped.items():
        summary: Row = {"condition": condition, "system": system, "clips": len(found)}
        summary["mel_snr"] = fmean(each["mel_snr"] for each in found)
        if bands := [band for each in found for band in each["levels"]]:
            powers = [sum(band[name] for band in bands) for name in ("restored", "original")]
            summary["level_median"] = float(np.median([band["error_db"] for band in bands]))
            summary["level_power"] = 10 * float(np.log10((powers[0] + 1e-12) / (powers[1] + 1e-12)))
        for name in ("attack", "tonal"):
            if pairs := [each[name] for each in found if name in each]:
                summary[f"{name}_original"], summary[name] = (fmean(p[k] for p in pairs) for k in (0, 1))
        if errors := [each["sibilants"] for each in found if each.get("sibilants")]:
            summary["sibilants"] = [fmean(error[k] for error in errors) for k in (0, 1)]
        result.append(summary)
    return result


def summarise_spread(found: Iterable[Row]) -> list[Row]:
    """One row per condition: spread over error in each region, by pool, shares of ranks, and how the best draw fares.

    ``best_wins`` is the share of clips on which the best draw is nearer to the original than the plain run, and
    ``best_ahead`` by how many dB in the mean; None where no clip has anything above the edge.
    """
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in found:
        grouped[row["condition"]].append(row["draws"])
    result = []
    for condition, rows in grouped.items():
        summary: Row = {"condition": condition, "clips": len(rows)}
        for region in REGIONS:
            ratios = []
            for pool in POOLS:
                mine = [s for row in rows for s in row["spread"] if s[0] == region and s[1] == pool]
                off = sum(s[3] for s in mine)
                ratios.append(sum(s[2] for s in mine) / off if off else None)
            summary[region] = ratios
        for pool in _RANK_POOLS:
            counts = np.sum([row["ranks"][str(pool)] for row in rows], axis=0)
            summary[f"ranks_{pool}"] = (counts / max(1, counts.sum())).round(3).tolist()
        ahead = [plain - best for plain, best in (row["off"] for row in rows if row["off"])]
        summary["best_wins"] = fmean(each > 0 for each in ahead) if ahead else None
        summary["best_ahead"] = fmean(ahead) if ahead else None
        result.append(summary)
    return result


def summarise_likeness(found: dict[str, dict[str, list[Features]]]) -> dict[str, dict[str, Row]]:
    """Return ``kernel``, the distance to the originals, and ``stripes`` of each system, by condition.

    `found` has the features of clips by condition and system. The originals have stripes too, but no distance.
    """
    return {
        condition: {name: _likeness(systems["original"], mine) for name, mine in systems.items()}
        for condition, systems in found.items()
    }


def _likeness(originals: list[Features], others: list[Features]) -> Row:
    result: Row = {"stripes": in_common([each.fine_structure for each in others])}
    if others is not originals:
        sets = (np.concatenate([each.patches for each in clips]) for clips in (originals, others))
        result["kernel"] = kernel_distance(*sets)
    return result
