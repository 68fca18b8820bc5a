"""Find the granules of an MP3 in decoded samples."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.filterbank import HALO, OVERLAP, analyse
from mp3restore.mp3.granules import inaudible_lines
from mp3restore.mp3.intensity import coded_planes
from mp3restore.mp3.lattice import lattice_distance, quantise
from mp3restore.mp3.offsets import stands_out, zeros_by_offset
from mp3restore.mp3.runs import DECODER_DELAY
from mp3restore.mp3.stream import GRANULE_SAMPLES, Mp3Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

# So far the count on the grid stands above those at other offsets. Music that was never MP3 stays below 5.
_CLEAR: Final = 7.0
# In doubt, so many of the likeliest places are looked at again, in more granules. Chance stays below 3 there.
_DOUBTFUL: Final = 3
_CLEAR_AGAIN: Final = 4.5
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
    deviations: float = 0.0
    """How far the near-zero lines on the grid exceed those at other offsets, in standard deviations of the latter."""
    again: float = 0.0
    """Where that is in doubt: how far they exceed those beside them, granule by granule; see `offsets.stands_out`."""

    @property
    def found(self) -> bool:
        """Whether the samples were once decoded from an MP3, at this rate and without later processing."""
        return self.deviations > _CLEAR or self.again > _CLEAR_AGAIN

    @property
    def certainty(self) -> float:
        """Probability that chance does not make an offset stand out so far, 0 to 0.999: as far as was tested."""
        first = GRANULE_SAMPLES * math.erfc(self.deviations / 2 / math.sqrt(2)) / 2
        chance = min(first, _DOUBTFUL * math.erfc(self.again / math.sqrt(2)) / 2)
        return min(max(1.0 - chance, 0.0), 0.999)


def find_grid(samples: NDArray[np.float32], sample_rate: int) -> GridResult:
    """Search the 576 offsets for the granule grid of an MP3 that these samples were once decoded from.

    On its own grid a decoded MP3 has many lines that are exactly zero, at any other offset almost none. The search
    uses long blocks, which make up nine tenths of music, in up to five loud stretches of 0.1 s; and where these leave a
    doubt, the three likeliest offsets in all of the samples.

    Parameters
    ----------
    samples : ndarray of float32
        Shape (channels, n), one or two channels, full scale 1.0. In fewer than 5,024 samples nothing is found.
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
    counts = zeros_by_offset(samples)
    first = _grid_at(int(np.argmax(counts[:, 0])), counts)
    if first.found or not first.deviations:
        return first
    likeliest = np.argsort(-counts[:, 0], kind="stable")[:_DOUBTFUL]
    again = [stands_out(samples, int(offset)) for offset in likeliest]
    second = replace(_grid_at(int(likeliest[np.argmax(again)]), counts), again=max(again))
    return second if second.found else first


def _grid_at(offset: int, counts: NDArray[np.float64]) -> GridResult:
    """Describe one offset by what `zeros_by_offset` counted."""
    evidence, near, lines = counts.T
    if evidence[offset] == 0:
        return GridResult(offset=0, zero_share=0.0, confidence=0.0)
    others = np.delete(evidence, offset)
    # Of few lines the spread is not known: as that of counts, at least.
    spread = max(float(others.std()), math.sqrt(float(np.median(others))), 1.0)
    return GridResult(
        offset=offset,
        zero_share=float(near[offset] / lines[offset]),
        confidence=float(1 - others.max() / evidence[offset]),
        deviations=float((evidence[offset] - np.median(others)) / spread),
    )


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
    steps, panning = coded_planes(stream, lines, start)
    if panning is not None:
        lines[panning.rows, 1] *= ~panning.uncoded
    magnitudes = quantise(lines, steps)
    distance = lattice_distance(lines, steps, magnitudes)
    # Zeros of a coarse lattice say nothing: quiet samples are near zero at every offset. So only lines that are not.
    known = stream.known[start:stop, None, None]
    use = (magnitudes > 0) & known & ~inaudible_lines(lines, stream.edge_bound[start:stop])
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
