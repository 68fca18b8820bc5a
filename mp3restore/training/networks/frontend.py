"""The engine's STFT, its noise and what filters that, in PyTorch, for whole batches on any device.

The counterpart of ``mp3restore/dsp/stft.py`` and ``mp3restore/generator/excitation.py``, which explain every step.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from mp3restore.dsp.stft import HALF, OVERLAP, noise_level, root_window, window
from mp3restore.generator import excitation as ref

__all__ = ["Frontend", "to_parts"]


def to_parts(spectrum: Tensor) -> Tensor:
    """Convert complex (..., frames, bins) to real (..., 2 parts, frames, bins)."""
    return torch.view_as_real(spectrum).movedim(-1, -3)


@lru_cache(maxsize=4)
def _window(size: int, device: torch.device) -> Tensor:
    return torch.from_numpy(window(size)).to(device)


@lru_cache(maxsize=4)
def _root_window(size: int, device: torch.device) -> Tensor:
    return torch.from_numpy(root_window(size)).to(device)


def _mean(values: Tensor, size: int) -> Tensor:
    """Return the centred running mean over an odd `size`, with zeros outside."""
    half = size // 2
    total = F.pad(values.double().cumsum(-1), (1, 0))
    n = values.shape[-1]
    index = torch.arange(n, device=values.device)
    upper, lower = (index + half + 1).clamp(max=n), (index - half).clamp(min=0)
    return (total[..., upper] - total[..., lower]).clamp_min(0.0) / size


class Frontend:
    """STFT, noise and inverse for batches of segments of (batch, 2 planes, samples)."""

    def __init__(self, fft_size: int) -> None:
        self.size = fft_size
        self.hop = fft_size // OVERLAP

    def analyse(self, samples: Tensor) -> Tensor:
        """Convert (..., samples) to complex (..., frames, bins), whole frames only."""
        frames = samples.unfold(-1, self.size, self.hop)
        spectrum: Tensor = torch.fft.rfft(frames * _window(self.size, samples.device))
        return spectrum

    def synthesise(self, spectrum: Tensor) -> Tensor:
        """Convert complex (..., frames, bins) to (..., (frames - 3) * hop) samples."""
        frames = torch.fft.irfft(spectrum, self.size) * (_window(self.size, spectrum.device) / 1.5)
        parts = frames.unflatten(-1, (OVERLAP, self.hop))
        count = frames.shape[-2] - OVERLAP + 1
        blocks = sum(parts[..., OVERLAP - 1 - k : OVERLAP - 1 - k + count, k, :] for k in range(OVERLAP))
        assert isinstance(blocks, Tensor)  # noqa: S101 - by its type, `sum` may return an int
        return blocks.flatten(-2)

    def envelope(self, planes: Tensor) -> Tensor:
        """Return the amplitude of the noise (batch, 1, samples), without context, for planes with context."""
        slope = planes.double().diff(dim=-1, prepend=torch.zeros_like(planes[..., :1]).double())
        power = (slope**2).sum(dim=1, keepdim=True)
        swing = (_mean(power, ref.FAST_ENVELOPE) + ref.FLOOR) / (_mean(power, ref.SLOW_ENVELOPE) + ref.FLOOR)
        shape = swing.clamp(0.0, ref.LARGEST_SWING**2).sqrt().float()[..., ref.CONTEXT : -ref.CONTEXT]
        return (1 - ref.SHAPING) + ref.SHAPING * shape

    def noise(self, noise: Tensor, envelope: Tensor) -> Tensor:
        """Return white noise (batch, 2, n) of unit variance, shaped, with about unit power in the bins of its STFT."""
        return noise * (envelope / noise_level(self.size))

    def filter(self, samples: Tensor, gains: Tensor) -> Tensor:
        """Filter samples (..., n) by gains (..., frames, bins) in frames half as long as those of `analyse`.

        They are centred where these are. The result has shape (..., n); one hop at either end, which no frame reaches,
        is zero, and the next is not complete.
        """
        size = HALF * self.hop
        weights = _root_window(size, samples.device)
        frames = samples[..., self.hop : -self.hop].unfold(-1, size, self.hop) * weights
        filtered = torch.fft.irfft(torch.fft.rfft(frames) * gains, size) * weights
        first, second = filtered.unflatten(-1, (HALF, self.hop)).unbind(-2)
        blocks = F.pad(first, (0, 0, 0, 1)) + F.pad(second, (0, 0, 1, 0))
        return F.pad(blocks.flatten(-2), (self.hop, self.hop))
