"""The analysis of a listening test as text and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from mp3restore.listening.analysis import AbxResult, Analysis
from mp3restore.views.plot import import_figures

__all__ = ["abx_text", "plot_scores", "ratings_text"]


def ratings_text(analysis: Analysis) -> str:
    """Return tables of scores and comparisons."""
    lines = [f"{len(analysis.kept)} listeners; screened out: {', '.join(analysis.screened_out) or 'none'}", ""]
    width = max(len(score.system) for score in analysis.scores)
    lines.append(f"{'system':<{width}}  mean  95 % confidence")
    for score in analysis.scores:
        interval = "needs two listeners" if score.low is None else f"{score.low:5.1f} to {score.high:5.1f}"
        lines.append(f"{score.system:<{width}} {score.mean:5.1f}  {interval}")
    if analysis.comparisons:
        lines += ["", f"{'paired Wilcoxon test':<{2 * width + 3}}  difference       p  p (Holm)"]
    for pair in analysis.comparisons:
        names = f"{pair.first} - {pair.second}"
        lines.append(f"{names:<{2 * width + 3}}  {pair.difference:10.1f}  {pair.p:6.4f}    {pair.p_holm:6.4f}")
    return "\n".join(lines)


def abx_text(results: Sequence[AbxResult]) -> str:
    """Return the ABX results, one line per pair."""
    return "\n".join(
        f"{each.item}: {each.a} / {each.b}: {each.correct} of {each.trials} correct, p = {each.p:.4f}"
        for each in results
    )


def plot_scores(analysis: Analysis, file: BinaryIO, *, picture: str = "png", title: str = "") -> None:
    """Draw mean scores with their 95 % confidence intervals, and each listener's scores as dots.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    figure = import_figures().Figure(figsize=(1.5 + 1.1 * len(analysis.scores), 4.5), layout="constrained")
    axes = figure.add_subplot()
    for place, score in enumerate(analysis.scores):
        spread = place + np.linspace(-0.15, 0.15, len(score.listeners))
        axes.plot(spread, score.listeners, ".", color="#999999", markersize=4)
        half = 0.0 if score.high is None else score.high - score.mean
        axes.errorbar(place, score.mean, yerr=half, fmt="o", color="#8a3300", capsize=5, linewidth=2)
    axes.set_xticks(range(len(analysis.scores)))
    # Names of systems are not formulae.
    for score, label in zip(analysis.scores, axes.set_xticklabels([s.system for s in analysis.scores]), strict=True):
        label.set(parse_math=False, text=score.system, rotation=20)
    axes.set(ylim=(0, 100), ylabel="MUSHRA score, mean and 95 % confidence")
    axes.set_title(title, parse_math=False)
    axes.grid(axis="y", alpha=0.3)
    figure.savefig(file, format=picture, dpi=120)
