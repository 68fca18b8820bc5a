"""Sample-rate conversion by a rational factor, block by block; the cuts between blocks do not change the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr

from mp3restore._typing import Samples

__all__ = ["output_rate", "resample", "resample_stream", "resampled_length"]


def output_rate(sample_rate: int) -> int:
    """Return the rate in Hz at which a file of `sample_rate` Hz is restored.

    Low-rate MPEG-2 and 2.5 files are converted to the full rate of their family, which has room for treble: 11.025 and
    22.05 kHz to 44.1 kHz; 8, 12, 16, 24 and 32 kHz to 48 kHz. Other rates are kept.
    """
    if sample_rate in (11025, 22050):
        return 44100
    if sample_rate in (8000, 12000, 16000, 24000, 32000):
        return 48000
    return sample_rate


def resampled_length(samples: int, source_rate: int, target_rate: int) -> int:
    """Return the length in samples after conversion: the smallest number that covers the same time."""
    return -(-samples * target_rate // source_rate)


def resample(samples: Samples, source_rate: int, target_rate: int) -> Samples:
    """Convert samples (channels, n) from `source_rate` to `target_rate` (Hz), as `resample_stream` does."""
    blocks = list(resample_stream([samples], source_rate, target_rate))
    return np.concatenate(blocks, axis=1)


def resample_stream(blocks: Iterable[Samples], source_rate: int, target_rate: int) -> Iterator[Samples]:
    """Convert blocks of shape (channels, samples) from `source_rate` to `target_rate` (Hz), with linear phase.

    The result does not depend on how the input is cut into blocks, has no delay, and is exactly
    `resampled_length` samples long. Memory is bounded by the longest block. Images are below -100 dB.
    """
    if source_rate == target_rate:
        yield from blocks
        return
    stream: soxr.ResampleStream | None = None
    taken = given = 0
    for block in blocks:
        if stream is None:
            stream = soxr.ResampleStream(source_rate, target_rate, block.shape[0], dtype="float32", quality="HQ")
        taken += block.shape[1]
        frames = stream.resample_chunk(np.ascontiguousarray(block.T))
        if len(frames):
            given += len(frames)
            yield np.ascontiguousarray(frames.T)
    if stream is None:
        return
    # soxr rounds lengths to the nearest sample; a little silence makes sure that the result is long enough.
    silence = np.zeros((source_rate // target_rate + 1, block.shape[0]), np.float32)
    frames = stream.resample_chunk(silence, last=True)
    yield np.ascontiguousarray(frames[: resampled_length(taken, source_rate, target_rate) - given].T)
