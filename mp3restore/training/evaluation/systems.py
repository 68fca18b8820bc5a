"""The systems that an evaluation compares; each is a function of a pair of an original and its MP3."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from mp3restore._typing import Samples
from mp3restore.generator.chunks import Passage
from mp3restore.generator.restorer import Restorer
from mp3restore.job import check_jobs, lay_out
from mp3restore.options import RunOptions
from mp3restore.pipeline.file import run_job
from mp3restore.training.data.pairs import Pair
from mp3restore.training.evaluation.baselines import gain_corrected, noise_filled

__all__ = ["BEST_OF", "SYSTEMS", "BlindRestorer", "Tool", "open_tool"]


BEST_OF = 8
_MEAN_OF = 4

SYSTEMS = {
    "mp3": "The unprocessed MP3.",
    "gain-corrected": "The MP3 with the gain that brings it nearest to the original.",
    "noise": "The MP3 with uniform noise in its holes, within the cells of zero.",
    "paper-deterministic": "The networks of the paper without z, mono, each channel by itself.",
    "paper": "The networks of the paper with z, one draw.",
    "restored": "mp3restore with default options, one draw, as strong as the losses of the MP3 warrant.",
    "deterministic": "mp3restore without any random draw.",
    "full": "mp3restore at strength 1, all the way from the MP3 to the restoration.",
    "unheld": "mp3restore, not held to the bitstream.",
    "no-map": "mp3restore without the map of the MP3's losses, but held to the bitstream.",
    "mean": f"Mean of the samples of {_MEAN_OF} draws.",
    "variant": "The second of several restorations, which are drawn as far from the middle as originals are.",
    "best": f"The best of {BEST_OF} draws by log-mel distance, chosen with knowledge of the original.",
}
"""Names and descriptions, in the order of the tables."""


class BlindRestorer(Restorer):
    """A restorer that ignores the map, as if nothing were known of the bitstream."""

    def stream(
        self,
        blocks: Iterable[NDArray[np.float32] | Passage],
        **options: Any,  # noqa: ANN401 - those of `Restorer.stream`
    ) -> Iterator[NDArray[np.float32]]:
        """Restore blocks as `Restorer.stream` does."""
        return super().stream((b.samples if isinstance(b, Passage) else b for b in blocks), **options)


@dataclass(frozen=True, slots=True)
class Tool:
    """The tool itself on one MP3: every restoration goes from the file to a float WAV."""

    pair: Pair
    restorer: Restorer
    source: Path
    seed: int

    def restore(self, *, variant: int = 1, **options: Any) -> Samples:  # noqa: ANN401 - fields of RunOptions
        """Return one restoration, aligned with the pair: (channels, samples)."""
        target = self.source.with_name("restored.wav")
        (job,) = check_jobs(lay_out(self.source, target, bit_depth="32f", overwrite=True))
        chosen = RunOptions(seed=self.seed, sample_rate=self.pair.sample_rate, tags=False, **options)
        run_job(replace(job, variant=variant), lambda: self.restorer, chosen)
        samples, _ = soundfile.read(target, dtype="float32", always_2d=True)
        return np.ascontiguousarray(samples.T[:, self.pair.start : self.pair.start + self.pair.degraded.shape[1]])

    def draws(self, first: Samples) -> list[Samples]:
        """Return `BEST_OF` draws, the first of which is `first`."""
        return [first, *(self.restore(variant=k) for k in range(2, BEST_OF + 1))]

    def others(self, draws: Sequence[Samples], rng: np.random.Generator) -> Iterator[tuple[str, Samples]]:
        """Yield name and output of all systems that are judged on some clips only, except the draws themselves."""
        yield "gain-corrected", gain_corrected(self.pair)
        yield "full", self.restore(strength=1.0)
        if self.pair.mp3:
            yield "noise", noise_filled(self.pair, self.source, rng)
            yield "unheld", self.restore(consistency=False)
            blind = BlindRestorer(self.restorer.model, threads=1)
            yield "no-map", replace(self, restorer=blind).restore()
        yield "mean", np.mean(draws[:_MEAN_OF], axis=0)


@contextmanager
def open_tool(pair: Pair, restorer: Restorer, seed: int) -> Iterator[Tool]:
    """Put the pair's MP3 (or the samples of a clean pair) into a temporary file."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / ("clip.mp3" if pair.mp3 else "clip.wav")
        if pair.mp3:
            source.write_bytes(pair.mp3)
        else:
            soundfile.write(source, pair.degraded.T, pair.sample_rate, subtype="FLOAT")
        yield Tool(pair, restorer, source, seed)
