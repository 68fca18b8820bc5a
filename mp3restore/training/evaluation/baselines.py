"""Simple systems without learning, which a restoration has to beat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mp3restore.audio.decode import open_audio
from mp3restore.dsp.resample import resample_stream
from mp3restore.mp3.filterbank import synthesise
from mp3restore.mp3.granules import coded_granules
from mp3restore.mp3.grid import locate
from mp3restore.mp3.lattice import cell_limits, rotate_ms
from mp3restore.mp3.stream import GRANULE_SAMPLES, read_stream
from mp3restore.mp3.tables import LINES
from mp3restore.training.data.pairs import Pair

__all__ = ["gain_corrected", "noise_filled"]


def gain_corrected(pair: Pair) -> NDArray[np.float32]:
    """Return the MP3 with the gain that brings it nearest to the original: the benefit of a mere change of level."""
    energy = float(np.vdot(pair.degraded, pair.degraded))
    gain = float(np.vdot(pair.degraded, pair.original)) / energy if energy > 0 else 1.0
    return pair.degraded * np.float32(gain)


def noise_filled(pair: Pair, mp3: Path, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the MP3 of `pair`, which is the file `mp3`, with noise in its holes: uniform over the cell of zero.

    Every line that was rounded to zero, up to the edge of its granule, gets a random value of those that round to zero.
    Above the edge nothing is added. This uses all that is known of the holes without a model of music.
    """
    stream = read_stream(mp3)
    with open_audio(mp3) as source:
        rate = source.sample_rate
        decoded = np.concatenate(list(source.blocks()), axis=1)
    offset, _ = locate(stream, decoded)
    # The first granules of a file with a LAME tag start before the decoder's first sample.
    lead = max(0, -offset)
    added = np.zeros((stream.channels, lead + decoded.shape[1]), np.float32)
    for run in coded_granules(stream, [decoded], offset=offset):
        part = slice(run.first, run.first + len(run.sound))
        holes = (run.magnitudes == 0) & (np.arange(LINES) < run.edges[..., None]) & run.sound[:, None, None]
        limits = cell_limits(run.magnitudes)[1] * run.steps
        lines = np.where(holes, limits * rng.uniform(-1, 1, limits.shape), 0).astype(np.float32)
        rotate_ms(lines, stream.ms[part])
        samples = synthesise(lines, stream.block_type[part], stream.mixed[part])
        place = lead + offset + GRANULE_SAMPLES * run.first
        length = min(samples.shape[1], added.shape[1] - place)
        added[:, place : place + length] += samples[:, :length]
    filled = decoded + added[:, lead:]
    converted = np.concatenate(list(resample_stream([filled], rate, pair.sample_rate)), axis=1)
    if converted.shape[0] < pair.degraded.shape[0]:
        converted = np.repeat(converted, pair.degraded.shape[0], axis=0)
    return converted[:, pair.start : pair.start + pair.degraded.shape[1]]
