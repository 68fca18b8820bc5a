"""How many lines of long blocks are near zero at each of the 576 places where a granule can start.

On its own grid a decoded MP3 has many lines that are exactly zero, one sample beside it hardly any: R. Yang, Z. Qu,
J. Huang, "Detecting Digital Audio Forgeries by Checking Frame Offsets", ACM MM&Sec 2008. The same holds of AAC on its
own grid: S. Moehrs, J. Herre, R. Geiger, "Analysing Decompressed Audio with the Inverse Decoder", AES 112th
Convention, 2002.

All starts in one: the filter bank's 32 sub-bands are worked out for 32 shifts by a sample, and the MDCT at every
sub-band sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.filterbank import HALO, OVERLAP, long_lines_at_every_slot, polyphase_analysis
from mp3restore.mp3.stream import GRANULE_SAMPLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STRETCHES: Final = 5
_GRANULES: Final = 4
STRETCH_SAMPLES: Final = (_GRANULES + 2) * GRANULE_SAMPLES + OVERLAP + 2 * HALO
# Where zeros are counted: sub-band 0 has hardly any, above 16.5 kHz most music has no level.
_BANDS: Final = 24
_CANDIDATES: Final = 24
# A line is near zero when its power is so far below the mean of its sub-band. Noise is so in 0.8 % of all cases.
_NEAR: Final = 1e-4
# Rounding to 16 bits leaves 5e-7 (deviation) in every line; so far up a line can be zero if its sub-band is louder.
_ROUNDING: Final = 3e-12
_MOST: Final = 1e-2
_AUDIBLE: Final = 3e-10
_SIDE_LEVEL: Final = 1e-3


def zeros_by_offset(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Count near-zero lines at all offsets, in the loudest stretches of 0.1 s, one for each fifth of the samples.

    Parameters
    ----------
    samples : ndarray of float32
        Shape (channels, n), one or two channels, full scale 1.0.

    Returns
    -------
    Shape (576, 3): by offset modulo 576, the evidence of near-zero lines, their number, and the number of all lines
    in audible sub-bands. Zero where the samples are shorter than `STRETCH_SAMPLES`, or silent.
    """
    counts = np.zeros((GRANULE_SAMPLES, 3))
    for start in _loudest(samples):
        stretch = np.asarray(samples[:, start : start + STRETCH_SAMPLES], np.float32)
        counts += np.roll(_count(_two_planes(stretch)), (start + HALO) % GRANULE_SAMPLES, axis=0)
    return counts


def _loudest(samples: NDArray[np.float32]) -> list[int]:
    last = samples.shape[1] - STRETCH_SAMPLES
    if last < 0:
        return []
    starts = np.unique(np.linspace(0, last, _CANDIDATES).astype(np.int64))
    power = [float(np.mean(np.square(samples[:, s : s + STRETCH_SAMPLES]))) for s in starts]
    return [
        int(max(zip(p, s, strict=True))[1])
        for p, s in zip(np.array_split(power, _STRETCHES), np.array_split(starts, _STRETCHES), strict=True)
        if p.size and max(p) > 0
    ]


def _two_planes(stretch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the louder channel, and side, or mid where there is no side: in one of them the zeros are."""
    if stretch.shape[0] == 1:
        return stretch
    half = np.float32(np.sqrt(0.5))
    side = (stretch[0] - stretch[1]) * half
    if np.sqrt(np.mean(np.square(side))) < _SIDE_LEVEL:
        side = (stretch[0] + stretch[1]) * half
    return np.stack([stretch[int(np.argmax(np.mean(np.square(stretch), axis=1)))], side])


def _count(planes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Count by offset in one stretch, shape (576, 3).

    The evidence of a near-zero line is the logarithm of the odds against noise being so near to zero by chance.
    """
    counts = np.empty((18, 32, 3))
    for fine in range(32):
        subbands = polyphase_analysis(np.ascontiguousarray(planes[:, fine:]), 18 * (_GRANULES + 2) - 1)
        power = np.square(long_lines_at_every_slot(subbands[..., :_BANDS], 18 * _GRANULES))[:, :, 1:]
        level = power.mean(axis=-1)
        limit = np.maximum(_NEAR * level, np.minimum(_ROUNDING, _MOST * level))
        audible = level > _AUDIBLE
        near = np.count_nonzero(power < limit[..., None], axis=-1) * audible
        odds = -0.5 * np.log(limit / np.maximum(level, _AUDIBLE))
        for place, values in enumerate((near * odds, near)):
            counts[:, fine, place] = values.reshape(_GRANULES, 18, -1).sum(axis=(0, 2))
        counts[:, fine, 2] = 18 * audible.reshape(_GRANULES, 18, -1).sum(axis=(0, 2))
    return counts.reshape(GRANULE_SAMPLES, 3)
