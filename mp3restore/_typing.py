"""Types that all rooms share."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["FloatArray", "Samples"]

Samples: TypeAlias = NDArray[np.float32]
"""Samples of shape (channels, samples), full scale 1.0."""

FloatArray: TypeAlias = NDArray[np.float32]
"""Numbers of any shape."""
