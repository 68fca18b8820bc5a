"""Running means that do not drift: every value is summed in the same order, wherever a signal is cut."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["running_mean"]


def running_mean(
    values: NDArray[np.float32], size: int, edges: Literal["constant", "edge"] = "constant"
) -> NDArray[np.float32]:
    """Return the mean over an odd number of neighbours along the last axis.

    Outside the array, values count as zero ("constant") or as the outermost value ("edge"). If no value is negative,
    no mean is either.
    """
    around = [(0, 0)] * (values.ndim - 1) + [(size // 2, size // 2)]
    padded = np.pad(values, around, edges)
    sums = np.empty_like(padded)
    # As one row, which is faster; sums that span two rows are not used.
    _running_sum(padded.reshape(-1), size, sums.reshape(-1))
    mean = sums[..., : values.shape[-1]]
    mean *= np.float32(1 / size)
    return mean


def _running_sum(values: NDArray[np.float32], size: int, out: NDArray[np.float32]) -> None:
    """Write the sum of `size` values from each value (n,) on into `out`, except into its last `size - 1` values.

    Sums of 1, 2, 4 and so on neighbours are added up according to the binary digits of `size`.
    """
    whole = out[: len(values) - size + 1]
    begun = 0  # number of neighbours already in `whole`
    sums, width = values, 1
    spares = [np.empty_like(values), np.empty_like(values)]
    while True:
        if size & width:
            part = sums[begun : begun + len(whole)]
            np.add(whole, part, out=whole) if begun else np.copyto(whole, part)
            begun += width
        if begun == size:
            return
        spares.reverse()
        sums = np.add(sums[:-width], sums[width:], out=spares[0][: len(sums) - width])
        width *= 2
