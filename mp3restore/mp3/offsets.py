"""How many lines of long blocks are near zero at each of the 576 places where a granule can start.

On its own grid a decoded MP3 has many lines that are exactly zero, one sample beside it hardly any: R. Yang, Z. Qu,
J. Huang, "Detecting Digital Audio Forgeries by Checking Frame Offsets", ACM MM&Sec 2008. The same holds of AAC on its
own grid: S. Moehrs, J. Herre, R. Geiger, "Analysing Decompressed Audio with the Inverse Decoder", AES 112th
Convention, 2002.

All starts in one: the filter bank's 32 sub-bands are worked out for 32 shifts by a sample, and the MDCT at every
sub-band sample. One start against a few others is much cheaper, and so can be looked at in far more granules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.filterbank import HALO, OVERLAP, long_lines_at_every_slot, polyphase_analysis
from mp3restore.mp3.stream import GRANULE_SAMPLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SLOTS: Final = 18
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
_NO_POWER: Final = 1e-30
# A single place is looked at in so many stretches of so many granules, beside those that are 6 and 12 slots later.
_PIECES: Final = 24
_PIECE: Final = 32
_BESIDE: Final = 6
_LEAST: Final = 64  # granules from which the spread of their evidence is known
# They are taken in rounds, each from all of the samples; a place that stands out by less after one is given up.
_ROUNDS: Final = 3
_HOPELESS: Final = 1.0


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


def stands_out(samples: NDArray[np.float32], offset: int) -> float:
    """Compare the near-zero lines at one offset with those at two beside it, granule by granule.

    Parameters
    ----------
    samples : ndarray of float32
        As for `zeros_by_offset`.
    offset : int
        The offset, modulo 576.

    Returns
    -------
    How far their evidence at this offset exceeds that beside it, in standard deviations of the mean over granules, in
    up to 24 stretches of 0.4 s; in 8 or 16 where that is next to nothing. 0 for fewer than 64 granules.
    """
    length = (_PIECE + 1) * GRANULE_SAMPLES + OVERLAP + 2 * HALO
    last = samples.shape[1] - length - GRANULE_SAMPLES
    if last < 0:
        return 0.0
    pieces = np.unique(np.linspace(0, last, min(_PIECES, 1 + last // (_PIECE * GRANULE_SAMPLES))).astype(np.int64))
    found = np.zeros(0, np.float32)
    deviations = 0.0
    for some in (pieces[k::_ROUNDS] for k in range(_ROUNDS)):
        starts = some + (offset - HALO - some) % GRANULE_SAMPLES
        found = np.concatenate([found, *(_excess(samples[:, start : start + length]) for start in starts)])
        deviations = _deviations(found)
        if len(found) >= _LEAST and deviations < _HOPELESS:
            break
    return deviations


def _excess(stretch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return by how much the evidence of each granule exceeds that beside it, shape (32,)."""
    evidence = _near_zero(_two_planes(np.asarray(stretch, np.float32)), _PIECE, _BESIDE)[0]
    evidence = evidence.sum(axis=-1).reshape(_PIECE, -1)
    return np.asarray(evidence[:, 0] - evidence[:, 1:].mean(axis=1))


def _deviations(excess: NDArray[np.float32]) -> float:
    """Return the mean in its standard deviations; silence says nothing."""
    excess = excess[excess != 0]
    spread = float(excess.std()) if len(excess) >= _LEAST else 0.0
    return float(excess.mean()) / spread * len(excess) ** 0.5 if spread else 0.0


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
    """Count by offset in one stretch, shape (576, 3)."""
    counts = np.empty((_SLOTS, 32, 3))
    for fine in range(32):
        for place, values in enumerate(_near_zero(planes[:, fine:], _GRANULES)):
            counts[:, fine, place] = values.reshape(_GRANULES, _SLOTS, -1).sum(axis=(0, 2))
    return counts.reshape(GRANULE_SAMPLES, 3)


def _near_zero(planes: NDArray[np.float32], granules: int, step: int = 1) -> tuple[NDArray[np.float32], ...]:
    """Find near-zero lines in the long blocks that start at every `step` slots.

    Returns their evidence, their number, and that of all lines in audible sub-bands; shape (blocks, planes * bands)
    each. The evidence of a near-zero line is the logarithm of the odds against noise being so near to zero by chance.
    """
    subbands = polyphase_analysis(np.ascontiguousarray(planes), _SLOTS * (granules + 2) - 1)
    power = np.square(long_lines_at_every_slot(subbands[..., :_BANDS], _SLOTS * granules, step))[:, :, 1:]
    power = power.reshape(len(power), -1, _SLOTS)
    level = power.mean(axis=-1)
    limit = np.maximum(_NEAR * level, np.minimum(_ROUNDING, _MOST * level)) + np.float32(_NO_POWER)
    audible = level > _AUDIBLE
    near = np.count_nonzero(power < limit[..., None], axis=-1) * audible
    odds = -0.5 * np.log(limit / np.maximum(level, _AUDIBLE))
    return near * odds, near, _SLOTS * audible
