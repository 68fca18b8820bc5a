"""Energy score of levels pooled over bands and time: whether a drum is bright is one question, not one for every bin.

A distance that asks bin by bin is blind to what all bins have in common: draws whose bands all have the median level
suit it as well as draws of which some are bright and some are dull, as originals are. Scores of pooled quantities tell
them apart; ensemble forecasts of the weather need them for the same reason (arXiv 2506.10868,
2506.10772).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mp3restore.training.networks.known import Known, mean_of_known
from mp3restore.training.networks.objective import magnitudes, mel_matrix

__all__ = ["pooled_score"]

_SIZE = 2048
_BANDS = 32
_FRAMES = (1, 4, 16, 64)  # 23 ms to 1.5 s; the whole segment comes last
# Of the mean power of a bin, where the segment's root mean square is 1: -65 dB. What is below is not heard.
_FLOOR = 3e-7


def _in_bands(bins: Tensor) -> Tensor:
    """Mean of the bins (batch, frames, bins) of each band: (batch, bands, frames)."""
    bands = mel_matrix(_BANDS, _SIZE, bins.device)
    return (bins @ bands / bands.sum(0)).transpose(1, 2)


def pooled_score(original: Tensor, first: Tensor, second: Tensor, known: Known) -> tuple[Tensor, dict[str, Tensor]]:
    """``|y - g| + |y - g'| - |g - g'|`` of log band levels, at several lengths of averages over time.

    Nothing is weighted by what the original holds: draws judged only where there is treble would be bright everywhere.
    Where the MP3 kept all there is, original and draws agree, and the score is next to nothing.

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
    levels : dict of Tensor
        Of averages over the whole segment: ``level``, by how much the draws are louder (natural logarithm of power),
        ``off_level``, how far they are from the original, and ``apart``, how far from each other.
    """
    frames = (original.shape[-1] - _SIZE) // (_SIZE // 2) + 1
    bins = known.bins(_SIZE, _SIZE // 2, frames)
    powers = [_in_bands(magnitudes(s, _SIZE).square() * bins) for s in (original, first, second)]
    shares = _in_bands(bins).expand_as(powers[0])
    scores = []
    levels: dict[str, Tensor] = {}
    for pooled in (*(f for f in _FRAMES if f < frames), frames):
        wanted, one, other = ((functional.avg_pool1d(p, pooled) + _FLOOR).log() for p in powers)
        share = functional.avg_pool1d(shares, pooled)
        off = ((wanted - one).abs() + (wanted - other).abs()) / 2
        apart = (one - other).abs()
        scores.append(mean_of_known(2 * off - apart, share))
        brighter = (one + other) / 2 - wanted
        levels = {
            name: mean_of_known(v, share) for name, v in (("level", brighter), ("off_level", off), ("apart", apart))
        }
    return torch.stack(scores).mean(0), levels
