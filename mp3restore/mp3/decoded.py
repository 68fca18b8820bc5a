"""Samples that were decoded from an MP3, read granule by granule as if its bitstream were at hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.blind import Coding, read_coding
from mp3restore.mp3.filterbank import HALO, OVERLAP, SUPPORT
from mp3restore.mp3.granules import CodedGranules
from mp3restore.mp3.grid import GridResult, find_grid
from mp3restore.mp3.stream import GRANULE_SAMPLES, lowpass_hz
from mp3restore.mp3.tables import BITRATES_LSF, BITRATES_MPEG1, LINES
from mp3restore.mp3.windows import BATCH, GranuleWindows, first_granule, lead_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_MPEG1_RATE: Final = 32000
_ENDLESS: Final = 1 << 40
_SPAN: Final = BATCH * GRANULE_SAMPLES + OVERLAP + 2 * HALO
# Of the granules that say anything, so many must be sound before a grid is kept.
_SOUND_SHARE: Final = 0.5
_SAYING: Final = 8
_LEAST_GRANULES: Final = 8
# Bits of a line that is coded, of each doubling of its q, of a zero below the last coded line, and of a granule of one
# channel: fitted to 240 encodes by LAME, libmp3lame and Shine at 32 to 320 kbit/s, which they give within 10 %.
_BITS: Final = np.array([3.51, 0.67, 0.53, 63.0])


@dataclass(frozen=True, slots=True)
class DecodedStream:
    """What samples tell of the MP3 that they were decoded from; the counterpart of `stream.Mp3Stream`."""

    sample_rate: int
    channels: int
    kbps: float
    """Bitrate that the coded lines would need."""
    gain: float
    """Gain of the samples over the decoder's output, up to powers of the fourth root of two."""
    edge_hz: float
    """Below this 99 % of the granules have their last coded line."""
    joint_stereo_share: float
    """Share of the granules that were coded as mid and side, 0 to 1."""
    short_share: float
    """Share of short blocks, 0 to 1."""
    sound_share: float
    """Share of the granules that say anything whose lines lie on a lattice, 0 to 1."""
    lowpass_hz: int | None = None
    """Where the coded lines end, where LAME would end lower at this bitrate."""
    measured_edge_hz: float | None = None
    encoder: str | None = None
    granules: int = _ENDLESS


