"""Matrix products that do not depend on how many threads the BLAS has.

OpenBLAS shares a large product among its threads, and some of its kernels round differently where their parts meet. A
small product it gives to one thread (OpenBLAS, interface/gemm.c). So a large one is made of small ones here.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["product"]

_MOST: Final = 2**18
"""Multiplications of a product that OpenBLAS gives to one thread."""


def product(left: NDArray[Any], right: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return ``left @ right``.

    Parameters
    ----------
    left : ndarray
        Shape (..., n, k).
    right : ndarray
        Shape (k, m), of the same type.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray
        Shape (..., n, m).
    """
    rows, count = max(1, _MOST // right.size), left.shape[-2]
    result = np.empty((*left.shape[:-1], right.shape[1]), left.dtype) if out is None else out
    whole = count // rows * rows

    def in_blocks(array: NDArray[Any]) -> NDArray[Any]:
        return array[..., :whole, :].reshape(*array.shape[:-2], whole // rows, rows, array.shape[-1])

    # To split an axis needs no copy, so this writes into the result.
    np.matmul(in_blocks(left), right, out=in_blocks(result))
    np.matmul(left[..., whole:, :], right, out=result[..., whole:, :])
    return result
