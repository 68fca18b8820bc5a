"""Find the granules of an MP3 in decoded samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.dsp.running_mean import running_mean
from mp3restore.mp3.filterbank import (
    HALO,
    OVERLAP,
    analyse,
    analyse_subbands,
    polyphase_analysis,
)
from mp3restore.mp3.granules import inaudible_lines
from mp3restore.mp3.lattice import lattice_distance, quantise, rotate_ms
from mp3restore.mp3.runs import DECODER_DELAY
from mp3restore.mp3.stream import GRANULE_SAMPLES, Mp3Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EXCERPTS: Final = 3
_EXCERPT_GRANULES: Final = 24
# One more granule, for the offsets.
_EXCERPT_SAMPLES: Final = (_EXCERPT_GRANULES + 1) * GRANULE_SAMPLES + OVERLAP + 2 * HALO + 31
# A line is near zero when it is this far below the level of the lines around it; of noise, 0.8 % of the lines are.
_NEAR_ZERO: Final = 0.01
_NEIGHBOURS: Final = 12
# Levels below -100 dB of full scale are rounding noise of 16 bits, not music (basis functions have norm 17).
_SILENT: Final = 1e-5 / 17
_ON_LATTICE: Final = 0.02
_FIT_GRANULES: Final = 64
_SEARCH_GRANULES: Final = 6


@dataclass(frozen=True, slots=True)
class GridResult:
    """Outcome of a search for the granule grid of an MP3 in decoded samples."""

    offset: int
    """Granules start at ``offset + 576 k``; 0 to 575, and the best guess if nothing was found."""
    zero_share: float
    """Share of near-zero lines on that grid, 0 to 1."""
    confidence: float
    """0 if another offset is as good, towards 1 if only one offset has zeros."""

    @property
    def found(self) -> bool:
        """Whether the samples were once decoded from an MP3, at this rate and without later processing."""
        return self.confidence > 0.5


def _excerpts(samples: NDArray[np.float32]) -> list[int]:
    """Return the starts of the loudest excerpts, one for each third of the signal."""
    last = samples.shape[1] - _EXCERPT_SAMPLES
    if last < 0:
        return []
    starts = np.unique(np.linspace(0, last, 8 * _EXCERPTS).astype(np.int64))
    power = [float(np.mean(np.square(samples[:, s : s + _EXCERPT_SAMPLES]))) for s in starts]
    return [
        int(max(zip(p, s, strict=True))[1])
        for p, s in zip(np.array_split(power, _EXCERPTS), np.array_split(starts, _EXCERPTS), strict=True)
        if p.size and max(p) > 0
    ]


def _near_zeros(lines: NDArray[np.float32]) -> tuple[int, int]:
    """Return the numbers of near-zero lines and of all lines with a level, for coefficients (n, channels, 576)."""
    level = np.sqrt(running_mean(np.square(lines), 2 * _NEIGHBOURS + 1, "edge"))
    audible = level > _SILENT
    near = np.abs(lines) < _NEAR_ZERO * level
    return int(np.count_nonzero(near & audible)), int(np.count_nonzero(audible))


def _count_by_offset(excerpt: NDArray[np.float32]) -> NDArray[np.int64]:
    """Count near-zero lines at all 576 offsets, shape (576, 2 stereo modes, 2: near-zero and all)."""
    channels = excerpt.shape[0]
    long = np.zeros((_EXCERPT_GRANULES, channels), dtype=np.uint8)
    plain = np.zeros((_EXCERPT_GRANULES, channels), dtype=np.bool_)
    every = np.ones(_EXCERPT_GRANULES, dtype=np.bool_)
    counts = np.zeros((GRANULE_SAMPLES, 2, 2), dtype=np.int64)
    slots = 18 * (_EXCERPT_GRANULES + 2)
    for fine in range(32):
        subbands = polyphase_analysis(np.ascontiguousarray(excerpt[:, fine:]), slots)
        for coarse in range(18):
            shifted = subbands[:, coarse:].copy()
            if coarse % 2:
                # The frequency inversion of odd slots now applies to even ones.
                shifted[..., 1::2] *= -1
            lines = analyse_subbands(shifted, long, plain)
            offset = 32 * coarse + fine
            counts[offset, 0] = _near_zeros(lines)
            if channels == 2:
                rotate_ms(lines, every)
                counts[offset, 1] = _near_zeros(lines)
    return counts


def find_grid(samples: NDArray[np.float32], sample_rate: int) -> GridResult:
    """Search the 576 offsets for the granule grid of an MP3 that these samples were once decoded from.

    On its own grid a decoded MP3 has many lines that are exactly zero, at any other offset almost none. The search
    uses long blocks, which make up nine tenths of music, in up to three loud excerpts of about 0.3 s.

    Parameters
    ----------
    samples : ndarray of float32
        Shape (channels, n), one or two channels, any scale. In fewer than 16,000 samples nothing is found.
    sample_rate : int
        Rate of the samples in Hz. If the signal was resampled after decoding, the grid is lost.

    Returns
    -------
    GridResult
        The best offset, and how certain it is.

    Raises
    ------
    ValueError
        If the sample rate is not positive, or there are more than two channels.

    Examples
    --------
    >>> import soundfile
    >>> samples, sample_rate = soundfile.read("once_an_mp3.wav", dtype="float32", always_2d=True)
    >>> grid = find_grid(samples.T, sample_rate)
    >>> grid.found, grid.offset
    (True, 47)
    """
    if sample_rate <= 0 or samples.ndim != 2 or not 1 <= samples.shape[0] <= 2:
        raise ValueError(f"expected one or two channels at a positive rate, not {samples.shape} at {sample_rate} Hz")
    counts = np.zeros((GRANULE_SAMPLES, 2, 2), dtype=np.int64)
    for start in _excerpts(samples):
        excerpt = np.asarray(samples[:, start : start + _EXCERPT_SAMPLES], dtype=np.float32)
        counts += np.roll(_count_by_offset(excerpt), (start + HALO) % GRANULE_SAMPLES, axis=0)
    shares = np.max(counts[..., 0] / np.maximum(counts[..., 1], 1), axis=1)
    best = int(np.argmax(shares))
    if shares[best] == 0:
        return GridResult(offset=0, zero_share=0.0, confidence=0.0)
    rival = float(np.delete(shares, best).max())
    return GridResult(best, float(shares[best]), 1 - rival / float(shares[best]))


def expected_offset(stream: Mp3Stream) -> int:
    """Return where a decoder that trims by the LAME tag, such as mpg123, puts the first sample of granule 0.

    The result is negative, because such a decoder drops the encoder delay and the decoder delay. Without a tag nothing
    is trimmed, and the result is 0.
    """
    return 0 if stream.encoder_delay is None else -(stream.encoder_delay + DECODER_DELAY)


def grid_fit(stream: Mp3Stream, samples: NDArray[np.float32], offset: int) -> float:
    """Return the share of lines, 0 to 1, that lie on the stream's lattice if granule 0 starts at ``offset``.

    Up to 64 known granules from the loudest part of ``samples`` (channels, n) are examined. A line counts when it is
    within 2 % of a cell of its lattice point; of random lines, 4 % are.
    """
    first = max(0, -((offset - HALO) // GRANULE_SAMPLES))
    fitting = (samples.shape[1] - offset - OVERLAP - HALO) // GRANULE_SAMPLES
    last = min(stream.granules, fitting) - _FIT_GRANULES
    if last < first:
        last, count = first, min(stream.granules, fitting) - first
    else:
        count = _FIT_GRANULES
    if count <= 0:
        return 0.0
    starts = np.unique(np.linspace(first, last, 16).astype(np.int64))
    begins = offset + GRANULE_SAMPLES * starts
    power = [float(np.mean(np.square(samples[:, b : b + GRANULE_SAMPLES * count]))) for b in begins]
    best = int(starts[int(np.argmax(power))])
    return _fit_of(stream, samples, offset, best, best + count)


def _fit_of(stream: Mp3Stream, samples: NDArray[np.float32], offset: int, start: int, stop: int) -> float:
    begin = offset + GRANULE_SAMPLES * start - HALO
    length = GRANULE_SAMPLES * (stop - start) + OVERLAP + 2 * HALO
    lines = analyse(samples[:, begin : begin + length], stream.block_type[start:stop], stream.mixed[start:stop])
    rotate_ms(lines, stream.ms[start:stop])
    steps = stream.line_steps(start, stop)
    magnitudes = quantise(lines, steps)
    distance = lattice_distance(lines, steps, magnitudes)
    # Zeros of a coarse lattice say nothing: quiet samples are near zero at every offset. So only lines that are not.
    readable = stream.known[start:stop] & ~stream.intensity[start:stop]
    use = (magnitudes > 0) & readable[:, None, None] & ~inaudible_lines(lines, stream.edge_bound[start:stop])
    return float(np.mean(distance[use] < _ON_LATTICE)) if use.any() else 0.0


def locate(stream: Mp3Stream, samples: NDArray[np.float32]) -> tuple[int, float]:
    """Find where granule 0 of a stream starts in decoded samples of shape (channels, n), and how well that fits.

    The first candidate is the place that the tag implies. If it does not fit, the candidates are the grid found in the
    samples, up to six granules to either side.

    Returns
    -------
    offset : int
        Sample at which granule 0 starts.
    fit : float
        Share of lines on the lattice, see `grid_fit`.
    """
    expected = expected_offset(stream)
    fit = grid_fit(stream, samples, expected)
    if fit > 0.9:
        return expected, fit
    grid = find_grid(samples, stream.sample_rate)
    near = expected + (grid.offset - expected + GRANULE_SAMPLES // 2) % GRANULE_SAMPLES - GRANULE_SAMPLES // 2
    places = [near + GRANULE_SAMPLES * k for k in range(-_SEARCH_GRANULES, _SEARCH_GRANULES + 1)]
    fits = [grid_fit(stream, samples, place) for place in places]
    best = int(np.argmax(fits))
    return (places[best], fits[best]) if fits[best] > fit else (expected, fit)
