"""Score a model on held-out recordings, always next to the unprocessed MP3 and other systems."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from mp3restore.errors import UsageError
from mp3restore.generator.model import load_model
from mp3restore.generator.restorer import Restorer
from mp3restore.training.data.conditions import EVALUATION_CONDITIONS, Condition
from mp3restore.training.data.pairs import Pair, make_pair
from mp3restore.training.data.prepare import measure_bandwidth
from mp3restore.training.evaluation.character import (
    Features,
    describe,
    describe_draws,
    features,
    summarise_character,
    summarise_likeness,
    summarise_spread,
)
from mp3restore.training.evaluation.clips import (
    RHYTHMS,
    VOICES,
    Clip,
    choose_clips,
    choose_rhythms,
    choose_voices,
    read_clip,
)
from mp3restore.training.evaluation.diversity import distances, regions
from mp3restore.training.evaluation.metrics import Scorer
from mp3restore.training.evaluation.sibilants import sibilant_error
from mp3restore.training.evaluation.summary import GROUPINGS, summarise, summarise_diversity
from mp3restore.training.evaluation.systems import SYSTEMS, open_tool

if TYPE_CHECKING:
    from mp3restore.training.paper.restorer import PaperRestorer

__all__ = ["QUICK_CONDITIONS", "EvaluationConfig", "evaluate", "write_json"]

QUICK_CONDITIONS = ("lame-cbr16", "ffmpeg-cbr32", "lame-cbr32-mono", "ffmpeg-cbr64", "lame-cbr128")

_DESCRIBED = ("mp3", "restored", "variant")
"""Systems whose levels, attacks and tones are looked at."""


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """Options of an evaluation.

    Parameters
    ----------
    corpus : Path
        Folder of recordings, as for ``prepare``.
    model : str
        Name or folder of a model.
    split : str
        Split of the recordings to use.
    clips : int
        Largest number of clips, each from a different stretch, spread as evenly over the recordings as possible.
    full_clips : int
        Number of clips on which all systems are judged; on the others only the MP3, the paper's networks, and one draw
        of ours. In the `QUICK_CONDITIONS` all clips are drawn several times.
    voices : int
        Largest number of clips with sibilants, which are conditions of their own.
    hits : Path, optional
        Folder of drum hits, as for ``prepare``. Rhythms of them were never coded, and are conditions of their own.
    rhythms : int
        Number of rhythms.
    seconds : float
        Length of a clip.
    conditions : tuple of str
        Names of `EVALUATION_CONDITIONS`; all if empty.
    perceptual : bool
        Also compute ViSQOL and Zimtohrli.
    papers : tuple of Path
        Checkpoints of the paper's networks, at most one with z and one without.
    seed : int
        Seed of the random draw.
    """

    corpus: Path
    model: str
    split: str = "test"
    clips: int = 40
    full_clips: int = 4
    voices: int = 16
    hits: Path | None = None
    rhythms: int = 8
    seconds: float = 5.0
    conditions: tuple[str, ...] = ()
    perceptual: bool = True
    papers: tuple[Path, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = set(self.conditions) - {c.name for c in EVALUATION_CONDITIONS}
        if unknown:
            names = ", ".join(c.name for c in EVALUATION_CONDITIONS)
            raise UsageError(f"unknown condition: {', '.join(sorted(unknown))}", hint=f"the conditions are {names}")


@dataclass(frozen=True, slots=True)
class _Judgement:
    """Scores of one clip under one condition: rows of systems, distances of draws, and what only sets tell."""

    condition: str
    rows: list[dict[str, Any]]
    diversity: list[dict[str, Any]]
    features: dict[str, Features]


@lru_cache(maxsize=1)
def _restorer(model: str) -> Restorer:
    return Restorer(load_model(model), threads=1)


@lru_cache(maxsize=2)
def _paper(checkpoint: Path) -> PaperRestorer:
    # Only this system needs PyTorch, which takes seconds to load.
    import torch  # noqa: PLC0415

    from mp3restore.training.paper.restorer import PaperRestorer  # noqa: PLC0415

    torch.set_num_threads(1)
    return PaperRestorer(checkpoint)


def _papers(pair: Pair, config: EvaluationConfig) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for checkpoint in config.papers:
        paper = _paper(checkpoint)
        name = "paper" if paper.config.latents else "paper-deterministic"
        yield name, paper.restore(pair.degraded, seed=config.seed)


def _judge(clip: Clip, condition: Condition, config: EvaluationConfig) -> _Judgement:
    """Score the output of each system for one clip in one condition."""
    samples, rate = read_clip(clip, config.seconds)
    label = f"{condition.name}, {clip.kind}" if clip.kind else condition.name
    if condition.mono and samples.shape[0] == 1:
        return _Judgement(label, [], [], {})  # the same as the stereo condition
    bandwidth = clip.source.bandwidth_hz or measure_bandwidth(samples, rate)
    pair = make_pair(samples, rate, condition)
    about: dict[str, Any] = {
        "clip": clip.name,
        "genre": clip.source.genre,
        "condition": label,
        "encoder": condition.encoder,
    }
    about |= {"kbps": condition.kbps, "mono": condition.mono}
    rows, diversity = [], []
    edge = measure_bandwidth(pair.degraded, pair.sample_rate)
    around = _Around(pair.original, pair.sample_rate, edge, min(bandwidth, pair.sample_rate / 2))
    found = {"original": around.features(pair.original)}

    def score(system: str, output: NDArray[np.float32]) -> None:
        scores = Scorer(config.perceptual).scores(pair.original, output, pair.sample_rate, bandwidth)
        rows.append({**about, "system": system, **scores})
        if system in _DESCRIBED:
            rows[-1]["character"] = around.describe(output)
            if clip.kind == VOICES:
                rows[-1]["character"]["sibilants"] = sibilant_error(pair.original, output, pair.sample_rate)
            found[system] = around.features(output)

    # One z for all clips would say little of what z does.
    drawn = hashlib.sha256(f"{config.seed}:{clip.name}".encode()).digest()
    with open_tool(pair, _restorer(config.model), int.from_bytes(drawn[:6], "big")) as tool:
        restored = tool.restore()
        score("mp3", pair.degraded)
        score("restored", restored)
        score("deterministic", tool.restore(deterministic=True))
        for system, output in _papers(pair, config):
            score(system, output)
        if clip.full or (condition.name in QUICK_CONDITIONS and not clip.kind):
            draws = tool.draws(restored)
            key = hashlib.sha256(f"{config.seed}:{condition.name}:{clip.name}".encode()).digest()
            rng = np.random.default_rng(int.from_bytes(key[:8], "big"))
            masks = regions(pair.degraded, pair.sample_rate, edge, bandwidth)
            # The first is drawn nearer to the middle than the others.
            apart = {"distances": distances(pair.original, draws[1:], masks), "draws": around.draws(draws, rng)}
            diversity.append({**about, **apart})
            score("variant", draws[1])
            if clip.full:
                for system, output in tool.others(draws, rng):
                    score(system, output)
                quick = Scorer()
                by_draw = [quick.scores(pair.original, d, pair.sample_rate, bandwidth)["log_mel"] for d in draws]
                score("best", draws[int(np.argmin(by_draw))])
    return _Judgement(label, rows, diversity, found)


@dataclass(frozen=True, slots=True)
class _Around:
    """An original, and between which frequencies in Hz its MP3 has nothing."""

    original: NDArray[np.float32]
    sample_rate: int
    edge_hz: float
    bandwidth_hz: float

    def describe(self, other: NDArray[np.float32]) -> dict[str, Any]:
        return describe(
            self.original, other,
            sample_rate=self.sample_rate, edge_hz=self.edge_hz, bandwidth_hz=self.bandwidth_hz,
        )  # fmt: skip

    def draws(self, draws: list[NDArray[np.float32]], rng: np.random.Generator) -> dict[str, Any]:
        return describe_draws(
            self.original, (draws[0], draws[1:]), rng,
            sample_rate=self.sample_rate, edge_hz=self.edge_hz, bandwidth_hz=self.bandwidth_hz,
        )  # fmt: skip

    def features(self, signal: NDArray[np.float32]) -> Features:
        return features(signal, sample_rate=self.sample_rate, edge_hz=self.edge_hz, bandwidth_hz=self.bandwidth_hz)


def evaluate(config: EvaluationConfig, *, jobs: int = 2) -> dict[str, Any]:
    """Judge a model; return the scores of all clips, their summaries and the configuration, as plain data for JSON.

    The result depends only on the configuration, not on `jobs`.
    """
    names = [c.name for c in EVALUATION_CONDITIONS]
    order = {name: k for k, name in enumerate([*names, *(f"{n}, {kind}" for kind in (VOICES, RHYTHMS) for n in names)])}
    conditions = [c for c in EVALUATION_CONDITIONS if not config.conditions or c.name in config.conditions]
    corpus, split, seconds = config.corpus, config.split, config.seconds
    clips = choose_clips(corpus, split, seconds=seconds, count=config.clips, full=config.full_clips)
    voices = choose_voices(corpus, split, seconds=seconds, count=config.voices)
    rhythms = [] if config.hits is None else choose_rhythms(config.hits, split, config.rhythms)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with ProcessPoolExecutor(jobs) as pool, Progress(*columns) as progress:
        # The clips on which all systems run take longest, and come first.
        of_voices = [c for c in conditions if c.name in QUICK_CONDITIONS]
        tasks = [*product(clips, conditions), *product(voices, of_voices), *product(rhythms, conditions)]
        futures = [pool.submit(_judge, clip, condition, config) for clip, condition in tasks]
        done = progress.track(as_completed(futures), total=len(futures), description="judging")
        found = [future.result() for future in done]
    rows = sorted((r for j in found for r in j.rows), key=lambda r: (order[r["condition"]], r["clip"], r["system"]))
    diversity = sorted((d for j in found for d in j.diversity), key=lambda d: (order[d["condition"]], d["clip"]))
    compressed = [row for row in rows if row["encoder"] != "none" and row["condition"] in names]
    together: dict[str, dict[str, list[Features]]] = {}
    for judgement in sorted(found, key=lambda j: order[j.condition]):
        for system, mine in judgement.features.items():
            together.setdefault(judgement.condition, {}).setdefault(system, []).append(mine)
    model = load_model(config.model)
    return {
        "model": model.name, "version": model.config.version, "sha256": model.sha256, "split": config.split,
        "clips": len(clips), "full_clips": min(config.full_clips, len(clips)), "seconds": config.seconds,
        "seed": config.seed, "systems": SYSTEMS, "summary": summarise(rows),
        "groups": {name: summarise(sorted(compressed, key=label), label) for name, label in GROUPINGS.items()},
        "diversity": summarise_diversity(diversity), "spread": summarise_spread(diversity),
        "character": summarise_character(rows), "likeness": summarise_likeness(together), "rows": rows,
    }  # fmt: skip


def write_json(result: dict[str, Any], path: Path) -> None:
    """Write the result of `evaluate` to a file."""
    path.write_text(json.dumps(result, indent=1), encoding="utf-8")
