"""Train the networks of the paper."""

from __future__ import annotations

import copy
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from mp3restore.errors import UsageError
from mp3restore.generator.excitation import CONTEXT
from mp3restore.training.data.segments import Batch
from mp3restore.training.fit.descent import check_finite, follow, write_checkpoint
from mp3restore.training.networks.frontend import Frontend
from mp3restore.training.networks.known import GUARD_HZ
from mp3restore.training.paper.networks import _DRIFT, PaperConfig, PaperCritic, PaperGenerator, compress

__all__ = ["PaperTrainer"]


class PaperTrainer:
    """State of a run: generator, its moving average, critic, optimisers and step; the same interface as `Trainer`.

    Raises
    ------
    UsageError
        If there is more than one process.
    """

    def __init__(self, config: PaperConfig, device: torch.device) -> None:
        if dist.is_initialized():
            raise UsageError("the paper's networks are trained in one process", hint="start it without torchrun")
        torch.manual_seed(config.seed)
        self.config = config
        self.device = device
        # On a CPU, convolutions of few channels are seven times faster if the channels are adjacent in memory.
        self.generator = PaperGenerator(config).to(device)
        self.critic = PaperCritic(config).to(device)
        for network in (self.generator, self.critic):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.generator).requires_grad_(requires_grad=False)
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), lr=config.learning_rate, betas=(0.0, 0.99))
            for name, network in (("generator", self.generator), ("critic", self.critic))
        }
        self.frontend = Frontend(config.fft_size)
        self.step = 0

    def learning_rate(self) -> float:
        """Return the learning rate, which is constant."""
        return self.config.learning_rate

    def update(self, batch: Batch, rng: np.random.Generator) -> dict[str, float]:  # noqa: ARG002 - as in `Trainer`
        """Train critic and generator for one step on the mid plane; raise if a loss is not finite."""
        with torch.no_grad():
            signals = (s[:, 0, CONTEXT:-CONTEXT] for s in (batch.degraded, batch.original))
            hz = torch.arange(self.config.bins, device=self.device) * batch.sample_rate[:, None] / self.config.fft_size
            known = (hz < batch.bandwidth_hz[:, None] - GUARD_HZ).float()[:, None, None, :]
            degraded, original = (compress(self.frontend.analyse(s)) for s in signals)
        seen = degraded * known
        restored = self.generator(degraded, self.latents(len(degraded))) * known
        values = self._step_critic(original * known, restored.detach(), seen)
        loss = -self.critic(restored, seen).mean()
        self._descend("generator", loss)
        values["loss"] = float(loss.detach())
        check_finite(values, self.step)
        self.step += 1
        follow(self.average, self.generator, step=self.step, decay=self.config.ema_decay)
        return values

    def latents(self, count: int) -> Tensor:
        """Return one z per item: (count, latents)."""
        return torch.randn(count, self.config.latents, device=self.device)

    def _step_critic(self, original: Tensor, restored: Tensor, seen: Tensor) -> dict[str, float]:
        """Train the critic on the Wasserstein distance with gradient penalty (Gulrajani et al. 2017, algorithm 1)."""
        share = torch.rand(len(original), 1, 1, 1, device=self.device)
        between = torch.lerp(original, restored, share).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(between, seen).sum(), between, create_graph=True)
        penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        real, fake = self.critic(original, seen), self.critic(restored, seen)
        apart = (real - fake).mean()
        self._descend("critic", self.config.penalty * penalty + _DRIFT * real.square().mean() - apart)
        return {"distance": float(apart.detach()), "penalty": float(penalty.detach())}

    def _descend(self, name: str, loss: Tensor) -> None:
        network = {"generator": self.generator, "critic": self.critic}[name]
        parameters = list(network.parameters())
        # Not through `backward`: it would also compute the unneeded gradients of the generator's loss in the critic.
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        self.optimisers[name].step()

    def save(self, path: Path) -> None:
        """Write everything needed to resume, under a temporary name first."""
        state = {
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "critic": self.critic.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "step": self.step,
            "config": asdict(self.config),
        }
        write_checkpoint(path, state)

    def load(self, path: Path) -> None:
        """Resume from a checkpoint."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.generator.load_state_dict(state["generator"])
        self.average.load_state_dict(state["average"])
        self.critic.load_state_dict(state["critic"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.step = state["step"]
