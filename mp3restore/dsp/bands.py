"""Bands of the spectrum on the mel scale, as the generator sees them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["mel_bands"]


def mel_bands(bands: int, bins: int, nyquist_hz: float = 22050.0) -> NDArray[np.float32]:
    """Triangles on the mel scale that sum to one in every bin: shape (bands, bins)."""
    mel = 1127 * np.log1p(np.linspace(0, nyquist_hz, bins) / 700)
    position = mel / mel[-1] * (bands - 1)
    triangles = np.maximum(0, 1 - np.abs(position[None, :] - np.arange(bands)[:, None]))
    return np.asarray(triangles, dtype=np.float32)
