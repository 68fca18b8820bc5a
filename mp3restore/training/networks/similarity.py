"""Similarity of two spectrograms by structure more than by level: the measure on which ViSQOL is based.

The neurogram similarity index (NSIM; Hines & Harte, Speech Communication 54, 2012) of spectrograms in mel bands and dB,
limited to 45 dB below the peak of each frame, as in ViSQOL (Chinen et al. 2020). A distance of magnitudes measures
whether each band has the right level; this measures whether it rises and falls with the original.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from mp3restore.training.networks.objective import mel_matrix

__all__ = ["SIZE", "dissimilarity"]

SIZE = 4096  # 93 ms at 44.1 kHz; ViSQOL uses 80 ms
_BANDS = 32
_DEPTH_DB = 45.0
# ViSQOL's constants are close to 0, so the last dB of a flat region counts as much as a beat.
_LEVEL_CONSTANT = 1.0  # dB^2
_STRUCTURE_CONSTANT = 1.0  # dB^2
_NEIGHBOUR = 0.0838251  # weight of the nearest bands and frames in a window of 3 by 3
_CORNER = 0.0113034


@lru_cache(maxsize=4)
def _window(device: torch.device) -> Tensor:
    n, c = _NEIGHBOUR, _CORNER
    return torch.tensor([[c, n, c], [n, 1 - 4 * (n + c), n], [c, n, c]], device=device)[None, None]


def _local(values: Tensor) -> Tensor:
    """Return the mean over the window around each point of (batch, frames, bands)."""
    padded = functional.pad(values.unsqueeze(1), (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(padded, _window(values.device)).squeeze(1)


def dissimilarity(a: Tensor, b: Tensor, known: Tensor) -> Tensor:
    """Return 1 - NSIM of two sets of magnitudes (batch, frames, SIZE / 2 + 1) per item: 0 if they are the same.

    `known` (batch, frames or 1, SIZE / 2 + 1) is 1 where a bin counts, else 0.
    """
    mel = mel_matrix(_BANDS, SIZE, a.device)
    powers = [(m * known) ** 2 @ mel for m in (a, b)]
    peak = torch.maximum(*powers).amax(-1, keepdim=True).detach()
    floor = peak * 10 ** (-_DEPTH_DB / 10) + 1e-9
    x, y = (10 * torch.log10(1 + p / floor) for p in powers)
    mean_x, mean_y = _local(x), _local(y)
    # Rounding can leave a variance a little below 0.
    var_x = (_local(x * x) - mean_x**2).clamp_min(0.0)
    var_y = (_local(y * y) - mean_y**2).clamp_min(0.0)
    both = _local(x * y) - mean_x * mean_y
    level = (2 * mean_x * mean_y + _LEVEL_CONSTANT) / (mean_x**2 + mean_y**2 + _LEVEL_CONSTANT)
    spread = ((var_x + 1e-4) * (var_y + 1e-4)).sqrt()
    structure = (both + _STRUCTURE_CONSTANT) / (spread + _STRUCTURE_CONSTANT)
    share = (known @ mel) / mel.sum(0)
    lack = (1 - level * structure) * share
    result: Tensor = lack.mean(1).sum(-1) / share.mean(1).sum(-1).clamp_min(1e-9)
    return result
