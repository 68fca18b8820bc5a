"""The training loop: one command on a CPU or GPU, on one process or several, resumed by default."""

from __future__ import annotations

import copy
import csv
import json
import math
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from mp3restore.errors import Mp3RestoreError, UsageError
from mp3restore.excitation import CONTEXT
from mp3restore.noise import LATENT_SPAN, latent_kernel
from mp3restore.training.data import Batch, PairSet
from mp3restore.training.frontend import Frontend, to_parts
from mp3restore.training.networks import Generator, GeneratorConfig
from mp3restore.training.objective import (
    RESOLUTIONS,
    Distance,
    band_weights,
    magnitudes,
    share_kept,
    spectral_distance,
    waveform_distance,
)

__all__ = ["FitConfig", "Trainer", "fit"]

# Frames at the edges of a segment whose context is cut off are not judged.
_MARGIN_FRAMES = 12
_LOG_EVERY_S = 30.0
_CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class FitConfig:
    """Everything that decides a training run, saved beside its checkpoints."""

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    distance: Distance = field(default_factory=Distance)
    steps: int = 20_000
    batch: int = 12
    frames: int = 96
    learning_rate: float = 8e-4
    warm_up: int = 200
    ema_decay: float = 0.998
    seed: int = 0
    checkpoint_minutes: float = 4.0


