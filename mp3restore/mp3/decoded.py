"""Samples that were decoded from an MP3, read granule by granule as if its bitstream were at hand."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.blind import Coding, read_coding
from mp3restore.mp3.corrections import Corrections
from mp3restore.mp3.filterbank import HALO, OVERLAP, SUPPORT
from mp3restore.mp3.granules import CodedGranules
from mp3restore.mp3.grid import find_grid
from mp3restore.mp3.stream import GRANULE_SAMPLES
from mp3restore.mp3.tables import BITRATES_LSF, BITRATES_MPEG1, LINES, SHORT_BLOCK
from mp3restore.mp3.windows import BATCH, GranuleWindows, first_granule, lead_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_MPEG1_RATE: Final = 32000
_ENDLESS: Final = 1 << 40
_SPAN: Final = BATCH * GRANULE_SAMPLES + OVERLAP + 2 * HALO
# The stretches that describe a file: the loudest half second of each of so many parts.
_LOOKS: Final = 24
_LOOK: Final = 40
# Not all stretches need all bits.
_KBPS_QUANTILE: Final = 0.75
_LOOK_SAMPLES: Final = _LOOK * GRANULE_SAMPLES + OVERLAP + 2 * HALO
_EDGE_QUANTILE: Final = 0.995
# Of the granules that say anything, so many must be sound before a grid is kept.
_SOUND_SHARE: Final = 0.5
_SAYING: Final = 8
# Gain of what was decoded and not changed since.
_PLAIN: Final = 1.0
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
    """Below this nearly all granules have their last coded line."""
    joint_stereo_share: float
    """Share of the granules that were coded as mid and side, 0 to 1."""
    short_share: float
    """Share of short blocks, 0 to 1."""
    sound_share: float
    """Share of the granules that say anything whose lines lie on a lattice, 0 to 1."""
    measured_edge_hz: float | None = None
    """The same, where it is to stand for the low-pass of the encoder."""
    lowpass_hz: int | None = None
    encoder: str | None = None
    granules: int = _ENDLESS


def describe_coding(samples: NDArray[np.float32], sample_rate: int, offset: int) -> DecodedStream | None:
    """Say how samples (channels, n) were coded whose granules start at ``offset`` modulo 576.

    Looks at the loudest half second of each of 24 parts. Where few granules show a lattice
    (`DecodedStream.sound_share`), gain and bitrate mean nothing. Returns None below 24,600 samples, and of silence.
    """
    codings = _looks(samples, sample_rate, offset)
    if not codings:
        return None
    used = [_saying(coding) for coding in codings]
    if not any(use.any() for use in used):
        return None
    values, ms, block_type, sound = (
        np.concatenate([getattr(coding, name)[use] for coding, use in zip(codings, used, strict=True)])
        for name in ("values", "ms", "block_type", "sound")
    )
    kbps = [_kbps(c.values[use], sample_rate) for c, use in zip(codings, used, strict=True) if use.any()]
    edge_hz = float(np.quantile(_edges(values[sound] if sound.any() else values), _EDGE_QUANTILE))
    edge_hz *= sample_rate / 2 / LINES
    return DecodedStream(
        sample_rate=sample_rate,
        channels=samples.shape[0],
        kbps=_nominal(float(np.quantile(kbps, _KBPS_QUANTILE)), sample_rate),
        gain=next((c.gain for c in codings if c.sound.any()), 0.0),
        edge_hz=edge_hz,
        measured_edge_hz=edge_hz,
        joint_stereo_share=float(np.mean(ms)),
        short_share=float(np.mean(block_type == SHORT_BLOCK)),
        sound_share=float(np.mean(sound)),
    )


def _looks(samples: NDArray[np.float32], sample_rate: int, offset: int) -> list[Coding]:
    """Read the loudest stretches; those that are too short or too quiet to show their gain take that of others."""

    def read(start: int, gain: float) -> Coding:
        return read_coding(samples[:, start : start + _LOOK_SAMPLES], _LOOK, sample_rate, gain=gain)

    starts = _loudest(samples, offset)
    codings = [read(start, 0.0) for start in starts]
    gain = next((coding.gain for coding in codings if coding.sound.any()), _PLAIN)
    return [c if c.gain else read(start, gain) for c, start in zip(codings, starts, strict=True)]


def _loudest(samples: NDArray[np.float32], offset: int) -> list[int]:
    """Return where the loudest stretches begin, one for each part, on the grid."""
    phase = (offset - HALO) % GRANULE_SAMPLES
    last = (samples.shape[1] - _LOOK_SAMPLES - phase) // GRANULE_SAMPLES
    if last < 0:
        return []
    starts = phase + GRANULE_SAMPLES * np.unique(np.linspace(0, last, 8 * _LOOKS).astype(np.int64))
    power = [float(np.mean(np.square(samples[:, s : s + _LOOK_SAMPLES]))) for s in starts]
    parts = zip(np.array_split(power, _LOOKS), np.array_split(starts, _LOOKS), strict=True)
    return [int(s[int(np.argmax(p))]) for p, s in parts if p.size]


def _nominal(kbps: float, sample_rate: int) -> float:
    """Return the bitrate of the standard's table next to an estimate."""
    table = BITRATES_MPEG1 if sample_rate >= _MPEG1_RATE else BITRATES_LSF
    rates = table[table > 0]
    return float(rates[np.argmin(np.abs(np.log(rates / kbps)))])


