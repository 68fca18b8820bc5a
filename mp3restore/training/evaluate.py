"""Scores of a model on held-out recordings, the unprocessed MP3 always beside them."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.progress import Progress

from mp3restore.engine import Restorer
from mp3restore.models import load_model
from mp3restore.options import RunOptions
from mp3restore.pipeline import run_job
from mp3restore.plan import plan_jobs
from mp3restore.resample import resample_stream
from mp3restore.training.metrics import HIGHER_IS_BETTER, METRICS, Scorer
from mp3restore.training.pairs import EVALUATION_CONDITIONS, Condition, Pair, make_pair
from mp3restore.training.prepare import Source, find_sources

__all__ = ["SYSTEMS", "EvaluationConfig", "evaluate", "summarise", "write_json"]

# The file as it is; the tool's result; the same not held to the bitstream; the tool's result with z = 0.
SYSTEMS = ("mp3", "restored", "unheld", "deterministic")


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """What is judged.

    Parameters
    ----------
    corpus
        Recordings as in ``prepare``.
    model
        Name or folder of a model.
    split
        Which recordings.
    clips
        At most so many, each of another stretch; as evenly over the recordings as it goes.
    conditions
        Names of `EVALUATION_CONDITIONS`; all when empty.
    """

    corpus: Path
    model: str
    split: str = "test"
    clips: int = 40
    seconds: float = 8.0
    conditions: tuple[str, ...] = ()
    perceptual: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Clip:
    source: Source
    start_s: float

    @property
    def name(self) -> str:
        return f"{self.source.name} at {self.start_s:.0f} s"


def _choose_clips(config: EvaluationConfig) -> list[_Clip]:
    """Stretches in a fixed pseudo-random order of recordings; a second of the same recording only when all are used."""
    sources = [s for s in find_sources(config.corpus) if s.split == config.split]
    sources.sort(key=lambda s: hashlib.sha256(s.name.encode()).digest())
    clips: list[_Clip] = []
    for position in (0.4, 0.7, 0.15):
        for source in sources:
            duration = soundfile.info(source.path).duration
            if duration >= 3 * config.seconds:
                clips.append(_Clip(source, position * duration))
    return clips[: config.clips]


def _read(clip: _Clip, seconds: float) -> tuple[NDArray[np.float32], int]:
    rate = soundfile.info(clip.source.path).samplerate
    samples, _ = soundfile.read(
        clip.source.path, start=int(clip.start_s * rate), frames=int(seconds * rate), dtype="float32", always_2d=True
    )
    channels = np.ascontiguousarray(samples.T[:2])
    if rate > 48000:
        return np.concatenate(list(resample_stream([channels], rate, 48000)), axis=1), 48000
    return channels, rate


def _outputs(pair: Pair, restorer: Restorer, seed: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """What each system makes of a pair: the tool itself runs on the file, from the MP3 to a float WAV."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "clip.mp3", Path(folder) / "restored.wav"
        if pair.mp3:
            source.write_bytes(pair.mp3)
        else:
            source = source.with_suffix(".wav")
            soundfile.write(source, pair.degraded.T, pair.sample_rate, subtype="FLOAT")
        (job,) = plan_jobs(source, target, bit_depth="32f", overwrite=True)

        def run(*, deterministic: bool = False, consistency: bool = True) -> NDArray[np.float32]:
            run_job(job, lambda: restorer, RunOptions(seed, deterministic, pair.sample_rate, consistency))
            samples, _ = soundfile.read(target, dtype="float32", always_2d=True)
            return np.ascontiguousarray(samples.T[:, pair.start : pair.start + pair.degraded.shape[1]])

        yield "mp3", pair.degraded
        yield "restored", run()
        yield "unheld", run(consistency=False)
        yield "deterministic", run(deterministic=True)


def _judge_clip(clip: _Clip, config: EvaluationConfig, conditions: list[Condition]) -> list[dict[str, Any]]:
    """One row per condition and system."""
    restorer = Restorer(load_model(config.model), threads=1)
    scorer = Scorer(perceptual=config.perceptual)
    samples, rate = _read(clip, config.seconds)
    bandwidth = clip.source.bandwidth_hz or rate / 2
    rows = []
    for condition in conditions:
        if condition.mono and samples.shape[0] == 1:
            continue  # the same as the stereo condition
        pair = make_pair(samples, rate, condition)
        for system, output in _outputs(pair, restorer, config.seed):
            scores = scorer.scores(pair.original, output, pair.sample_rate, bandwidth)
            about = {"clip": clip.name, "genre": clip.source.genre, "condition": condition.name, "system": system}
            rows.append({**about, **scores})
    return rows


def evaluate(config: EvaluationConfig, *, jobs: int = 2) -> dict[str, Any]:
    """Judge a model; the result is plain data for JSON: ``rows``, ``summary``, and what was judged.

    Deterministic given the configuration, whatever `jobs`.
    """
    conditions = [c for c in EVALUATION_CONDITIONS if not config.conditions or c.name in config.conditions]
    clips = _choose_clips(config)
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(jobs) as pool, Progress() as progress:
        task = progress.add_task("judging", total=len(clips))
        futures = [pool.submit(_judge_clip, clip, config, conditions) for clip in clips]
        for future in as_completed(futures):
            rows += future.result()
            progress.advance(task)
    rows.sort(key=lambda r: (r["condition"], r["clip"], r["system"]))
    model = load_model(config.model)
    return {
        "model": model.name, "version": model.config.version, "sha256": model.sha256, "split": config.split,
        "clips": len(clips), "seconds": config.seconds, "seed": config.seed,
        "summary": summarise(rows), "rows": rows,
    }  # fmt: skip


def summarise(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per condition and system: means, share of clips better than the MP3, and the worst clip, of every metric."""
    grouped: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in sorted(rows, key=lambda r: r["clip"]):
        grouped[row["condition"]][row["system"]].append(row)
    result = []
    for condition, systems in grouped.items():
        for system in SYSTEMS:
            mine, plain = systems[system], systems["mp3"]
            summary: dict[str, Any] = {"condition": condition, "system": system, "clips": len(mine)}
            for metric in METRICS:
                if metric not in mine[0]:
                    continue
                sign = 1 if HIGHER_IS_BETTER[metric] else -1
                gains = [sign * (a[metric] - b[metric]) for a, b in zip(mine, plain, strict=True)]
                summary[metric] = fmean(r[metric] for r in mine)
                summary[f"{metric}_improved"] = fmean(g > 0 for g in gains)
                worst = int(np.argmin(gains))
                summary[f"{metric}_worst"] = {"clip": mine[worst]["clip"], "gain": gains[worst]}
            result.append(summary)
    order = {c.name: i for i, c in enumerate(EVALUATION_CONDITIONS)}
    return sorted(result, key=lambda s: (order[s["condition"]], SYSTEMS.index(s["system"])))


def write_json(result: dict[str, Any], path: Path) -> None:
    """Write the result of `evaluate`."""
    path.write_text(json.dumps(result, indent=1), encoding="utf-8")
