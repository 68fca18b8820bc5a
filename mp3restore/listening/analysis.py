"""Statistics of listening tests: which listeners are screened out, how the others rate, and with what confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mp3restore.errors import InputError
from mp3restore.listening.design import ANCHOR, REFERENCE
from mp3restore.listening.results import AbxRun, Ratings

__all__ = ["AbxResult", "Analysis", "Comparison", "SystemScore", "abx_results", "analyse", "is_reliable"]

# ITU-R BS.1534-3, section 4.1.2 (post-screening).
_SCREENING_SCORE = 90.0
_SCREENING_SHARE = 0.15
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class SystemScore:
    """Mean score of a system over listeners, and its 95 % confidence interval (None with a single listener)."""

    system: str
    mean: float
    low: float | None
    high: float | None
    listeners: tuple[float, ...]
    """Mean scores of the listeners."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Paired Wilcoxon test of two systems: mean difference, p, and p after Holm's correction for all pairs."""

    first: str
    second: str
    difference: float
    p: float
    p_holm: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """The outcome of a MUSHRA test; systems from best to worst."""

    kept: tuple[str, ...]
    screened_out: tuple[str, ...]
    scores: tuple[SystemScore, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class AbxResult:
    """Number of correct answers in all runs of a pair, and the probability of at least as many by guessing."""

    item: str
    a: str
    b: str
    trials: int
    correct: int
    p: float


def is_reliable(ratings: Ratings) -> bool:
    """Return whether a listener passes the post-screening of ITU-R BS.1534-3, section 4.1.2.

    A listener is screened out for rating the hidden reference below 90 in more than 15 % of the items, or an anchor
    above 90 in more than 15 %. (The Recommendation refers to the mid-range anchor; a test here has only the low-range
    one.)
    """
    reference = [scores[REFERENCE] < _SCREENING_SCORE for scores in ratings.scores.values()]
    anchor = [scores[ANCHOR] > _SCREENING_SCORE for scores in ratings.scores.values()]
    return bool(max(np.mean(reference), np.mean(anchor)) <= _SCREENING_SHARE)


def analyse(ratings: Sequence[Ratings]) -> Analysis:
    """Analyse the ratings of a MUSHRA test.

    The unit is the listener: scores are averaged over the items first, because a listener's ratings of several items
    are not independent. Confidence intervals follow Student's t distribution.

    Raises
    ------
    InputError
        If no listener passes the screening.
    """
    kept = [each for each in ratings if is_reliable(each)]
    if not kept:
        raise InputError(f"none of the {len(ratings)} listeners passes the post-screening of ITU-R BS.1534-3")
    systems = sorted(next(iter(kept[0].scores.values())))
    means = {
        system: np.array([np.mean([scores[system] for scores in each.scores.values()]) for each in kept])
        for system in systems
    }
    order = sorted(systems, key=lambda system: -float(means[system].mean()))
    return Analysis(
        tuple(each.listener for each in kept),
        tuple(each.listener for each in ratings if each not in kept),
        tuple(_score(system, means[system]) for system in order),
        tuple(_compare([(a, b) for a, b in combinations(order, 2) if len(kept) > 1], means)),
    )


def _score(system: str, means: NDArray[np.float64]) -> SystemScore:
    mean, low, high = float(means.mean()), None, None
    if len(means) > 1:
        half = float(stats.t.ppf((1 + _CONFIDENCE) / 2, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means)))
        low, high = mean - half, mean + half
    return SystemScore(system, mean, low, high, tuple(means.tolist()))


def _compare(pairs: Sequence[tuple[str, str]], means: dict[str, NDArray[np.float64]]) -> list[Comparison]:
    values = [_wilcoxon(means[a] - means[b]) for a, b in pairs]
    corrected = _holm(values)
    return [
        Comparison(a, b, float(np.mean(means[a] - means[b])), p, p_holm)
        for (a, b), p, p_holm in zip(pairs, values, corrected, strict=True)
    ]


def _wilcoxon(differences: NDArray[np.float64]) -> float:
    """Return the two-sided p of the signed-rank test; 1.0 if nothing differs."""
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences, zero_method="zsplit").pvalue)


def _holm(values: Sequence[float]) -> list[float]:
    """Correct p values for multiple comparisons, step by step from the smallest (Holm 1979)."""
    corrected = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda k: values[k])):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = highest
    return corrected


def abx_results(runs: Sequence[AbxRun]) -> list[AbxResult]:
    """Add up the runs of each pair, and test them against guessing (binomial, one-sided)."""
    sums: dict[tuple[str, str, str], list[int]] = {}
    for run in runs:
        total = sums.setdefault((run.item, *sorted((run.a, run.b))), [0, 0])  # type: ignore[arg-type]
        total[0] += run.trials
        total[1] += run.correct
    return [
        AbxResult(*key, trials, correct, float(stats.binomtest(correct, trials, alternative="greater").pvalue))
        for key, (trials, correct) in sums.items()
    ]
