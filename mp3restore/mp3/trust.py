"""Which granules can be believed: what was read from the bitstream explains what the decoder put out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.filterbank import HALO, SUPPORT
from mp3restore.mp3.lattice import cell_limits, lattice_values
from mp3restore.mp3.stream import GRANULE_SAMPLES
from mp3restore.mp3.windows import BATCH, first_granule, lead_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mp3restore.mp3.stream import Mp3Stream

# A granule whose decoded lines miss the lattice was not decoded from what we read: damage that the bitstream hides, a
# clipping decoder, or a wrong offset.
_MISS: Final = 0.1
_MISS_SHARE: Final = 0.25
_JUDGED_LINES: Final = 8
# A decoder that loses a granule loses its samples; the granules before and after whose functions reach there suffer.
_REACH: Final = 2


def trusted_granules(stream: Mp3Stream) -> NDArray[np.bool_]:
    """Return which granules can be projected: known without intensity stereo, as are two on each side; (granules,)."""
    good = np.pad(stream.known & ~stream.intensity, _REACH, constant_values=True)
    windows = np.lib.stride_tricks.sliding_window_view(good, 2 * _REACH + 1)
    return np.asarray(windows.all(axis=1))


def complete_granules(offset: int, first: int, filled: int) -> NDArray[np.bool_]:
    """Return which granules of a window have all their samples, shape (BATCH,); see `windows.granule_windows`."""
    granule = np.arange(first, first + BATCH)
    inside = HALO + GRANULE_SAMPLES * (granule - first) + SUPPORT <= filled
    cut = (granule == first_granule(offset)) & (lead_in(offset) > HALO)
    return np.asarray(inside & ~cut)


def fits_lattice(
    scaled: NDArray[np.float32], coded: NDArray[np.intp], magnitudes: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Return in which granules the decoded lines lie on the lattice, shape (n,).

    ``scaled`` are magnitudes in steps, shape (n, channels, 576); ``coded`` and ``magnitudes`` are the places and the
    ``q`` of those that are not zero, see `lattice.coded_lines`.
    """
    lower, upper = cell_limits(magnitudes)
    missed = coded[np.abs(scaled.ravel()[coded] - lattice_values(magnitudes)) > _MISS * (upper - lower)]
    total, wrong = (np.bincount(lines // scaled[0].size, minlength=len(scaled)) for lines in (coded, missed))
    return np.asarray((total < _JUDGED_LINES) | (wrong <= _MISS_SHARE * total))
