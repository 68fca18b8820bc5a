"""The generator: joint mid/side, at frame rate, with a protected copy path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from numpy.typing import NDArray
from torch import Tensor, nn

from mp3restore.excitation import EXCITATIONS

__all__ = ["Generator", "GeneratorConfig", "mel_bands"]

_LEVEL_FRAMES = 8  # on either side: the level that everything inside the network is relative to
_SILENCE = 1e-9  # mean power per bin below which nothing is added (a 24-bit file's last bits)
_SIDE_SILENCE = 1e-5  # power of side over mid below which a passage counts as mono
# Largest fill of mid and side over the level, as logarithms: 99.9 % of what MP3s at 16 to 64 kbit/s lack is below.
_CEILING = (0.5, -0.5)
_FEATURE_FLOOR = 1e-10  # 100 dB below the mean power of a bin


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """Shape of the network.

    `latents` is the number of z values drawn for each frame, and again of those drawn once for the file.
    """

    fft_size: int = 2048
    width: int = 320
    expansion: int = 3
    trunk_dilations: tuple[int, ...] = (1, 2, 4, 8)
    late_dilations: tuple[int, ...] = (1, 1)
    bands: int = 96
    latents: int = 16

    @property
    def bins(self) -> int:
        """Bins of a spectrum."""
        return self.fft_size // 2 + 1

    @property
    def halo_frames(self) -> int:
        """Frames on either side that an output frame depends on."""
        return _LEVEL_FRAMES + 2 * (sum(self.trunk_dilations) + sum(self.late_dilations))


def mel_bands(bands: int, bins: int, nyquist_hz: float = 22050.0) -> NDArray[np.float32]:
    """Triangles on the mel scale that sum to one in every bin: shape (bands, bins)."""
    mel = 1127 * np.log1p(np.linspace(0, nyquist_hz, bins) / 700)
    position = mel / mel[-1] * (bands - 1)
    triangles = np.maximum(0, 1 - np.abs(position[None, :] - np.arange(bands)[:, None]))
    return np.asarray(triangles, dtype=np.float32)


class TimeBlock(nn.Module):
    """Residual block: a 5-tap filter over time in each channel, then a two-layer perceptron in each frame."""

    def __init__(self, width: int, expansion: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        # Shifted products: PyTorch's depthwise convolution is slow on a CPU, and ONNX would need transposes.
        self.taps = nn.Parameter(torch.randn(5, width) * 0.2)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, expansion * width)
        self.narrow = nn.Linear(expansion * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.3))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, frames, width) to the same shape."""
        frames = x.shape[1]
        padded = F.pad(x, (0, 0, 2 * self.dilation, 2 * self.dilation))
        mixed = padded[:, :frames] * self.taps[0]
        for k in range(1, 5):
            mixed = mixed + padded[:, k * self.dilation : k * self.dilation + frames] * self.taps[k]
        result: Tensor = x + self.scale * self.narrow(F.gelu(self.widen(self.norm(mixed))))
        return result


