"""The training loop: one command on a CPU or GPU, on one process or several, resumed by default."""

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
from mp3restore.excitation import CONTEXT
from mp3restore.training.data import PairSet
from mp3restore.training.lineage import record_start
from mp3restore.training.paper import PaperConfig, PaperTrainer
from mp3restore.training.pictures import validate
from mp3restore.training.trainer import FitConfig, Trainer

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
    """Train until `config.steps`, or for `minutes`; goes on from the checkpoint in `run`. Returns the step reached.

    The configuration decides what is trained: our networks or the paper's. A new run of ours begins with the averaged
    weights of the checkpoint or model folder `start`, if there is one: to learn another objective or library of music.

    Started by ``torchrun``, every process draws batches of its own and the gradients are averaged.
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
    """Take over weights; the process that has a folder notes what they have behind them, and keeps them with it."""
    if isinstance(trainer, PaperTrainer):
        raise UsageError("the paper's networks begin with random weights", hint="leave --from out")
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
    """Train; the process that has a folder writes to it."""
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
    """Whether the first process says so: all must leave the loop at the same step, and clocks differ."""
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