def describe_coding(samples: NDArray[np.float32], sample_rate: int, offset: int) -> DecodedStream | None:
    """Read the loudest 1.7 s of samples (channels, n) whose granules start at ``offset`` modulo 576.

    Returns None where they are shorter than 20,000 samples, or where less than half of the granules show a lattice.
    """
    count = min(BATCH, (samples.shape[1] - OVERLAP - 2 * HALO) // GRANULE_SAMPLES - 1)
    if count < _LEAST_GRANULES:
        return None
    span = count * GRANULE_SAMPLES + OVERLAP + 2 * HALO
    phase = (offset - HALO) % GRANULE_SAMPLES
    starts = phase + GRANULE_SAMPLES * np.unique(
        np.linspace(0, (samples.shape[1] - span - phase) // GRANULE_SAMPLES, 16).astype(np.int64)
    )
    power = [float(np.mean(np.square(samples[:, s : s + span]))) for s in starts]
    start = int(starts[int(np.argmax(power))])
    coding = read_coding(samples[:, start : start + span], count, sample_rate)
    share = sound_share(coding)
    if share < _SOUND_SHARE:
        return None
    stream = DecodedStream(
        sample_rate=sample_rate,
        channels=samples.shape[0],
        kbps=_nominal(_kbps(coding, sample_rate), sample_rate),
        gain=coding.gain,
        edge_hz=float(np.percentile(_edges(coding), 99)) * sample_rate / 2 / LINES,
        joint_stereo_share=float(np.mean(coding.ms[coding.sound])),
        short_share=float(np.mean(coding.block_type[coding.sound] == 2)),
        sound_share=share,
    )
    # An encoder with a higher low-pass than LAME has at this bitrate shows it by the lines above.
    return stream if stream.edge_hz <= lowpass_hz(stream) else replace(stream, lowpass_hz=round(stream.edge_hz))


def _nominal(kbps: float, sample_rate: int) -> float:
    """Return the bitrate of the standard's table next to an estimate."""
    table = BITRATES_MPEG1 if sample_rate >= _MPEG1_RATE else BITRATES_LSF
    rates = table[table > 0]
    return float(rates[np.argmin(np.abs(np.log(rates / kbps)))])


def sound_share(coding: Coding) -> float:
    """Return the share of sound granules among those that say anything, 0 to 1."""
    saying = np.count_nonzero(coding.values, axis=(1, 2)) >= _SAYING
    return float(np.mean(coding.sound[saying])) if np.count_nonzero(saying) >= _LEAST_GRANULES else 0.0


def _edges(coding: Coding) -> NDArray[np.int64]:
    """Return the first line after the last coded one, of sound granules, shape (sound, channels)."""
    coded = coding.values[coding.sound] != 0
    return np.where(coded.any(axis=-1), LINES - np.argmax(coded[..., ::-1], axis=-1), 0)


def _kbps(coding: Coding, sample_rate: int) -> float:
    """Estimate the bitrate of sound granules from what their Huffman codes have to say."""
    q = np.abs(coding.values[coding.sound]).astype(np.float64)
    coded = q > 0
    lines = np.count_nonzero(coded)
    zeros = int(_edges(coding).sum()) - lines
    counts = [lines, float(np.log2(np.maximum(q, 1)).sum()), zeros, q.shape[0] * q.shape[1]]
    seconds = len(q) * GRANULE_SAMPLES / sample_rate
    return float(_BITS @ counts) / seconds / 1000


class DecodedReader:
    """Reads granules off decoded samples, in order, with bounded memory; the counterpart of `granules.GranuleReader`.

    Where the grid changes, as where files were joined, the next grid is looked for and followed.

    Parameters
    ----------
    stream
        What a part of the samples told.
    offset
        Where a granule starts, in samples.
    """

    def __init__(self, stream: DecodedStream, *, offset: int) -> None:
        self._stream = stream
        self._windows = GranuleWindows(rows=stream.channels, offset=offset)
        self._first = first_granule(offset)  # of the next window
        self._cut = lead_in(offset) > HALO
        self._shift = 0
        self._gain = stream.gain
        self._misses = 0

    def push(self, block: NDArray[np.float32]) -> Iterator[CodedGranules]:
        """Take the next samples (channels, n), any scale; yields the granules that they complete."""
        return self._read(self._windows.push(block))

    def finish(self) -> Iterator[CodedGranules]:
        """Yield the last granules, when all samples have been pushed."""
        return self._read(self._windows.finish())

    def _read(self, windows: Iterator[tuple[NDArray[np.float32], int]]) -> Iterator[CodedGranules]:
        for window, filled in windows:
            coding = self._coding(window)
            granule = GRANULE_SAMPLES * np.arange(BATCH)
            inside = HALO + self._shift + granule + SUPPORT <= filled
            if self._cut and not self._shift:
                inside[0] = False
            yield _granules(coding, inside, self._first, self._shift)
            self._first += BATCH
            self._cut = False

    def _coding(self, window: NDArray[np.float32]) -> Coding:
        """Read a window on the grid of the last one, or on another where that no longer fits."""
        rate = self._stream.sample_rate
        coding = read_coding(window[:, self._shift : self._shift + _SPAN], BATCH, rate, gain=self._gain)
        share = sound_share(coding)
        saying = np.count_nonzero(np.count_nonzero(coding.values, axis=(1, 2)) >= _SAYING)
        if share < _SOUND_SHARE and saying >= _LEAST_GRANULES:
            self._misses += 1
            # Music that is no MP3 is searched less and less often.
            if self._misses & (self._misses - 1) == 0:
                coding = self._elsewhere(window, coding)
        else:
            self._misses = 0
        if coding.gain and coding.sound.any():
            self._gain = coding.gain
        return coding

    def _elsewhere(self, window: NDArray[np.float32], coding: Coding) -> Coding:
        grid = find_grid(window, self._stream.sample_rate)
        shift = (grid.offset - HALO) % GRANULE_SAMPLES
        if not grid.found or shift == self._shift:
            return coding
        other = read_coding(window[:, shift : shift + _SPAN], BATCH, self._stream.sample_rate)
        if other.sound.sum() <= coding.sound.sum():
            return coding
        self._shift, self._misses = shift, 0
        return other


def _granules(coding: Coding, inside: NDArray[np.bool_], first: int, shift: int) -> CodedGranules:
    """Return what a window says, without the granules after the end of the samples."""
    count = max(int(np.count_nonzero(inside)) + int(not inside[0]), 1)
    part = slice(count)
    empty = coding.values[part] == 0
    run = CodedGranules(
        first=first,
        values=coding.values[part],
        steps=_filled(coding.steps[part]),
        sound=coding.sound[part] & inside[part],
        block_type=coding.block_type[part],
        mixed=np.zeros((count, coding.values.shape[1]), np.bool_),
        ms=coding.ms[part],
        free=~coding.sure[part],
        shift=shift,
    )
    return replace(run, free=~coding.sure[part] & ~empty) if HOLD_EMPTY else run


HOLD_EMPTY = True


def _filled(steps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give bands without a sure step the coarsest sure one of their granule, that of its own channel if there is one.

    No band has a coarser step than the global gain says, and most encoders leave the bands that they fill with zeros at
    that.
    """
    own = steps.max(axis=-1, keepdims=True)
    own = np.where(own > 0, own, own.max(axis=1, keepdims=True))
    return np.where(steps > 0, steps, own)
