"""Energy score of peaks: whether the power of a band lies in lines and attacks, or is spread as in noise.

Bands of the right level may still be haze. The mean of logarithms falls below the logarithm of the mean the more, the
fewer bins hold the power (spectral flatness; J. D. Johnston, IEEE JSAC 6(2), 1988), or the fewer moments do.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mp3restore.training.networks.known import Known, mean_of_known
from mp3restore.training.networks.objective import magnitudes, mel_matrix

__all__ = ["peak_score"]

_LINES = 4096  # frames that tell tones apart
_MOMENTS = 256  # frames that tell attacks apart, 3 ms after each other
_LINE_BANDS = 24
_MOMENT_BANDS = 10
_WINDOW = 32  # moments whose flatness is judged, 93 ms
_AVERAGES = (1, 8)  # frames, or windows, that are judged together
# What lies below either counts as flat: a share of the band's mean power, and -65 dB of the segment's.
_RANGE = 1e-3
_FLOOR = 3e-7


def _over_bins(samples: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return the flatness of bands over their bins, (batch, frames, bands), and which share of each is known."""
    bands = mel_matrix(_LINE_BANDS, _LINES, samples.device)
    total = (known @ bands).clamp_min(1e-9)
    power = magnitudes(samples, _LINES).square()
    mean = ((power * known) @ bands) / total
    floor = _RANGE * (mean @ bands.T).detach() + _FLOOR
    logs = (((power + floor).log() * known) @ bands) / total
    return logs - (mean * (1 + _RANGE) + _FLOOR).log(), (total / bands.sum(0)).expand_as(mean)


def _over_moments(samples: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return the flatness of bands over the moments of a window, (batch, windows, bands), and likewise the share."""
    bands = mel_matrix(_MOMENT_BANDS, _MOMENTS, samples.device)
    total = known @ bands
    power = (magnitudes(samples, _MOMENTS).square() * known) @ bands / total.clamp_min(1e-9)
    share = (total / bands.sum(0)).expand_as(power)
    power, share = (each.unfold(1, _WINDOW, _WINDOW // 2) for each in (power, share))
    mean = power.mean(-1)
    floor = _RANGE * mean.detach() + _FLOOR
    return (power + floor.unsqueeze(-1)).log().mean(-1) - (mean + floor).log(), share.mean(-1)


def peak_score(original: Tensor, first: Tensor, second: Tensor, known: Known) -> tuple[Tensor, dict[str, Tensor]]:
    """``|y - g| + |y - g'| - |g - g'|`` of the flatness of bands, over bins and over moments.

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
    flatter : dict of Tensor
        By how much draws are flatter than the original: ``lines`` and ``moments``, natural logarithms of power.
    """
    scores = []
    flatter = {}
    for name, flatness, size in (("lines", _over_bins, _LINES), ("moments", _over_moments, _MOMENTS)):
        frames = (original.shape[-1] - size) // (size // 2) + 1
        bins = known.bins(size, size // 2, frames)
        (wanted, share), (one, _), (other, _) = (flatness(s, bins) for s in (original, first, second))
        for count in (each for each in _AVERAGES if each <= wanted.shape[1]):
            y, a, b, weight = (
                functional.avg_pool1d(each.transpose(1, 2), count) for each in (wanted, one, other, share)
            )
            scores.append(mean_of_known((y - a).abs() + (y - b).abs() - (a - b).abs(), weight))
        flatter[name] = mean_of_known((one + other) / 2 - wanted, share)
    return torch.stack(scores).mean(0), flatter
