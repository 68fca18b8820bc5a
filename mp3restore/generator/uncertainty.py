"""A map of what an MP3 lost, in the frames and bands of the generator.

A line that the encoder rounded to zero was smaller than half a quantiser step, so the bitstream bounds what is missing
there. Above the encoder's low-pass nothing is known. For each plane, mid = (L + R) / 2 and side = (L - R) / 2, and each
band of each STFT frame, the map has three values:

- the logarithm of the STFT amplitude that the band's quantised zeros would add if the originals were spread evenly over
  their cells;
- the share of its lines that are zero;
- the share of its lines that are free: zero and above the low-pass, or in a granule of which nothing is known.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.dsp.products import product
from mp3restore.dsp.stft import mel_bands
from mp3restore.mp3.lattice import cell_limits
from mp3restore.mp3.stream import GRANULE_SAMPLES, first_free_line
from mp3restore.mp3.tables import LINES, SHORT_BLOCK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mp3restore.mp3.coded import CodedStream
    from mp3restore.mp3.granules import CodedGranules

N_FFT: Final = 2048
HOP: Final = 512
LOG_FLOOR: Final = float(np.log(1e-7))
"""Value of the amplitude where there are no quantised zeros."""

PLANES: Final = 6
"""Amplitude of mid and side, zeros of mid and side, free share of mid and side."""

# Energy of a granule's long functions: the sine window of 36 sub-band samples, after half of the polyphase delay.
_ENVELOPE_START: Final = 240
_ENVELOPE: Final = 1152
# Squared norms of the basis functions: 9 and 3 (MDCT) times 32 (polyphase filter).
_LONG_NORM: Final = 288
_SHORT_NORM: Final = 96
_HANN_POWER: Final = 3 / 8
# Width of a line under the Hann window of the STFT, fitted to synthesised lines.
_SPREAD_BINS: Final = 1.1
_ZERO_LIMIT: Final = float(cell_limits(np.zeros(1, np.intp))[1][0])


def unknown_row(bands: int) -> NDArray[np.float32]:
    """Return the row of the map where nothing is known: shape (6 * bands,)."""
    row = np.ones((PLANES, bands), np.float32)
    row[:2] = LOG_FLOOR
    return row.ravel()


@cache
def _line_to_band(ratio: float, bands: int) -> NDArray[np.float32]:
    """Return the weights of lines in bands, shape (577, bands); columns add up to 1.

    The last row stands for all frequencies above the lines. `ratio` is the rate of the file over that of the STFT.
    """
    bins = N_FFT // 2 + 1
    centre = (np.arange(LINES) + 0.5) * ratio * N_FFT / (2 * LINES)
    distance = (np.arange(bins)[None, :] - centre[:, None]) / (_SPREAD_BINS * max(1.0, ratio))
    spread = np.zeros_like(distance)
    near = np.abs(distance) < 5
    spread[near] = np.exp(-0.5 * np.square(distance[near]))
    covered = min(bins, int(ratio * (bins - 1)) + 1)
    weight = np.zeros((LINES + 1, bins))
    weight[:LINES, :covered] = spread[:, :covered] / spread[:, :covered].sum(axis=0)
    weight[LINES, covered:] = 1
    triangles = mel_bands(bands, bins)
    return np.asarray(product(weight, (triangles / triangles.sum(axis=1, keepdims=True)).T), dtype=np.float32)


@cache
def _overlap_by_distance(length: int) -> NDArray[np.float64]:
    """Return the energy of a granule in an STFT frame of `length` samples, by (granule start - frame start + 1391)."""
    window = np.square(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length))
    envelope = np.square(np.sin(np.pi * (np.arange(_ENVELOPE) + 0.5) / _ENVELOPE))
    return np.asarray(np.convolve(window, envelope[::-1]))


class UncertaintyMap:
    """Renders the map of one file, granule by granule, with bounded memory.

    Parameters
    ----------
    stream : CodedStream
        What is known of the bitstream: of an MP3, or of one read off decoded samples.
    offset : int
        Sample of the decoder's output at which granule 0 starts.
    working_rate : int
        Sample rate of the STFT in Hz: that of the file or higher.
    bands : int
        Number of bands; see `dsp.stft.mel_bands`.
    first_frame : int
        First frame to render.
    """

    def __init__(
        self, stream: CodedStream, *, offset: int, working_rate: int, bands: int, first_frame: int = 0
    ) -> None:
        self._stream = stream
        self._offset = offset
        self._ratio = stream.sample_rate / working_rate
        self._bands = bands
        self._first_free = first_free_line(stream)
        self._granules = np.zeros((0, PLANES, bands), np.float32)
        self._shifts = np.zeros(0, np.int64)
        self._begin = 0  # granule of the first row of `_granules`
        self._frame = first_frame  # the next frame to render

    def push(self, run: CodedGranules) -> NDArray[np.float32]:
        """Take the next granules of the file, and return the frames that they complete: (frames, 6 * bands).

        Frame k is centred on sample ``512 * k`` of the decoded signal at the working rate.
        """
        if not len(self._granules):
            self._begin = run.first
        self._granules = np.concatenate([self._granules, self._planes(run)])
        self._shifts = np.append(self._shifts, np.full(len(run.sound), run.shift))
        # A frame is complete when the next granule starts after its last sample.
        end = self._offset + GRANULE_SAMPLES * (self._begin + len(self._granules)) + _ENVELOPE_START
        ready = max(self._frame, int(np.ceil((end / self._ratio - N_FFT // 2) / HOP)))
        rows = self._render(ready)
        oldest = self._frame_start(np.array([self._frame]))[0] - self._offset - _ENVELOPE_START - _ENVELOPE
        oldest -= GRANULE_SAMPLES  # the longest shift
        drop = int(np.clip(oldest // GRANULE_SAMPLES - self._begin, 0, len(self._granules) - 1))
        self._granules, self._shifts = self._granules[drop:], self._shifts[drop:]
        self._begin += drop
        return rows

    def finish(self, frames: int) -> NDArray[np.float32]:
        """Return the rest of the file's `frames` frames; frames that no granule covers are unknown."""
        return self._render(max(frames, self._frame))

    def _planes(self, run: CodedGranules) -> NDArray[np.float32]:
        """Return power of the zeros, share of zeros, and free share, each of mid and side: (n, 6, bands)."""
        stream, count = self._stream, len(run.sound)
        zero = run.values == 0
        norm = np.where(run.block_type == SHORT_BLOCK, _SHORT_NORM, _LONG_NORM)[..., None]
        free = zero[..., self._first_free :]
        bounded = zero[..., : self._first_free]
        bound = np.float32(norm / 3 * _ZERO_LIMIT**2) * np.square(run.steps[..., : self._first_free])
        weights = _line_to_band(self._ratio, self._bands)
        low, high = weights[: self._first_free], weights[self._first_free : LINES]
        # (n, 3, channels, bands): power, zeros and free share of the planes as they were coded
        bands = np.zeros((count, PLANES // 2, 2, self._bands), np.float32)
        bands[:, 0, : stream.channels] = _in_bands(bound * bounded, low)
        bands[:, 2, : stream.channels] = _in_bands(free, high)
        bands[:, 1, : stream.channels] = _in_bands(bounded, low) + bands[:, 2, : stream.channels]
        if stream.channels == 2:
            # Here mid and side are half the sum and half the difference: 1 / sqrt(2) of mid and side as coded.
            bands[:, 0] /= 2
            left_right = ~run.ms
            bands[left_right] = bands[left_right].mean(axis=2, keepdims=True)
        bands[:, 1:, : stream.channels] += weights[LINES]
        planes: NDArray[np.float32] = bands.reshape(count, PLANES, self._bands)
        planes[~run.sound] = _unknown_planes()
        return planes

    def _frame_start(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the first sample of each frame, in samples of the file."""
        return np.asarray(np.round((HOP * frames - N_FFT // 2) * self._ratio), dtype=np.int64)

    def _render(self, stop: int) -> NDArray[np.float32]:
        """Return the next frames up to `stop`; granules that were not pushed are unknown."""
        frames = np.arange(self._frame, stop)
        self._frame = stop
        if not len(frames):
            return np.zeros((0, PLANES * self._bands), np.float32)
        length = round(N_FFT * self._ratio)
        table = _overlap_by_distance(length)
        starts = self._frame_start(frames)
        reach = length // GRANULE_SAMPLES + 4
        low = min(int(starts[0] - self._offset) // GRANULE_SAMPLES - reach, self._begin)
        high = max(int(starts[-1] - self._offset) // GRANULE_SAMPLES + reach, self._begin + len(self._granules))
        granule_starts = self._offset + GRANULE_SAMPLES * np.arange(low, high) + _ENVELOPE_START
        own = slice(self._begin - low, self._begin - low + len(self._granules))
        granule_starts[own] += self._shifts
        # The few granules that a frame reaches, from the first one that does not end before it.
        first = np.searchsorted(granule_starts, starts - _ENVELOPE + 1)
        reached = first[:, None] + np.arange(table.size // GRANULE_SAMPLES + 2)
        index = granule_starts[reached] - starts[:, None] + _ENVELOPE - 1
        weights = np.where(index < table.size, table[np.minimum(index, table.size - 1)], 0)
        weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
        padded = np.empty((high - low, PLANES, self._bands), np.float32)
        padded[:] = _unknown_planes()
        padded[own] = self._granules
        rows = np.einsum("fg,fgpb->fpb", weights, padded[reached])
        power = rows[:, :2] * (_HANN_POWER * N_FFT / self._ratio)
        rows[:, :2] = 0.5 * np.log(np.maximum(power, np.float32(np.exp(2 * LOG_FLOOR))))
        return np.asarray(rows.reshape(len(frames), -1), dtype=np.float32)


def _in_bands(lines: NDArray[np.float32] | NDArray[np.bool_], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weighted sums of lines (n, channels, lines), by one product for all granules: (n, channels, bands)."""
    flat = lines.reshape(-1, lines.shape[-1]).astype(np.float32, copy=False)
    return product(flat, weights).reshape(*lines.shape[:-1], -1)


def _unknown_planes() -> NDArray[np.float32]:
    """Return the planes of an unknown granule, shape (6, 1)."""
    return np.array([[0], [0], [1], [1], [1], [1]], dtype=np.float32)
