"""Sample-rate conversion by a rational factor, as a whole or block by block with the same result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

__all__ = ["output_rate", "resample_stream", "resampled_length"]

# Zero crossings of the sinc on each side, pass band edge and Kaiser beta: 90 dB of image rejection, and a
# transition band of 7 % of the lower Nyquist frequency.
_ZERO_CROSSINGS = 40
_PASS_BAND = 0.965
_KAISER_BETA = 9.0


def output_rate(sample_rate: int) -> int:
    """Rate in Hz that a file of `sample_rate` Hz is restored at.

    Low-rate MPEG-2 and 2.5 files are brought to the full rate of their family, so that there is room for treble:
    11.025 and 22.05 kHz to 44.1 kHz; 8, 12, 16, 24 and 32 kHz to 48 kHz. Other rates are kept.
    """
    if sample_rate in (11025, 22050):
        return 44100
    if sample_rate in (8000, 12000, 16000, 24000, 32000):
        return 48000
    return sample_rate


def resampled_length(samples: int, source_rate: int, target_rate: int) -> int:
    """Length in samples after conversion: the smallest number that covers the same time."""
    return -(-samples * target_rate // source_rate)


@lru_cache(maxsize=8)
def _filter(up: int, down: int) -> NDArray[np.float32]:
    """Linear-phase low-pass at the lower of both Nyquist frequencies, its centre on a multiple of `down`."""
    from scipy.signal import firwin  # noqa: PLC0415 - scipy.signal is slow to import and rarely needed

    rate = max(up, down)
    half = _ZERO_CROSSINGS * rate
    taps = firwin(2 * half + 1, _PASS_BAND / rate, window=("kaiser", _KAISER_BETA)) * up
    return np.concatenate([np.zeros(-half % down), taps]).astype(np.float32)


def resample_stream(
    blocks: Iterable[NDArray[np.float32]], source_rate: int, target_rate: int
) -> Iterator[NDArray[np.float32]]:
    """Convert blocks of shape (channels, samples) from `source_rate` to `target_rate` (Hz).

    The result does not depend on how the input is cut into blocks, has no delay, and is exactly
    `resampled_length` samples long. Memory is bounded by the longest block.
    """
    if source_rate == target_rate:
        yield from blocks
        return
    from scipy.signal import upfirdn  # noqa: PLC0415

    divisor = gcd(source_rate, target_rate)
    up, down = target_rate // divisor, source_rate // divisor
    taps = _filter(up, down)
    centre = (len(taps) - 1 + (-_ZERO_CROSSINGS * max(up, down)) % down) // 2  # a multiple of `down`
    # Input samples of context on either side: a multiple of `down`, so that outputs fall on the same phases.
    context = down * -(-centre // (up * down))
    buffer: NDArray[np.float32] | None = None
    done = 0  # input samples whose outputs have been given out
    total = 0

    def convert(segment: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        first = centre // down + context * up // down
        converted = upfirdn(taps, segment, up, down, axis=1)[:, first : first + count]
        return np.ascontiguousarray(converted, dtype=np.float32)

    for block in blocks:
        if buffer is None:
            buffer = np.zeros((block.shape[0], context), np.float32)
        total += block.shape[1]
        buffer = np.concatenate([buffer, block], axis=1)
        ready = (buffer.shape[1] - 2 * context) // down * down
        if ready > 0:
            yield convert(buffer[:, : ready + 2 * context], ready * up // down)
            buffer = buffer[:, ready:]
            done += ready
    if buffer is None:
        return
    left = resampled_length(total, source_rate, target_rate) - done * up // down
    tail = np.zeros((buffer.shape[0], 2 * context + down), np.float32)
    if left > 0:
        yield convert(np.concatenate([buffer, tail], axis=1), left)
