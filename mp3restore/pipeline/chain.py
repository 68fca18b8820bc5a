"""The way of one piece of music through the generator, whether it lies in memory or in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from mp3restore._typing import Samples
from mp3restore.generator.chunks import Passage
from mp3restore.generator.restorer import Restorer
from mp3restore.inspection.bitstream import Bitstream
from mp3restore.inspection.decoded import DecodedMp3
from mp3restore.options import RunOptions
from mp3restore.pipeline.consistency import GranuleTap, hold_to_bitstream
from mp3restore.pipeline.rates import RatePath
from mp3restore.pipeline.stages import SampleQueue, mix
from mp3restore.timings import Timings

__all__ = ["Chain"]


class Chain:
    """Rates, granules, generator, hold and mixture, in this order.

    The way has two halves, which may run in two threads: `passages` takes what the decoder returns, and `restored`
    takes those passages. Every block that leaves `restored` was preceded by its own passage, so what `passages` leaves
    for the other half (granules, and samples for the mixture) is there when it is asked for.

    Parameters
    ----------
    restorer : Restorer
        The loaded model.
    options : RunOptions
        How to restore.
    sample_rate : int
        Rate of the music in Hz.
    strength : float
        How far to go from the music (0.0) to its restoration (1.0).
    variant : int
        Which restoration of the seed to draw, from 1.
    bitstream : Bitstream or DecodedMp3, optional
        What the MP3 says about its granules.
    timings : Timings, optional
        Takes the seconds of every stage.

    Attributes
    ----------
    rates : RatePath
        The rates on the way.
    held : bool
        Whether the restoration is held to the bitstream.
    by_evidence : bool
        Whether the evidence decides how far to go where.
    """

    def __init__(
        self,
        restorer: Restorer,
        options: RunOptions,
        *,
        sample_rate: int,
        strength: float,
        variant: int,
        bitstream: Bitstream | DecodedMp3 | None = None,
        timings: Timings | None = None,
    ) -> None:
        self._restorer = restorer
        self._options = options
        self._strength = strength
        self._variant = variant
        self._timings = timings or Timings()
        self.rates = RatePath(sample_rate, options.sample_rate, direct=strength == 0)
        self.held = options.consistency and bitstream is not None
        self._dry = SampleQueue()
        self._granules: GranuleTap | None = None
        self.by_evidence = bitstream is not None and strength > 0 and options.strength is None
        if bitstream is not None and strength:
            bands = restorer.model.config.bands
            self._granules = GranuleTap(bitstream, working_rate=self.rates.working, bands=bands, keep=self.held)

    def passages(self, blocks: Iterable[Samples]) -> Iterator[Passage]:
        """Bring decoded blocks to the working rate, with what their granules tell about the losses."""
        if self._granules is not None:
            blocks = self._granules.tap(blocks)
        working = self.rates.before(blocks)
        if 0 < self._strength < 1:
            working = self._dry.tap(working)
        if self._granules is not None:
            return self._granules.passages(working)
        return (Passage(block) for block in working)

    def restored(self, passages: Iterable[Passage]) -> Iterator[Samples]:
        """Restore passages; the blocks have the rate of the result, and together cover the time of the input."""
        return self.rates.after(self._restored(passages))

    def _restored(self, passages: Iterable[Passage]) -> Iterator[Samples]:
        if self._strength == 0:
            return (passage.samples for passage in passages)
        restored = self._restorer.stream(
            passages,
            sample_rate=self.rates.working,
            seed=self._options.seed,
            variant=self._variant,
            variety=self._options.variety,
            deterministic=self._options.deterministic,
            by_evidence=self.by_evidence,
            timings=self._timings,
        )
        if self._granules is not None and self.held:
            hold = partial(hold_to_bitstream, self._granules, rate=self.rates.working)
            restored = self._timings.measure_stage("projection", hold, restored)
        # The signals that an MP3 allows form a convex set: between the decoded MP3 and a held restoration all are held.
        return restored if self._strength == 1 else mix(self._dry, restored, self._strength)
