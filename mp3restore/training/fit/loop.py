"""The training loop: one command for CPU or GPU, for one process or several; existing runs are resumed."""

from __future__ import annotations

import csv
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.distributed as dist

from mp3restore.errors import NoInputError, UsageError
from mp3restore.generator.excitation import CONTEXT
from mp3restore.training.data.segments import PairSet
from mp3restore.training.export.lineage import record_start
from mp3restore.training.fit.trainer import FitConfig, Trainer
from mp3restore.training.fit.validation import validate
from mp3restore.training.paper.networks import PaperConfig
from mp3restore.training.paper.trainer import PaperTrainer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["fit"]

_LOG_EVERY_S = 30.0
_CHECKPOINT = "checkpoint.pt"


def _write_config(run: Path, config: FitConfig | PaperConfig) -> None:
    path = run / "config.json"
    text = json.dumps(asdict(config), indent=2)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise UsageError("the run was started with another configuration", path=run, hint="choose another run folder")
    path.write_text(text, encoding="utf-8")


def fit(
    data: Path,
    run: Path,
    config: FitConfig | PaperConfig,
    *,
    minutes: float | None = None,
    start: Path | None = None,
) -> int:
    """Train until `config.steps`, or for `minutes`, from the checkpoint in `run` if there is one.

    The type of the configuration decides what is trained: our networks or the paper's. A new run of ours starts from
    the averaged weights of `start`, a checkpoint or model folder, if given: to learn another objective or other music.

    Under ``torchrun``, every process draws its own batches, and the gradients are averaged.

    Returns
    -------
    int
        The step reached.
    """
    torch.set_num_threads(1)
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    device = torch.device("cuda", rank) if torch.cuda.is_available() else torch.device("cpu")
    if world > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    run.mkdir(parents=True, exist_ok=True)
    if rank == 0:
        _write_config(run, config)
    trainer = PaperTrainer(config, device) if isinstance(config, PaperConfig) else Trainer(config, device)
    if (run / _CHECKPOINT).exists():
        trainer.load(run / _CHECKPOINT)
    elif start is not None:
        _begin(trainer, start, run if rank == 0 else None)
    pairs = PairSet(data, "train", device)
    size = config.generator.fft_size if isinstance(config, FitConfig) else config.fft_size
    samples = (config.frames + 3) * size // 4 + 2 * CONTEXT
    dropout = config.map_dropout if isinstance(config, FitConfig) else 0.0

    # A resumed run draws new segments; two processes never draw the same.
    rng = np.random.default_rng([config.seed, trainer.step, rank])
    torch.manual_seed(int(rng.integers(2**31)))

    def step() -> dict[str, float]:
        batch = pairs.draw(rng, config.batch, samples, map_dropout=dropout)
        return trainer.update(batch, rng)

    def look() -> None:
        trainer.save(run / _CHECKPOINT)
        # A small library may have no recordings to spare for validation.
        with suppress(NoInputError):
            validate(data, run)

    _train(trainer, step, minutes, run if rank == 0 else None, look)
    if rank == 0:
        trainer.save(run / _CHECKPOINT)
    if world > 1:
        dist.destroy_process_group()
    return trainer.step


def _begin(trainer: Trainer | PaperTrainer, start: Path, run: Path | None) -> None:
    """Load the starting weights; rank 0, which has `run`, also records their training history in the run folder."""
    if isinstance(trainer, PaperTrainer):
        raise UsageError("the paper's networks start from random weights", hint="leave out --from")
    trainer.begin_with(start)
    if run is not None:
        trainer.save(run / _CHECKPOINT)
        record_start(run, start)


def _train(
    trainer: Trainer | PaperTrainer,
    step: Callable[[], dict[str, float]],
    minutes: float | None,
    run: Path | None,
    look: Callable[[], None],
) -> None:
    """Train; only the process that has a folder `run` writes to it."""
    config = trainer.config
    start = saved = logged = looked = time.monotonic()
    values: list[dict[str, float]] = []
    while trainer.step < config.steps:
        values.append(step())
        now = time.monotonic()
        if run is not None:
            due = now - looked > config.validation_minutes * 60
            if due or now - logged > _LOG_EVERY_S or trainer.step == config.steps:
                _log(run / "log.csv", trainer, values, now - start)
                values, logged = [], now
            if now - saved > config.checkpoint_minutes * 60:
                trainer.save(run / _CHECKPOINT)
                saved = now
            if due:
                look()
                looked = time.monotonic()
        if minutes is not None and _agreed(now - start > minutes * 60):
            break


def _agreed(stop: bool) -> bool:
    """Return the decision of the first process: all must leave the loop at the same step, but their clocks differ."""
    if not dist.is_initialized():
        return stop
    vote = torch.tensor(float(stop))
    dist.broadcast(vote, 0)
    return bool(vote)


def _log(path: Path, trainer: Trainer | PaperTrainer, values: list[dict[str, float]], seconds: float) -> None:
    processes = dist.get_world_size() if dist.is_initialized() else 1
    row: dict[str, float] = {"step": trainer.step, "seconds": round(seconds), "processes": processes}
    row |= {"rate": round(trainer.learning_rate(), 7)}
    means = {k: round(float(np.mean([v[k] for v in values])), 4) for k in values[0]} if values else {}
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow([*row, *means])
        writer.writerow([*row.values(), *means.values()])
