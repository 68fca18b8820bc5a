"""A map of what an MP3 leaves open, on the STFT that the generator sees.

Every coefficient's original lies somewhere in its cell. If it lies anywhere there with equal chance, the STFT of the
error has an expected power in every frame and bin; its square root is the map. Where cells are wide the generator may
add much, where they are narrow nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.holes import CodedGranules, coded_granules
from mp3restore.mp3.lattice import cell_limits
from mp3restore.mp3.stream import GRANULE_SAMPLES
from mp3restore.mp3.tables import LINES, SHORT_BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from mp3restore.mp3.stream import Mp3Stream

N_FFT: Final = 2048
HOP: Final = 512
BINS: Final = N_FFT // 2 + 1
LOG_FLOOR: Final = float(np.log(1e-7))
LOG_UNKNOWN: Final = 0.0
"""Value where nothing is known, as if the original might have any value up to an STFT amplitude of 1."""

# Energy of a granule's long functions: the sine window of 36 sub-band samples, after half of the polyphase delay.
_ENVELOPE_START: Final = 240
_ENVELOPE: Final = 1152
# Squared norms of the basis functions: 9 and 3 (MDCT) times 32 (polyphase filter).
_LONG_NORM: Final = 288
_SHORT_NORM: Final = 96
_HANN_ENERGY: Final = 3 / 8 * N_FFT
_LEAST_ENERGY: Final = 1e-20
# Width of a line as the Hann window of the STFT sees it, fitted to synthesised lines.
_SPREAD_BINS: Final = 1.1


@dataclass(frozen=True, slots=True)
class UncertaintyBlock:
    """The map of consecutive STFT frames; planes are mid and side, (L + R) / sqrt(2) and (L - R) / sqrt(2)."""

    log_width: NDArray[np.float32]
    """Natural logarithm of the expected STFT amplitude of the error, shape (2, frames, 1025), -16.1 or more."""
    uncoded: NDArray[np.float32]
    """Share of the lines there that lie above the last coded line of their granule, or are not known, 0 to 1."""


@cache
def _line_to_bin() -> NDArray[np.float32]:
    """Return the weight of lines in bins, shape (576, 1025); columns add up to 1."""
    centre = (np.arange(LINES) + 0.5) * N_FFT / (2 * LINES)
    distance = (np.arange(BINS)[None, :] - centre[:, None]) / _SPREAD_BINS
    weight = np.where(np.abs(distance) < 5, np.exp(-0.5 * np.square(distance)), 0)
    return np.asarray(weight / weight.sum(axis=0), dtype=np.float32)


@cache
def _overlap_by_distance() -> NDArray[np.float64]:
    """Return the energy that an STFT frame sees of a granule, by (granule start - frame start + 1392)."""
    window = np.square(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT))
    envelope = np.square(np.sin(np.pi * (np.arange(_ENVELOPE) + 0.5) / _ENVELOPE))
    overlap = np.convolve(window, envelope[::-1])
    return np.asarray(overlap)


def _time_weights(frames: NDArray[np.int64], granules: NDArray[np.int64], offset: int) -> NDArray[np.float32]:
    """Return the weight of granules in frames, shape (frames, granules); rows add up to 1."""
    table = _overlap_by_distance()
    start = offset + GRANULE_SAMPLES * granules[None, :] + _ENVELOPE_START - (HOP * frames[:, None] - N_FFT // 2)
    index = start + _ENVELOPE - 1
    inside = (index >= 0) & (index < table.size)
    weight = np.where(inside, table[np.clip(index, 0, table.size - 1)], 0)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), dtype=np.float32)


def _planes(stream: Mp3Stream, run: CodedGranules) -> NDArray[np.float32]:
    """Return (n, 4, 576): error energy of mid and side, then the uncoded share of mid and side."""
    count = len(run.sound)
    part = slice(run.first, run.first + count)
    lower, upper = cell_limits(run.magnitudes)
    norm = np.where(stream.block_type[part] == SHORT_BLOCK, _SHORT_NORM, _LONG_NORM)[..., None]
    # Far below the floor of the map; without it, steps of silence make denormal numbers, which are slow.
    energy = np.float32(_LEAST_ENERGY) + norm / 12 * np.square((upper - lower) * run.steps)
    above = (np.arange(LINES) >= run.edges[..., None]).astype(np.float32)
    planes = np.zeros((count, 4, LINES), dtype=np.float32)
    if stream.channels == 1:
        planes[:, 0], planes[:, 2] = energy[:, 0], above[:, 0]
    else:
        ms = stream.ms[part, None, None]
        planes[:, :2] = np.where(ms, energy, energy.mean(axis=1, keepdims=True))
        planes[:, 2:] = np.where(ms, above, above.mean(axis=1, keepdims=True))
    planes[~run.sound] = _unknown()
    return planes


def _unknown() -> NDArray[np.float32]:
    """Return the planes of an unknown granule, shape (4, 1)."""
    energy = np.exp(2 * LOG_UNKNOWN) / _HANN_ENERGY
    return np.array([[energy], [energy], [1], [1]], dtype=np.float32)


def uncertainty_map(
    stream: Mp3Stream, decoded: Iterable[NDArray[np.float32]], *, offset: int
) -> Iterator[UncertaintyBlock]:
    """Yield the map of a file for an STFT of 2048 samples: periodic Hann window, frames centred on multiples of 512.

    Parameters
    ----------
    stream, offset
        As for `projection.Projector`.
    decoded
        Blocks (channels, n), float32, full scale 1.0, from the decoder's first sample on.

    Yields
    ------
    Blocks of consecutive frames, ``1 + samples // 512`` in all. The side of a mono file is at the floor and coded.
    """
    length = 0

    def counted() -> Iterator[NDArray[np.float32]]:
        nonlocal length
        for block in decoded:
            length += block.shape[1]
            yield block

    planes = np.zeros((0, 4, LINES), dtype=np.float32)
    begin, frame = 0, 0
    for run in coded_granules(stream, counted(), offset=offset):
        begin = begin if len(planes) else run.first
        planes = np.concatenate([planes, _planes(stream, run)])
        # A frame is ready when the next granule starts after its last sample.
        ready = -(-(offset + GRANULE_SAMPLES * (begin + len(planes)) + _ENVELOPE_START - N_FFT // 2) // HOP)
        ready = min(ready, 1 + length // HOP)
        if ready > frame:
            yield _render(planes, begin, np.arange(frame, ready), offset)
            frame = ready
            oldest = (HOP * frame - N_FFT // 2 - offset - _ENVELOPE_START - _ENVELOPE) // GRANULE_SAMPLES
            drop = min(max(oldest - begin, 0), len(planes) - 1)
            planes, begin = planes[drop:], begin + drop
    total = 1 + length // HOP
    for start in range(frame, total, HOP):
        yield _render(planes, begin, np.arange(start, min(start + HOP, total)), offset)


def _render(planes: NDArray[np.float32], begin: int, frames: NDArray[np.int64], offset: int) -> UncertaintyBlock:
    """Spread the planes of granules ``begin`` onwards over STFT frames; granules beyond them are unknown."""
    reach = N_FFT // GRANULE_SAMPLES + 2
    low = min((int(frames[0]) * HOP - N_FFT - offset) // GRANULE_SAMPLES - reach, begin)
    high = max((int(frames[-1]) * HOP + N_FFT - offset) // GRANULE_SAMPLES + reach, begin + len(planes))
    padded = np.empty((high - low, 4, LINES), dtype=np.float32)
    padded[:] = _unknown()
    padded[begin - low : begin - low + len(planes)] = planes
    weights = _time_weights(frames, np.arange(low, high), offset)
    lines = np.tensordot(weights, padded, axes=1).reshape(-1, LINES)
    spread = (lines @ _line_to_bin()).reshape(len(frames), 4, BINS)
    power = np.maximum(_HANN_ENERGY * spread[:, :2], np.float32(np.exp(2 * LOG_FLOOR)))
    return UncertaintyBlock(
        log_width=np.ascontiguousarray((0.5 * np.log(power)).swapaxes(0, 1)),
        uncoded=np.ascontiguousarray(spread[:, 2:].swapaxes(0, 1)),
    )
