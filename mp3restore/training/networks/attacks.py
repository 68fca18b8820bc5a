"""Energy score of attacks: whether the power of a band comes in a few moments, or is spread over time as in noise.

Bands of the right level may still be haze. The mean of logarithms falls below the logarithm of the mean the more, the
fewer moments hold the power (spectral flatness, over time; J. D. Johnston, IEEE JSAC 6(2), 1988).

The same over bins, for lines, does not work: stripes that stand still in every song satisfy it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mp3restore.training.networks.known import Known, mean_of_known
from mp3restore.training.networks.objective import magnitudes, mel_matrix

__all__ = ["attack_score"]

_SIZE = 256  # frames that tell attacks apart, 3 ms after each other
_BANDS = 10
_WINDOW = 32  # moments whose flatness is judged, 93 ms
_AVERAGES = (1, 8)  # windows that are judged together
# What lies below either counts as flat: a share of the band's mean power, and -65 dB of the segment's.
_RANGE = 1e-3
_FLOOR = 3e-7


def _flatness(samples: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return the flatness of bands over the moments of a window, (batch, windows, bands), and which share is known."""
    bands = mel_matrix(_BANDS, _SIZE, samples.device)
    total = known @ bands
    power = (magnitudes(samples, _SIZE).square() * known) @ bands / total.clamp_min(1e-9)
    share = (total / bands.sum(0)).expand_as(power)
    power, share = (each.unfold(1, _WINDOW, _WINDOW // 2) for each in (power, share))
    mean = power.mean(-1)
    floor = _RANGE * mean.detach() + _FLOOR
    return (power + floor.unsqueeze(-1)).log().mean(-1) - (mean + floor).log(), share.mean(-1)


def attack_score(original: Tensor, first: Tensor, second: Tensor, known: Known) -> tuple[Tensor, Tensor]:
    """``|y - g| + |y - g'| - |g - g'|`` of the flatness of bands over moments.

    Parameters
    ----------
    original, first, second : Tensor
        Segments (batch, samples) and two draws, in units of the root mean square of the original.
    known : Known
        What is known of the original; the rest does not count.

    Returns
    -------
    score : Tensor
        One number per item: (batch,).
    flatter : Tensor
        By how much draws are flatter than the original, natural logarithms of power: (batch,).
    """
    frames = (original.shape[-1] - _SIZE) // (_SIZE // 2) + 1
    bins = known.bins(_SIZE, _SIZE // 2, frames)
    (wanted, share), (one, _), (other, _) = (_flatness(s, bins) for s in (original, first, second))
    scores = []
    for count in (each for each in _AVERAGES if each <= wanted.shape[1]):
        y, a, b, weight = (functional.avg_pool1d(each.transpose(1, 2), count) for each in (wanted, one, other, share))
        scores.append(mean_of_known((y - a).abs() + (y - b).abs() - (a - b).abs(), weight))
    return torch.stack(scores).mean(0), mean_of_known((one + other) / 2 - wanted, share)