def _saying(coding: Coding) -> NDArray[np.bool_]:
    """Return which granules have enough coded lines to judge by, shape (n,)."""
    return np.asarray(np.count_nonzero(coding.values, axis=(1, 2)) >= _SAYING)


def _edges(values: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return the first line after the last coded one, shape (n, channels)."""
    coded = values != 0
    return np.where(coded.any(axis=-1), LINES - np.argmax(coded[..., ::-1], axis=-1), 0)


def _kbps(values: NDArray[np.int16], sample_rate: int) -> float:
    """Estimate the bitrate of granules (n, channels, 576) from what their Huffman codes have to say."""
    q = np.abs(values).astype(np.float64)
    lines = np.count_nonzero(q)
    zeros = int(_edges(values).sum()) - lines
    counts = [lines, float(np.log2(np.maximum(q, 1)).sum()), zeros, q.shape[0] * q.shape[1]]
    seconds = len(q) * GRANULE_SAMPLES / sample_rate
    return float(_BITS @ counts) / seconds / 1000


class DecodedReader:
    """Reads granules off decoded samples, in order, with bounded memory; the counterpart of `granules.GranuleReader`.

    Where the grid changes, as where files were joined, the next grid is looked for and followed. The reader also frees
    the samples of the noise of their rounding, as far as it lies in lines that were coded as zero, so that they are
    what the decoder returned.

    Parameters
    ----------
    stream : DecodedStream
        What a part of the samples told.
    offset : int
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
        self._corrections = Corrections(rows=stream.channels, offset=offset)
        self._cleaned: deque[NDArray[np.float32]] = deque()

    def cleaned(self) -> Iterator[NDArray[np.float32]]:
        """Yield the samples without noise of all granules read since the last call: (channels, n)."""
        while self._cleaned:
            yield self._cleaned.popleft()

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
            run = _granules(coding, inside, self._first, self._shift)
            noise = coding.lines[: len(run.sound)] * ((run.values == 0) & run.sound[:, None, None])
            self._cleaned.append(self._corrections.add(window, filled, run, -noise))
            yield run
            self._first += BATCH
            self._cut = False

    def _coding(self, window: NDArray[np.float32]) -> Coding:
        """Read a window on the grid of the last one, or on another where that no longer fits."""
        rate = self._stream.sample_rate
        coding = read_coding(window[:, self._shift : self._shift + _SPAN], BATCH, rate, gain=self._gain)
        saying = _saying(coding)
        if np.count_nonzero(saying) >= _LEAST_GRANULES and coding.sound[saying].mean() < _SOUND_SHARE:
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
    return CodedGranules(
        first=first,
        values=coding.values[part],
        steps=coding.steps[part],
        sound=coding.sound[part] & inside[part],
        block_type=coding.block_type[part],
        mixed=np.zeros((count, coding.values.shape[1]), np.bool_),
        ms=coding.ms[part],
        shift=shift,
    )
