"""What all trainers do: a step that is the same in all processes of a run, a moving average, and checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from mp3restore.errors import Mp3RestoreError

__all__ = ["check_finite", "descend", "follow", "write_checkpoint"]


def descend(network: nn.Module, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one step on the clipped, averaged gradients of all processes."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    _average_gradients(network)
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()


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


def check_finite(losses: Mapping[str, float], step: int) -> None:
    """Raise an error if a loss is not a number.

    Raises
    ------
    Mp3RestoreError
        If it is not finite.
    """
    if not all(math.isfinite(value) for value in losses.values()):
        raise Mp3RestoreError(f"the loss is not finite at step {step}", hint="lower the learning rate")


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, *, step: int, decay: float) -> None:
    """Move the average of a network's weights towards them, faster in the first steps."""
    decay = min(decay, step / (step + 10))
    for slow, fast in zip(average.parameters(), network.parameters(), strict=True):
        slow.lerp_(fast, 1 - decay)


def write_checkpoint(path: Path, state: Mapping[str, object]) -> None:
    """Write a checkpoint under a temporary name first."""
    part = path.with_suffix(".part")
    torch.save(dict(state), part)
    part.replace(path)