class Trainer:
    """State of a run: generator, its moving average, optimiser and step."""

    def __init__(self, config: FitConfig, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.device = device
        self.generator = Generator(config.generator).to(device)
        self.average = copy.deepcopy(self.generator).requires_grad_(requires_grad=False)
        decayed = [p for p in self.generator.parameters() if p.ndim > 1]
        plain = [p for p in self.generator.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.8, 0.98))
        self.frontend = Frontend(config.generator.fft_size)
        self.step = 0

    def learning_rate(self) -> float:
        """Linear warm-up, then a half cosine down to a fiftieth."""
        c = self.config
        progress = min(1.0, self.step / c.steps)
        return c.learning_rate * min(1.0, (self.step + 1) / c.warm_up) * (0.51 + 0.49 * math.cos(math.pi * progress))

    def loss(self, batch: Batch, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        """Energy distance of two draws at one random resolution, on one random plane (L, R, M or S) of each item."""
        c = self.config
        front = self.frontend
        with torch.no_grad():
            inner = batch.degraded[..., CONTEXT:-CONTEXT]
            spectrum = to_parts(front.analyse(inner)).contiguous()
            harmonic = to_parts(front.harmonic(batch.degraded)).bfloat16()
            envelope = front.envelope(batch.degraded)
        with torch.autocast(self.device.type, torch.bfloat16):
            encoded = self.generator.encode(spectrum, batch.uncertainty)
        plane = _random_planes(rng, batch.original)
        resolution = int(rng.choice(RESOLUTIONS))
        trim = (_MARGIN_FRAMES - 3) * front.hop
        target = (batch.original[..., CONTEXT:-CONTEXT] * plane).sum(1)
        target = target[:, 3 * front.hop : -3 * front.hop][:, trim:-trim]
        level = target.square().mean(-1, keepdim=True).sqrt() + 1e-4
        weights = band_weights(resolution, batch.sample_rate, batch.bandwidth_hz)
        draws, spectra = [], []
        for _ in range(2):
            noise = torch.rand_like(inner).sub_(0.5).mul_(12**0.5)
            excitations = (to_parts(front.noise(noise, envelope)).bfloat16(), harmonic)
            z = self.latents(len(inner), spectrum.shape[3])
            with torch.autocast(self.device.type, torch.bfloat16):
                restored = self.generator.decode(encoded, excitations, z)
            chosen = (restored.float() * plane.unsqueeze(-1).unsqueeze(-1)).sum(1)
            spectra.append(chosen[:, :, _MARGIN_FRAMES:-_MARGIN_FRAMES])
            samples = front.synthesise(torch.complex(chosen[:, 0], chosen[:, 1]))[:, trim:-trim]
            draws.append(magnitudes(samples / level, resolution))
        wanted = magnitudes(target / level, resolution)
        to_target = torch.stack([spectral_distance(g, wanted, weights, c.distance) for g in draws]).sum(0)
        apart = spectral_distance(draws[0], draws[1], weights, c.distance)
        placed = to_parts(front.analyse((batch.original[..., CONTEXT:-CONTEXT] * plane).sum(1)))
        placed = placed[:, :, _MARGIN_FRAMES:-_MARGIN_FRAMES]
        kept = (spectrum * plane.unsqueeze(-1).unsqueeze(-1)).sum(1)[:, :, _MARGIN_FRAMES:-_MARGIN_FRAMES]
        native = band_weights(c.generator.fft_size, batch.sample_rate, batch.bandwidth_hz) * share_kept(kept, placed)
        off = torch.stack([waveform_distance(s, placed, level, native) for s in spectra]).mean(0)
        total = (to_target - c.distance.diversity * apart + c.distance.waveform * off).mean()
        values = {"loss": total, "distance": to_target.mean() / 2, "spread": apart.mean()}
        values["off"] = off.mean()
        return total, {name: float(value.detach()) for name, value in values.items()}

    def latents(self, batch: int, frames: int) -> Tensor:
        """z of one draw, as `NoiseSource` has it: (batch, frames, 2 * latents), the second half constant over time."""
        count = self.config.generator.latents
        draws = torch.randn(batch, frames + LATENT_SPAN - 1, count, device=self.device)
        local = draws.unfold(1, LATENT_SPAN, 1) @ torch.from_numpy(latent_kernel()).to(self.device)
        whole = torch.randn(batch, 1, count, device=self.device).expand(batch, frames, count)
        return torch.cat([local, whole], dim=-1)

    def update(self, batch: Batch, rng: np.random.Generator) -> dict[str, float]:
        """One optimiser step; raises when the loss is not finite."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        total, values = self.loss(batch, rng)
        if not math.isfinite(values["loss"]):
            raise Mp3RestoreError(f"the loss is not finite at step {self.step}", hint="lower the learning rate")
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        _average_gradients(self.generator)
        nn.utils.clip_grad_norm_(self.generator.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        decay = min(self.config.ema_decay, self.step / (self.step + 10))
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        return values

    def save(self, path: Path) -> None:
        """Write everything needed to go on, under a temporary name first."""
        state = {
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "config": asdict(self.config),
        }
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    def begin_with(self, path: Path) -> None:
        """Take over the averaged weights of another run with the same networks."""
        weights = torch.load(path, map_location=self.device, weights_only=True)["average"]
        self.generator.load_state_dict(weights)
        self.average.load_state_dict(weights)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.generator.load_state_dict(state["generator"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]


def _random_planes(rng: np.random.Generator, planes: Tensor) -> Tensor:
    """Weights of mid and side (batch, 2, 1) that give left, right, mid or side; mid where there is no side."""
    choices = np.array([[1, 1], [1, -1], [1, 0], [0, 1]], np.float32)
    drawn = torch.from_numpy(choices[rng.choice(4, size=len(planes), p=(0.35, 0.35, 0.15, 0.15))]).to(planes.device)
    power = planes.square().mean(-1)
    mono = power[:, 1] < 1e-5 * power[:, 0]
    drawn[mono] = drawn.new_tensor([1.0, 0.0])
    return drawn.unsqueeze(-1)


def _average_gradients(module: nn.Module) -> None:
    if not dist.is_initialized():
        return
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    position = 0
    for gradient in gradients:
        gradient.copy_(flat[position : position + gradient.numel()].view_as(gradient))
        position += gradient.numel()


def _write_config(run: Path, config: FitConfig) -> None:
    path = run / "config.json"
    text = json.dumps(asdict(config), indent=2)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise UsageError("the run was started with another configuration", path=run, hint="choose another run folder")
    path.write_text(text, encoding="utf-8")


def fit(data: Path, run: Path, config: FitConfig, *, minutes: float | None = None, start: Path | None = None) -> int:
    """Train until `config.steps`, or for `minutes`; goes on from the checkpoint in `run`. Returns the step reached.

    A new run begins with the averaged weights of the checkpoint `start`, if there is one: to learn another objective,
    or another library of music.
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
    trainer = Trainer(config, device)
    if (run / _CHECKPOINT).exists():
        trainer.load(run / _CHECKPOINT)
    elif start is not None:
        trainer.begin_with(start)
    _train(trainer, PairSet(data, "train"), run, rank, minutes)
    if rank == 0:
        trainer.save(run / _CHECKPOINT)
    if world > 1:
        dist.destroy_process_group()
    return trainer.step


def _train(trainer: Trainer, pairs: PairSet, run: Path, rank: int, minutes: float | None) -> None:
    config = trainer.config
    # A resumed run draws new segments; two processes never draw the same.
    rng = np.random.default_rng([config.seed, trainer.step, rank])
    torch.manual_seed(int(rng.integers(2**31)))
    samples = (config.frames + 3) * trainer.frontend.hop + 2 * CONTEXT
    start = saved = logged = time.monotonic()
    values: list[dict[str, float]] = []
    while trainer.step < config.steps:
        values.append(trainer.update(pairs.draw(rng, config.batch, samples).to(trainer.device), rng))
        now = time.monotonic()
        if rank == 0 and (now - logged > _LOG_EVERY_S or trainer.step == config.steps):
            _log(run / "log.csv", trainer, values, now - start)
            values, logged = [], now
        if rank == 0 and now - saved > config.checkpoint_minutes * 60:
            trainer.save(run / _CHECKPOINT)
            saved = now
        if minutes is not None and _agreed(now - start > minutes * 60):
            break


def _agreed(stop: bool) -> bool:
    """Whether the first process says so: all must leave the loop at the same step, and clocks differ."""
    if not dist.is_initialized():
        return stop
    vote = torch.tensor(float(stop))
    dist.broadcast(vote, 0)
    return bool(vote)


def _log(path: Path, trainer: Trainer, values: list[dict[str, float]], seconds: float) -> None:
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
