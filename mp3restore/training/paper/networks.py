"""The baseline: the networks of the paper from which this project started.

Lattner & Nistal, "Stochastic Restoration of Heavily Compressed Musical Audio Using Generative Adversarial Networks",
Electronics 2021, 10(11), 1349: a mono convolutional generator of spectrograms, trained against a critic, once with a
noise vector and once without.

The layout is second-hand, from an unofficial transcription; at full width both networks have the number of parameters
that a third paper states for them. Unknown or doubtful details are decided here:

- The critic sees the MP3 beside the spectrogram to judge. Otherwise nothing would tie a restoration to its input.
- The last layer of the generator has no activation: its output is signed.
- Dilations apply to time and frequency; the gate of a layer multiplies its two halves, so 256 channels become 128.
- Weights are initialised as in He et al. (2015), with two exceptions. Those of gates start at zero, half open, and the
  values that they gate have twice the weight (a quarter where they are added to their own input): gates of random
  weight would multiply gradients by a million over ten layers.
- One step of the critic per step of the generator, Adam with betas of 0 and 0.99, a small penalty on the level of the
  critic's scores, and a moving average of the weights for use, as in Karras et al. (2018) for this learning rate.
- The critic sees nothing above the bandwidth of the source, where our own objective does not judge either.
- One network for all bitrates of the data set; the paper trained one per bitrate, on excerpts of 4 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from mp3restore.training.networks.frontend import to_parts

__all__ = ["HALO_FRAMES", "PaperConfig", "PaperCritic", "PaperGenerator", "compress", "expand"]

_BANDS = 32  # frequencies left after aggregation
_FRONT_DILATIONS = (1, 2, 4)
_DILATIONS = (1, 2, 4, 8, 16) * 2
_SLOPE = 0.25  # of a PReLU below zero, at the start
_DRIFT = 1e-3
# Frames on either side on which an output frame of the generator depends.
HALO_FRAMES = 2 * sum(_FRONT_DILATIONS) + sum(_DILATIONS)


@dataclass(frozen=True, slots=True)
class PaperConfig:
    """Everything that decides a training run.

    `width` scales all channels: 1 gives the paper's 322 million parameters, an eighth takes 2 s per step on one core.
    `latents` is the length of z; 0 makes the deterministic version.
    """

    width: float = 0.125
    fft_size: int = 2048
    latents: int = 64
    steps: int = 20_000
    batch: int = 8
    frames: int = 86
    learning_rate: float = 1e-3
    penalty: float = 10.0
    ema_decay: float = 0.998
    seed: int = 0
    checkpoint_minutes: float = 4.0
    validation_minutes: float = 20.0

    def channels(self, full: int) -> int:
        """Return the number of channels of a layer that has `full` at full width."""
        return max(2, round(full * self.width))

    @property
    def bins(self) -> int:
        """Number of bins of a spectrum, without the one at half the sample rate."""
        return self.fft_size // 2


_Layer = TypeVar("_Layer", nn.Conv2d, nn.Linear)


def _he(layer: _Layer) -> _Layer:
    nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
    nn.init.zeros_(layer.get_parameter("bias"))
    return layer


def _conv(inputs: int, outputs: int, dilation: int) -> nn.Module:
    return _he(nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation))


class _Gated(nn.Module):
    """Convolution with gated output: PReLU(a) * sigmoid(b) of its two halves."""

    def __init__(self, inputs: int, outputs: int, size: int, dilation: int, gain: float = 2.0) -> None:
        super().__init__()
        padding = dilation * (size // 2)
        self.conv = _he(nn.Conv2d(inputs, 2 * outputs, size, padding=padding, dilation=dilation))
        with torch.no_grad():
            self.conv.weight[:outputs] *= gain
            self.conv.weight[outputs:] = 0
        self.activation = nn.PReLU(init=_SLOPE)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.conv(x).chunk(2, dim=1)
        result: Tensor = self.activation(value) * torch.sigmoid(gate)
        return result


class _Aggregation(nn.Module):
    """A convolution as high as the spectrum, folded: (batch, channels, frames, bins) to another such shape.

    It is computed as one matrix product over all bins and channels of a frame. `before` and `after` are bins and
    channels.
    """

    def __init__(self, before: tuple[int, int], after: tuple[int, int]) -> None:
        super().__init__()
        self.after = after
        self.product = _he(nn.Linear(before[0] * before[1], after[0] * after[1]))
        self.activation = nn.PReLU(init=_SLOPE)

    def forward(self, x: Tensor) -> Tensor:
        folded = self.activation(self.product(x.permute(0, 2, 3, 1).flatten(2)))
        result: Tensor = folded.reshape(*folded.shape[:2], *self.after).permute(0, 3, 1, 2)
        return result


def _front(config: PaperConfig, inputs: int) -> list[nn.Module]:
    """Return layers from spectrograms of `inputs` channels to 128 channels of 32 bands."""
    layers: list[nn.Module] = []
    for outputs, dilation in zip((18, 38, 38), _FRONT_DILATIONS, strict=True):
        layers += [_conv(inputs, config.channels(outputs), dilation), nn.PReLU(init=_SLOPE)]
        inputs = config.channels(outputs)
    inner = config.channels(128)
    return [*layers, _Aggregation((config.bins, inputs), (_BANDS, inner)), _Gated(inner, inner, 1, 1)]


class PaperGenerator(nn.Module):
    """Maps the spectrogram of a mono MP3 and z to the spectrogram of an original, in signed square roots."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        self.config = config
        inner = config.channels(128)
        self.front = nn.Sequential(*_front(config, 2))
        self.first = _Gated(inner, inner, 3, _DILATIONS[0])
        inputs = [inner + config.latents, *(inner for _ in _DILATIONS[2:])]
        self.stack = nn.Sequential(*(_Gated(n, inner, 3, d) for n, d in zip(inputs, _DILATIONS[1:], strict=True)))
        wide, narrow = config.channels(38), config.channels(18)
        self.back = nn.Sequential(
            _Gated(inner, inner, 1, 1),
            _Aggregation((_BANDS, inner), (config.bins, wide)),
            _conv(wide, wide, 4), nn.PReLU(init=_SLOPE), _conv(wide, narrow, 2), nn.PReLU(init=_SLOPE),
            _conv(narrow, 2, 1),
        )  # fmt: skip

    def forward(self, spectrum: Tensor, z: Tensor) -> Tensor:
        """Map (batch, 2 parts, frames, bins) and (batch, latents), constant over time, to the shape of the spectrum."""
        hidden = self.first(self.front(spectrum.contiguous(memory_format=torch.channels_last)))
        spread = z[:, :, None, None].expand(-1, -1, *hidden.shape[2:])
        result: Tensor = self.back(self.stack(torch.cat([hidden, spread], dim=1)))
        return result


