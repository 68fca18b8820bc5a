"""The critic: tells originals from restorations, given the MP3; it sees left and right together.

There is one stack of convolutions for each of several resolutions of a complex STFT; each returns a map of verdicts
over time and frequency (like the multi-resolution discriminators of Jang et al. 2021, UnivNet, section 2.2, which see
only magnitudes and no condition). Least-squares losses (Mao et al. 2017, eq. 9, with labels 1 and 0) and feature
matching.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

from mp3restore.dsp.stft import noise_level

__all__ = ["Critic", "CriticConfig", "Verdict", "critic_loss", "generator_losses"]

# Magnitudes are raised to this power, phases kept: this maps the ear's range of loudness to that of a network.
_COMPRESSION = 0.3
_FLOOR = 1e-6
_CHANNELS = 12  # real, imaginary and modulus of left and right, of the candidate and of the MP3


@dataclass(frozen=True, slots=True)
class CriticConfig:
    """Shape of the critic, and its weights in the loss.

    `adversarial` is the weight of its verdicts in the loss of the generator, `features` that of the distance of its
    hidden layers between original and restoration. If both are 0, there is no critic.
    """

    adversarial: float = 0.0
    features: float = 0.0
    sizes: tuple[int, ...] = (512, 1024, 2048)
    width: int = 24
    learning_rate: float = 4e-4

    @property
    def wanted(self) -> bool:
        """Whether there is a critic."""
        return self.adversarial > 0 or self.features > 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of one stack: a map (batch, 1, frames, bands), and its hidden layers."""

    score: Tensor
    hidden: list[Tensor]


class _Stack(nn.Module):
    """Convolutions over (frames, bins) that keep all frames and reduce bins by 64."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(_CHANNELS, width, (3, 9), stride=(1, 4), padding=(1, 4)),
                nn.Conv2d(width, 2 * width, (3, 9), stride=(1, 4), padding=(1, 4)),
                nn.Conv2d(2 * width, 2 * width, (3, 5), stride=(1, 4), padding=(2, 2), dilation=(2, 1)),
                nn.Conv2d(2 * width, 2 * width, (3, 3), padding=(4, 1), dilation=(4, 1)),
            ]
        )
        self.head = nn.Conv2d(2 * width, 1, (1, 3), padding=(0, 1))

    def forward(self, x: Tensor) -> Verdict:
        hidden = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            hidden.append(x)
        return Verdict(self.head(x), hidden)


class Critic(nn.Module):
    """Judges candidates (batch, 2 channels, samples), given the MP3 that they were made from."""

    def __init__(self, config: CriticConfig) -> None:
        super().__init__()
        self.config = config
        self.stacks = nn.ModuleDict({str(size): _Stack(config.width) for size in config.sizes})

    def forward(self, candidate: Tensor, degraded: Tensor, size: int, known: Tensor) -> Verdict:
        """Return the verdict at the resolution `size`, one of those in the configuration.

        Signals are left and right, with a root mean square of one per segment. `known` (batch, frames or 1,
        size // 2 + 1) is zero in the bins of which the original is not known; there both look the same.
        """
        planes = [_features(signal, size) * known[:, None] for signal in (candidate, degraded)]
        verdict: Verdict = self.stacks[str(size)](torch.cat(planes, dim=1))
        return verdict


def _features(signal: Tensor, size: int) -> Tensor:
    """Return compressed real parts, imaginary parts and moduli (batch, 3 * channels, frames, bins) of a signal."""
    window = torch.hann_window(size, device=signal.device) / noise_level(size)
    spectrum = torch.fft.rfft(signal.unfold(-1, size, size // 2) * window)
    real, imaginary = spectrum.real, spectrum.imag
    power = real**2 + imaginary**2 + _FLOOR
    scale = power ** ((_COMPRESSION - 1) / 2)
    return torch.cat([real * scale, imaginary * scale, power ** (_COMPRESSION / 2)], dim=1)


def critic_loss(original: Verdict, restored: Verdict) -> Tensor:
    """Return the least-squares loss: the target is 1 for originals and 0 for restorations."""
    return (original.score - 1).square().mean() + restored.score.square().mean()


def generator_losses(original: Verdict, restored: Verdict) -> tuple[Tensor, Tensor]:
    """Return the adversarial loss, and the distance of the hidden layers relative to their size in the original."""
    matched = [
        (a.detach() - b).abs().mean() / (a.detach().abs().mean() + 1e-3)
        for a, b in zip(original.hidden, restored.hidden, strict=True)
    ]
    return (restored.score - 1).square().mean(), torch.stack(matched).mean()
