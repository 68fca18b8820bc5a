"""The generator: joint mid/side, at frame rate; it adds and takes nothing away."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor, nn

from mp3restore.dsp.stft import mel_bands
from mp3restore.generator.uncertainty import LOG_FLOOR, PLANES

__all__ = ["Generator", "GeneratorConfig", "power_of"]

_LEVEL_FRAMES = 8  # on either side, for the level to which everything inside the network is relative
_SILENCE = 1e-9  # mean power per bin below which nothing is added (a 24-bit file's last bits)
_SIDE_SILENCE = 1e-5  # power of side over mid below which a passage counts as mono
# Largest fill of mid and side over the level, as logarithms: above 99.9 % of the losses of MP3s at 16 to 64 kbit/s.
_CEILING = (0.5, -0.5)
_FEATURE_FLOOR = 1e-10  # 100 dB below the mean power of a bin
_HOLE_FLOOR = -14.0  # logarithm of the least amplitude of holes over the level
# Largest power of the fill in quantised zeros over that of originals spread evenly in their cells; frames vary so much.
_HOLE_HEADROOM = 1.5


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """Shape of the network.

    `latents` is the number of z values, drawn once for a file. What is uncertain about a song, such as how bright its
    snare was, is so from beginning to end. `style` is the width of the layer between z and what it does.
    """

    fft_size: int = 2048
    width: int = 320
    expansion: int = 3
    trunk_dilations: tuple[int, ...] = (1, 2, 4, 8)
    late_dilations: tuple[int, ...] = (1, 1)
    bands: int = 96
    latents: int = 16
    style: int = 64

    @property
    def bins(self) -> int:
        """Number of bins of a spectrum of the input."""
        return self.fft_size // 2 + 1

    @property
    def gain_bins(self) -> int:
        """Number of bins of a spectrum of the noise, whose frames are half as long."""
        return self.fft_size // 4 + 1

    @property
    def halo_frames(self) -> int:
        """Number of frames on either side on which an output frame depends."""
        return _LEVEL_FRAMES + 2 * (sum(self.trunk_dilations) + sum(self.late_dilations))


_Style = tuple[Tensor, Tensor]
"""What z multiplies the channels of a layer by, less one, and what it adds: (batch, 1, width) each."""


def _styled(x: Tensor, style: _Style | None) -> Tensor:
    """Conditional normalisation (Perez et al. 2018, FiLM) of a normalised layer (batch, frames, width)."""
    return x if style is None else x * (1 + style[0]) + style[1]


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

    def forward(self, x: Tensor, *, pad: bool, style: _Style | None = None) -> Tensor:
        """(batch, frames, width) to the same with `2 * dilation` frames less on either side, or zeros put there."""
        reach = 2 * self.dilation
        if pad:
            x = F.pad(x, (0, 0, reach, reach))
        frames = x.shape[1] - 2 * reach
        mixed = x[:, :frames] * self.taps[0]
        for k in range(1, 5):
            mixed = mixed + x[:, k * self.dilation : k * self.dilation + frames] * self.taps[k]
        hidden = self.narrow(F.gelu(self.widen(_styled(self.norm(mixed), style))))
        result: Tensor = x[:, reach : reach + frames] + self.scale * hidden
        return result


@dataclass(frozen=True, slots=True)
class Encoded:
    """Output of the part of the network that does not depend on z."""

    hidden: Tensor
    """(batch, frames, width), including the frames of context for the layers after z."""
    amplitude: Tensor
    """Level of each plane, zero where nothing may be added: (batch, 2 planes, frames, 1)."""
    power: Tensor
    """Power of the input in the bins of the noise, every second one: (batch, 2 planes, frames, gain bins)."""
    room: Tensor
    """Largest amplitude of the fill over the level: (batch, 2 planes, frames, bands)."""


def power_of(spectrum: Tensor) -> Tensor:
    """Return the power of a spectrum (batch, 2 planes, 2 parts, frames, bins), without parts: the generator's input."""
    return (spectrum * spectrum).sum(dim=2)


def _inner(x: Tensor, cut: int, dim: int) -> Tensor:
    """Return `x` without `cut` frames at either end."""
    return x.narrow(dim, cut, x.shape[dim] - 2 * cut)