class Generator(nn.Module):
    """Spectrum of an MP3, excitations and z to the spectrum of one plausible original.

    Two paths make the output. The copy path multiplies each bin by a gain within a factor of two, which does not
    depend on z: chance has no say in what survived. The fill path adds excitations with band-wise gains, let through
    only where the copy path holds less than the fill: a bin that the MP3 kept is hardly touched whatever the gains
    are. At initialisation both are inert and the generator is the identity. Everything is relative to the level of
    the surrounding frames, so that gain in is gain out.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        width, bins = config.width, config.bins
        self.mid_in = nn.Linear(bins, width)
        self.side_in = nn.Linear(bins, width)
        self.level_in = nn.Linear(2, width)
        self.trunk = nn.ModuleList([TimeBlock(width, config.expansion, d) for d in config.trunk_dilations])
        self.latent_in = nn.Linear(2 * config.latents, width)
        self.late = nn.ModuleList([TimeBlock(width, config.expansion, d) for d in config.late_dilations])
        self.norm = nn.LayerNorm(width)
        self.mid_gain = nn.Linear(width, bins)
        self.side_gain = nn.Linear(width, bins)
        self.fill = nn.Linear(width, 2 * len(EXCITATIONS) * config.bands)
        for head in (self.mid_gain, self.side_gain, self.fill):
            nn.init.normal_(head.weight, std=1e-3)
            nn.init.zeros_(head.bias)
        nn.init.constant_(self.fill.bias, -6.0)
        self.register_buffer("bands", torch.from_numpy(mel_bands(config.bands, bins)), persistent=False)
        self.bands: Tensor

    def encode(self, spectrum: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The part that does not depend on z: hidden state, level, power of the bins, and the copy path.

        `spectrum` has shape (batch, 2 planes, 2 parts, frames, bins); the results (batch, frames, width),
        (batch, 2 planes, frames, 1), (batch, 2 planes, frames, bins), and the shape of `spectrum`.
        """
        real, imaginary = spectrum[:, :, 0], spectrum[:, :, 1]
        power = real * real + imaginary * imaginary
        plane_power = power.mean(dim=-1)
        around = F.avg_pool1d(plane_power, 2 * _LEVEL_FRAMES + 1, 1, _LEVEL_FRAMES)
        mid, side = around[:, :1], around[:, 1:]
        level = (mid + side + _SILENCE).sqrt()
        relative = torch.log(power / (level**2).unsqueeze(-1) + _FEATURE_FLOOR)
        relative = (relative + 8) / 6
        frame = (torch.log(plane_power / level**2 + _FEATURE_FLOOR) / 6).transpose(1, 2)
        hidden = self.mid_in(relative[:, 0]) + self.side_in(relative[:, 1]) + self.level_in(frame)
        for block in self.trunk:
            hidden = block(hidden)
        # Digital silence stays silent, and a side plane that is not there stays so.
        here = plane_power.sum(dim=1, keepdim=True)
        sounding = here / (here + _SILENCE)
        stereo = side / (side + _SIDE_SILENCE * mid + 1e-3 * _SILENCE)
        amplitude = level * sounding * torch.cat([torch.ones_like(stereo), stereo], dim=1)
        calm = self.norm(hidden)
        gains = torch.stack([self.mid_gain(calm), self.side_gain(calm)], dim=1)
        copied = spectrum * torch.exp(0.7 * torch.tanh(gains.float())).unsqueeze(2)
        return hidden, amplitude.unsqueeze(-1), power, copied

    def decode(
        self, encoded: tuple[Tensor, Tensor, Tensor, Tensor], excitations: Sequence[Tensor], z: Tensor
    ) -> Tensor:
        """One draw from what `encode` gave: the restored spectrum.

        Each of the `excitations` has the shape of the spectrum, `z` has (batch, frames, 2 * latents). In training the
        excitations may be bfloat16: they take most of the memory traffic, and are random anyway.
        """
        hidden, amplitude, power, restored = encoded
        hidden = hidden + self.latent_in(z)
        for block in self.late:
            hidden = block(hidden)
        hidden = self.norm(hidden)
        batch, frames, _ = hidden.shape
        kinds = len(EXCITATIONS)
        logs = self.fill(hidden).float().reshape(batch, frames, 2, kinds, self.config.bands)
        # A floor far below anything audible whose square underflows: what is to stay silent gets exactly zero.
        ceiling = torch.tensor(_CEILING, device=logs.device).reshape(1, 1, 2, 1, 1)
        logs = torch.minimum(logs.clamp_min(-14.0), ceiling)
        logs = logs + torch.log(amplitude + 1e-30).permute(0, 2, 1, 3).unsqueeze(3)
        # Interpolating logarithms between bands is the same for a band's total as for its parts.
        wanted = torch.exp(torch.logsumexp(2 * logs, dim=3) @ self.bands).transpose(1, 2)
        # Squared: a bin that holds twice the fill gets a 25th of it.
        gate = (wanted / (wanted + power + 1e-20)).square()
        for k, excitation in enumerate(excitations):
            gains = torch.exp(logs[:, :, :, k] @ self.bands).transpose(1, 2) * gate
            restored = restored + gains.unsqueeze(2).to(excitation.dtype) * excitation
        return restored

    def forward(self, spectrum: Tensor, z: Tensor, *excitations: Tensor) -> Tensor:
        """One draw from one input; shapes as above."""
        return self.decode(self.encode(spectrum), excitations, z)