class PaperCritic(nn.Module):
    """Scores how much a spectrogram looks like an original, given its MP3: one number per item, a mean over frames."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        inner = config.channels(128)
        self.front = nn.Sequential(*_front(config, 4))
        self.stack = nn.ModuleList([_Gated(inner, inner, 3, d, gain=0.5) for d in _DILATIONS])
        self.head = _he(nn.Linear(inner * _BANDS, 1))

    def forward(self, spectrum: Tensor, degraded: Tensor) -> Tensor:
        """Map two spectrograms (batch, 2 parts, frames, bins) to scores (batch,)."""
        both = torch.cat([spectrum, degraded], dim=1)
        hidden = self.front(both.contiguous(memory_format=torch.channels_last))
        for layer in self.stack:
            hidden = hidden + layer(hidden)
        scores: Tensor = self.head(hidden.transpose(1, 2).flatten(2))
        return scores.mean(dim=(1, 2))


def compress(spectrum: Tensor) -> Tensor:
    """Convert complex (..., frames, bins + 1) to signed square roots of its parts (..., 2, frames, bins)."""
    parts = to_parts(spectrum)[..., :-1]
    return parts.sign() * parts.abs().sqrt()


def expand(parts: Tensor) -> Tensor:
    """Undo `compress`; the bin at half the sample rate is zero."""
    linear = nn.functional.pad(parts * parts.abs(), (0, 1))
    return torch.complex(*linear.unbind(dim=-3))
