"""Which bins of an original are known: those that its source still had.

Above the bandwidth of a source that was coded before, nobody knows what there was. Where a drum of known sound is laid
over such music and dominates it, all of the band is known again, for as long as it does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["BLOCK", "GUARD_HZ", "Known", "mean_of_known"]

BLOCK = 512
"""Samples for which one value of `dominated` stands."""

GUARD_HZ = 300.0
"""The slope of a low-pass: so far below its bandwidth all of an original is known."""


def mean_of_known(values: Tensor, share: Tensor) -> Tensor:
    """Return the mean of (batch, bands, frames), weighted by the share that is known, for every item: (batch,)."""
    result: Tensor = (values * share).sum((1, 2)) / share.sum((1, 2)).clamp_min(1e-9)
    return result


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the judged stretch of a batch.

    Rate and bandwidth of each item in Hz, (batch,); `dominated` is true in blocks of `BLOCK` samples of the stretch in
    which the whole band is known: (batch, blocks).
    """

    sample_rate: Tensor
    bandwidth_hz: Tensor
    dominated: Tensor

    def below_bandwidth(self, size: int) -> Tensor:
        """Return 1 for each bin of a spectrum of `size` within the bandwidth of the source, else 0: (batch, bins)."""
        hz = torch.arange(size // 2 + 1, device=self.sample_rate.device) * self.sample_rate[:, None] / size
        return (hz < self.bandwidth_hz[:, None] - GUARD_HZ).float()

    def bins(self, size: int, hop: int, frames: int) -> Tensor:
        """Return 1 for each bin that is known, else 0, for frames of `size` that are `hop` apart.

        Shape (batch, frames, bins), or (batch, 1, bins) if all frames are alike. A frame is known with the block in
        its middle.
        """
        always = self.below_bandwidth(size).unsqueeze(1)
        if not bool(self.dominated.any()):
            return always
        middle = torch.arange(frames, device=self.dominated.device) * hop + size // 2
        now = self.dominated[:, (middle // BLOCK).clamp_max(self.dominated.shape[1] - 1)]
        return torch.maximum(always, now.unsqueeze(-1).float())

    def weights(self, size: int, hop: int, frames: int, corner_hz: float) -> Tensor:
        """Return the weights of these bins, which add up to 1; those far above `corner_hz` weigh less."""
        hz = torch.arange(size // 2 + 1, device=self.sample_rate.device) * self.sample_rate[:, None] / size
        weight = self.bins(size, hop, frames) / (1 + hz / corner_hz).unsqueeze(1)
        return weight / weight.sum(-1, keepdim=True).clamp_min(1e-9)