class Generator(nn.Module):
    """Maps the power spectrogram of an MP3, its uncertainty map, and z to the gains for one plausible original.

    The original is the input plus noise, the fill, filtered with these gains in frames half as long as those of the
    input, and centred where these are: attacks are sharper so. The network finds gains in the bands of the uncertainty
    map, which are interpolated between them: a gain for each bin makes stripes that stand still. A gate lets the fill
    through only where the input is weaker, and only as far as the map leaves room: a bin that the MP3 kept hardly
    changes, whatever the gains are. At initialisation nothing is added. Everything is relative to the level of the
    surrounding frames, so a gain on the input is the same gain on the output.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        width, bins = config.width, config.bins
        self.mid_in = nn.Linear(bins, width)
        self.side_in = nn.Linear(bins, width)
        self.level_in = nn.Linear(2, width)
        self.uncertainty_in = nn.Linear(PLANES * config.bands, width, bias=False)
        self.trunk = nn.ModuleList([TimeBlock(width, config.expansion, d) for d in config.trunk_dilations])
        self.latent_in = nn.Linear(config.latents, width)
        self.style_in = nn.Linear(config.latents, config.style)
        self.style_out = nn.Linear(config.style, 2 * (len(config.late_dilations) + 1) * width)
        self.late = nn.ModuleList([TimeBlock(width, config.expansion, d) for d in config.late_dilations])
        self.norm = nn.LayerNorm(width)
        self.mid_fill = nn.Linear(width, config.bands)
        self.side_fill = nn.Linear(width, config.bands)
        for head in (self.mid_fill, self.side_fill, self.uncertainty_in):
            nn.init.normal_(head.weight, std=1e-3)
        for head in (self.mid_fill, self.side_fill):
            nn.init.constant_(head.bias, -6.0)
        nn.init.zeros_(self.style_out.weight)
        nn.init.zeros_(self.style_out.bias)
        self.register_buffer("bands", torch.from_numpy(mel_bands(config.bands, config.gain_bins)), persistent=False)
        self.bands: Tensor

    def encode(self, power: Tensor, uncertainty: Tensor, *, pad: bool = True) -> Encoded:
        """Compute everything that does not depend on z from an input's power (batch, 2 planes, frames, bins) and map.

        With `pad`, frames outside count as zero and all frames are returned; without it, `halo_frames` less on either
        side. `uncertainty` has shape (batch, frames, 6 * bands); see `generator.uncertainty`.
        """
        config = self.config
        plane_power = power.mean(dim=-1)
        around = F.avg_pool1d(plane_power, 2 * _LEVEL_FRAMES + 1, 1, _LEVEL_FRAMES if pad else 0)
        near = 0 if pad else _LEVEL_FRAMES
        cut = 0 if pad else config.halo_frames
        power_near, here = _inner(power, near, 2), _inner(plane_power, near, 2)
        mid, side = around[:, :1], around[:, 1:]
        level = (mid + side + _SILENCE).sqrt()
        relative = torch.log(power_near * (math.exp(8) / level**2).unsqueeze(-1) + math.exp(8) * _FEATURE_FLOOR) / 6
        frame = (torch.log(here / level**2 + _FEATURE_FLOOR) / 6).transpose(1, 2)
        known = _inner(uncertainty, near, 1)
        holes, shares = known[..., : 2 * config.bands], known[..., 2 * config.bands :]
        missing = (holes - torch.log(level).transpose(1, 2)).clamp(_HOLE_FLOOR, 3.0)
        missing = torch.where(holes > LOG_FLOOR + 0.01, missing, _HOLE_FLOOR)
        hidden = self.mid_in(relative[:, 0]) + self.side_in(relative[:, 1]) + self.level_in(frame)
        hidden = hidden + self.uncertainty_in(torch.cat([(missing + 5) / 5, shares], dim=-1))
        for block in self.trunk:
            hidden = block(hidden, pad=pad)
        # Digital silence stays silent, and an empty side plane stays empty.
        total = here.sum(dim=1, keepdim=True)
        stereo = side / (side + _SIDE_SILENCE * mid + 1e-3 * _SILENCE)
        amplitude = level * (total / (total + _SILENCE)) * torch.cat([torch.ones_like(stereo), stereo], dim=1)
        return Encoded(
            hidden=hidden,
            amplitude=_inner(amplitude, cut - near, 2).unsqueeze(-1),
            power=_inner(power, cut, 2)[..., ::2],
            room=self._room(_inner(missing, cut - near, 1), _inner(shares, cut - near, 1)),
        )

    def _room(self, missing: Tensor, shares: Tensor) -> Tensor:
        """Return the room that the map leaves: the cells of quantised zeros, and the general bound for free lines."""
        batch, frames = missing.shape[:2]
        bands = self.config.bands
        bound = torch.exp(2 * torch.tensor(_CEILING, device=missing.device)).reshape(1, 2, 1, 1)
        free = shares[..., 2 * bands :].reshape(batch, frames, 2, bands).transpose(1, 2)
        holes = missing.reshape(batch, frames, 2, bands).transpose(1, 2)
        room = torch.minimum(free * bound + _HOLE_HEADROOM * torch.exp(2 * holes), bound)
        return (room + 1e-12).sqrt()

    def decode(self, encoded: Encoded, z: Tensor, *, pad: bool = True) -> Tensor:
        """Return one draw from the output of `encode`: the gains of the fill, (batch, 2 planes, frames, gain bins).

        z has (batch, latents).
        """
        z = z.unsqueeze(1)
        *styles, last = self._styles(z)
        hidden = encoded.hidden + self.latent_in(z)
        for block, style in zip(self.late, styles, strict=True):
            hidden = block(hidden, pad=pad, style=style)
        hidden = _styled(self.norm(hidden), last)
        logs = torch.stack([self.mid_fill(hidden), self.side_fill(hidden)], dim=1).float()
        fill = torch.minimum(torch.exp(logs.clamp(-14.0, 14.0)), encoded.room) * encoded.amplitude @ self.bands
        power = fill.square() + 1e-20
        # Squared: a bin with twice the amplitude of the fill gets a 25th of it.
        return fill * (power / (power + encoded.power)).square()

    def _styles(self, z: Tensor) -> list[_Style]:
        """What z (batch, 1, latents) does to each layer after it, the last normalisation included."""
        parts = self.style_out(F.gelu(self.style_in(z))).chunk(2 * (len(self.late) + 1), dim=-1)
        return list(zip(parts[::2], parts[1::2], strict=True))

    def forward(self, power: Tensor, uncertainty: Tensor, z: Tensor) -> Tensor:
        """Return one draw for an input with `halo_frames` on either side, for which there are no gains."""
        return self.decode(self.encode(power, uncertainty, pad=False), z, pad=False)
