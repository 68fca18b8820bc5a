"""From a file to a file: decoder, generator and encoder, running at the same time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from mp3restore import __version__
from mp3restore.audio_io.decode import AudioSource, open_audio
from mp3restore.audio_io.files import atomic_file
from mp3restore.consistency import (
    Bitstream,
    BitstreamWatch,
    SampleQueue,
    check_complete,
    hold_to_bitstream,
    mix,
    open_bitstream,
)
from mp3restore.devices import Device
from mp3restore.edges import Passage
from mp3restore.engine import Restorer
from mp3restore.errors import UsageError
from mp3restore.level import LevelledWriter, levelled_writer
from mp3restore.models import Model, load_model
from mp3restore.options import RunOptions
from mp3restore.overlap import prompt_turns, read_ahead, write_behind
from mp3restore.plan import Job
from mp3restore.probe import mp3_kbps
from mp3restore.rates import RatePath
from mp3restore.result import FileResult
from mp3restore.strength import known_kbps, warranted_strength
from mp3restore.suspicions import ClippingWatch
from mp3restore.tags import PROVENANCE, read_tags, write_tags
from mp3restore.timings import Timings

__all__ = ["Progress", "make_restorer", "run_job"]

Progress = Callable[[float, "float | None"], None]
"""Called with the seconds of audio that are done, and with all there are as far as that is known."""

# Blocks of a second or so that may wait between two stages: enough to even out their speeds, and 4 MB of stereo.
_QUEUE_BLOCKS = 8
# So many are no accident of a loud recording.
_CLIPPED_PLACES = 10
# Some encoders count a frame too many.
_LEAST_MISSING_S = 0.1


def make_restorer(
    model: Model | str | Path | None = None, *, threads: int | None = None, device: Device = "auto"
) -> Restorer:
    """Load a model, by name or folder, or the default one, and make it ready to run.

    Raises
    ------
    ModelError
        If there is no such model, or it is damaged.
    UsageError
        If `threads` is below 1, or there is no such device here.
    """
    if threads is not None and threads < 1:
        raise UsageError("the number of threads must be 1 or more")
    return Restorer(model if isinstance(model, Model) else load_model(model), threads=threads, device=device)


def run_job(
    job: Job,
    restorer: Callable[[], Restorer],
    options: RunOptions,
    *,
    progress: Progress | None = None,
    timings: Timings | None = None,
) -> FileResult:
    """Restore one file; decoding, restoring and encoding overlap.

    `restorer` is called only when input and output have proved to be usable, because loading a model takes longer.

    Raises
    ------
    InputError, OutputError, ModelError
        If the input cannot be read, the output not written, or the model not be loaded. No partial output is left.
    """
    started = perf_counter()
    with (
        # The matrices of the filter bank are small: more threads would only wait for each other.
        threadpool_limits(1, user_api="blas"),
        prompt_turns(),
        open_audio(job.source) as source,
        atomic_file(job.target, overwrite=job.overwrite) as file,
    ):
        with ThreadPoolExecutor(1) as pool:  # the model may have to be loaded, which takes as long
            bitstream = pool.submit(open_bitstream, job.source)
            loaded = restorer()
        run = _Run(source, bitstream.result(), job, loaded, options=options, timings=timings or Timings())
        with levelled_writer(
            file, job.output_format, sample_rate=run.path.target, channels=source.channels,
            spool_folder=job.target.parent,
        ) as writer:  # fmt: skip
            done = run.write(writer, progress)
            with run.timings.measure("encode"):
                level = writer.finish()
        kbps = mp3_kbps(job.source)
        warnings = _finish_tags(file, job, run, options, kbps) if options.tags else []
    if options.preserve_mtime:
        times = job.source.stat()
        os.utime(job.target, ns=(times.st_atime_ns, times.st_mtime_ns))
    return FileResult(
        source=job.source,
        target=job.target,
        frames=done,
        sample_rate=run.path.target,
        channels=source.channels,
        peak=level.peak,
        gain_db=level.gain_db,
        seconds=perf_counter() - started,
        decoder=source.decoder,
        model=run.restorer.model.name,
        seed=options.seed,
        variant=job.variant,
        strength=run.strength,
        consistent=run.held,
        device=run.restorer.device,
        source_kbps=kbps,
        warnings=(*run.warnings(), *warnings),
    )


class _Run:
    """The chain of one file, from the decoder to the writer."""

    def __init__(
        self,
        source: AudioSource,
        bitstream: Bitstream | None,
        job: Job,
        restorer: Restorer,
        *,
        options: RunOptions,
        timings: Timings,
    ) -> None:
        self.restorer = restorer
        self.timings = timings
        bands = restorer.model.config.bands
        self.held = options.consistency and bitstream is not None
        self._bitstream = bitstream
        self.strength = (
            warranted_strength(source, bitstream.stream if bitstream else None)
            if options.strength is None
            else options.strength
        )
        self.path = RatePath(source.sample_rate, options.sample_rate, direct=self.strength == 0)
        self._watch: BitstreamWatch | None = None
        if bitstream is not None and self.strength:
            self._watch = BitstreamWatch(bitstream, working_rate=self.path.working, bands=bands, keep=self.held)
        self._source = source
        self._variant = job.variant
        self.variety = restorer.model.config.variety_of(job.variant) if options.variety is None else options.variety
        self._options = options
        self._clipping = ClippingWatch()

    def write(self, writer: LevelledWriter, progress: Progress | None) -> int:
        """Restore everything into `writer`; gives the number of samples."""
        source, rate = self._source, self.path.target
        expected = None if source.frames is None else source.frames / source.sample_rate
        done = 0

        def encode(block: NDArray[np.float32]) -> None:
            with self.timings.measure("encode"):
                writer.write(block)

        dry = SampleQueue()
        decoded = self.timings.measure_items("decode", self._passages(dry))
        with read_ahead(decoded, _QUEUE_BLOCKS) as blocks, write_behind(encode, _QUEUE_BLOCKS) as put:
            for block in self.path.after(self._restored(blocks, dry)):
                put(block)
                done += block.shape[1]
                if progress is not None:
                    progress(done / rate, expected)
        if self._bitstream is not None:
            check_complete(self._bitstream, self.path.taken, source.path)
        return done

    def _passages(self, dry: SampleQueue) -> Iterator[Passage]:
        """Decode, at the working rate; `dry` keeps what a weaker restoration is mixed with."""
        blocks = self._clipping.watch(self._source.blocks())
        if self._watch is not None:
            blocks = self._watch.watch(blocks)
        working = self.path.before(blocks)
        if 0 < self.strength < 1:
            working = dry.watch(working)
        if self._watch is not None:
            return self._watch.passages(working)
        return (Passage(block) for block in working)

    def _restored(self, passages: Iterator[Passage], dry: SampleQueue) -> Iterator[NDArray[np.float32]]:
        options = self._options
        if self.strength == 0:
            return (passage.samples for passage in passages)
        restored = self.restorer.stream(
            passages,
            sample_rate=self.path.working,
            seed=options.seed,
            variant=self._variant,
            variety=self.variety,
            deterministic=options.deterministic,
            timings=self.timings,
        )
        if self._watch is not None and self.held:
            hold = partial(hold_to_bitstream, self._watch, rate=self.path.working)
            restored = self.timings.measure_stage("projection", hold, restored)
        # What is possible is convex: between the decoded MP3 and a restoration held to it, all is held to it too.
        return restored if self.strength == 1 else mix(dry, restored, self.strength)

    def warnings(self) -> Iterator[str]:
        """Say what is odd about the input."""
        stream = self._bitstream.stream if self._bitstream else None
        if self._clipping.places >= _CLIPPED_PLACES:
            yield f"the input is clipped, in {self._clipping.places} places; that stays"
        elif stream is not None and self._clipping.overshoots > self.path.taken / self._source.sample_rate:
            yield (
                f"the input goes beyond full scale in {self._clipping.overshoots} places, as music does that was "
                "clipped before it was encoded; that stays"
            )
        if stream is not None and stream.skipped_bytes:
            yield (
                f"{stream.skipped_bytes} bytes between the frames are no MP3; if they were damaged, "
                "what they held is missing"
            )
        if stream is not None and (missing := stream.missing_bytes * 8 / 1000 / stream.kbps) >= _LEAST_MISSING_S:
            yield f"the input is cut off: by its tag, {missing:.1f} seconds more belong to it"
        if self.strength == 0 and self._options.strength is None:
            kbps = known_kbps(self._source, stream)
            reason = (
                "the input shows nothing that a codec took away and"
                if kbps is None
                else f"the input has {kbps:.0f} kbit/s and lacks too little for a restoration to be safe; it"
            )
            yield f"{reason} is left as it is (unless --strength is given)"


def _finish_tags(file: BinaryIO, job: Job, run: _Run, options: RunOptions, kbps: float | None) -> list[str]:
    """Give a complete result its tags; says what is odd about them."""
    tags, ours = read_tags(job.source)
    model = run.restorer.model
    provenance = {
        "VERSION": __version__,
        "MODEL": f"{model.name} {model.config.version}",
        "SEED": "none" if options.deterministic else str(options.seed),
        "VARIANT": str(job.variant),
        "VARIETY": f"{run.variety:g}",
        "STRENGTH": f"{run.strength:g}",
        "SOURCE_KBPS": "unknown" if kbps is None else f"{kbps:.0f}",
    }
    for name, value in provenance.items():
        tags.comments[PROVENANCE + name] = [value]
    warnings = ["the input is a restoration already"] if ours else []
    problem = write_tags(file, job.output_format.container, tags)
    return [*warnings, problem] if problem else warnings
