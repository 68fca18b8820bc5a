"""From a file to a file: decoder, generator and encoder, running at the same time."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import BinaryIO

from mp3restore._typing import Samples
from mp3restore._version import __version__
from mp3restore.audio.decode import open_audio
from mp3restore.audio.level import LevelledWriter, levelled_writer
from mp3restore.audio.source import AudioSource
from mp3restore.audio.tags import PROVENANCE, write_tags
from mp3restore.errors import NothingToRestoreError, UsageError
from mp3restore.files import atomic_file
from mp3restore.generator.devices import Device
from mp3restore.generator.model import Model, load_model
from mp3restore.generator.restorer import Restorer
from mp3restore.inspection.examine import Examination, examine
from mp3restore.job import Job
from mp3restore.options import RunOptions, whole_number
from mp3restore.pipeline.chain import Chain
from mp3restore.pipeline.findings import ClippingCounter, reason_to_leave, warnings_of
from mp3restore.pipeline.stages import read_ahead, write_behind
from mp3restore.result import FileResult
from mp3restore.timings import Timings

__all__ = ["Progress", "make_restorer", "run_job"]

Progress = Callable[[float, "float | None"], None]
"""Called with the seconds of audio that are done, and the seconds in all as far as they are known."""

# Blocks of a second or so that may wait between two stages: enough to even out their speeds, and 4 MB of stereo.
_QUEUE_BLOCKS = 8


def make_restorer(
    model: Model | str | Path | None = None, *, threads: int | None = None, device: Device = "auto"
) -> Restorer:
    """Load a model, by name or folder, or the default one, and make it ready to run.

    Raises
    ------
    ModelError
        If there is no such model, or it is damaged.
    UsageError
        If `threads` is below 1, or the device is not available.
    """
    count = None if threads is None else whole_number(threads) or 0
    if count is not None and count < 1:
        raise UsageError("the number of threads must be a whole number, 1 or more")
    return Restorer(model if isinstance(model, Model) else load_model(model), threads=count, device=device)


def run_job(
    job: Job,
    restorer: Callable[[], Restorer],
    options: RunOptions,
    *,
    only_lossy: bool = False,
    progress: Progress | None = None,
    timings: Timings | None = None,
) -> FileResult:
    """Restore one file; decoding, restoring and encoding overlap.

    Parameters
    ----------
    job : Job
        Source and target.
    restorer : callable
        Returns the loaded model. It is called when source and target have opened, while the source is examined.
    options : RunOptions
        How to restore.
    only_lossy : bool
        Whether an input whose losses warrant no restoration is refused, instead of being written as it is.
    progress : callable, optional
        Called with the seconds done, and the seconds in all as far as they are known.
    timings : Timings, optional
        Takes the seconds of every stage.

    Raises
    ------
    NothingToRestoreError
        With `only_lossy`, if there is nothing to restore. Nothing is written.
    InputError, OutputError, ModelError
        If the input cannot be read, the output cannot be written, or the model cannot be loaded. No partial output is
        left.
    """
    started = perf_counter()
    options = _with_rate(options, job)
    with open_audio(job.source) as source, atomic_file(job.target, overwrite=job.overwrite) as file:
        with ThreadPoolExecutor(1) as pool:  # both take about as long
            examination = pool.submit(examine, source, strength=options.strength)
            loaded = restorer()
        found = examination.result()
        if only_lossy and options.strength is None and found.strength == 0:
            raise NothingToRestoreError(
                reason_to_leave(found), path=job.source, hint="--strength 0.5 restores it all the same"
            )
        run = FileRun(source, found, job, loaded, options=options, timings=timings or Timings())
        with levelled_writer(
            file, job.output_format, sample_rate=run.sample_rate, channels=source.channels,
            spool_folder=job.target.parent,
        ) as writer:  # fmt: skip
            frames = run.write(writer, progress)
            with run.timings.measure("encode"):
                level = writer.finish()
        tag_problem = run.write_tags(file) if options.tags else None
    if options.preserve_mtime:
        times = job.source.stat()
        os.utime(job.target, ns=(times.st_atime_ns, times.st_mtime_ns))
    return FileResult(
        source=job.source,
        target=job.target,
        frames=frames,
        sample_rate=run.sample_rate,
        channels=source.channels,
        peak=level.peak,
        gain_db=level.gain_db,
        seconds=perf_counter() - started,
        decoder=source.decoder,
        model=loaded.model.name,
        seed=options.seed,
        variant=job.variant,
        strength=run.found.strength,
        consistent=run.held,
        device=loaded.device,
        source_kbps=run.found.kbps,
        damage=source.damage,
        stream_metadata=source.stream_metadata,
        warnings=(*run.warnings(), *([tag_problem] if tag_problem else [])),
    )


def _with_rate(options: RunOptions, job: Job) -> RunOptions:
    """Ask for the one rate of a format that has no other."""
    rate = job.output_format.only_rate
    if rate is None:
        return options
    if options.sample_rate not in (None, rate):
        raise UsageError(
            f"{job.output_format.container} is always at {rate} Hz", path=job.target, hint="leave out --sample-rate"
        )
    return replace(options, sample_rate=rate)


class FileRun:
    """One file on its way from the decoder to the writer.

    Attributes
    ----------
    found : Examination
        What the source is.
    sample_rate : int
        Rate of the result in Hz.
    held : bool
        Whether the result is held to the bitstream of the source.
    timings : Timings
        Seconds of every stage.
    """

    def __init__(
        self,
        source: AudioSource,
        found: Examination,
        job: Job,
        restorer: Restorer,
        *,
        options: RunOptions,
        timings: Timings,
    ) -> None:
        self.found = found
        self.timings = timings
        self._source = source
        self._job = job
        self._options = options
        self._model = restorer.model
        default = restorer.model.config.variety_of(job.variant)
        self._variety = default if options.variety is None else options.variety
        self._clipping = ClippingCounter()
        self._chain = Chain(
            restorer,
            options,
            sample_rate=source.sample_rate,
            strength=found.strength,
            variant=job.variant,
            bitstream=found.coding,
            timings=timings,
        )
        self.sample_rate = self._chain.rates.target
        self.held = self._chain.held

    def write(self, writer: LevelledWriter, progress: Progress | None) -> int:
        """Restore everything into `writer`; returns the number of samples."""
        source, rate = self._source, self.sample_rate
        expected = None if source.frames is None else source.frames / source.sample_rate
        done = 0

        def encode(block: Samples) -> None:
            with self.timings.measure("encode"):
                writer.write(block)

        decoded = self.timings.measure_items("decode", self._clipping.tap(source.blocks()))
        passages = self.timings.measure_stage("bitstream", self._chain.passages, decoded)
        with read_ahead(passages, _QUEUE_BLOCKS) as ahead, write_behind(encode, _QUEUE_BLOCKS) as put:
            for block in self._chain.restored(ahead):
                put(block)
                done += block.shape[1]
                if progress is not None:
                    progress(done / rate, expected)
        return done

    def write_tags(self, file: BinaryIO) -> str:
        """Give a complete result its tags; returns what could not be written, empty if everything was."""
        tags, config = self.found.tags, self._model.config
        kbps = self.found.kbps
        provenance = {
            "VERSION": __version__,
            "MODEL": f"{self._model.name} {config.version}",
            "SEED": "none" if self._options.deterministic else str(self._options.seed),
            "VARIANT": str(self._job.variant),
            "VARIETY": f"{self._variety:g}",
            "SOURCE_KBPS": "unknown" if kbps is None else f"{kbps:.0f}",
        }
        # What a plain run does is not worth a tag.
        provenance |= {} if self._chain.by_evidence else {"STRENGTH": f"{self.found.strength:g}"}
        provenance |= {} if self._options.consistency else {"CONSISTENCY": "off"}
        if self._options.sample_rate is not None:
            provenance["SAMPLE_RATE"] = str(self._options.sample_rate)
        for name, value in provenance.items():
            tags.comments[PROVENANCE + name] = [value]
        return write_tags(file, self._job.output_format.container, tags)

    def warnings(self) -> list[str]:
        """Say what is odd about the input, when all of it has passed."""
        seconds = self._chain.rates.taken / self._source.sample_rate
        found = warnings_of(
            self.found,
            self._clipping,
            self._source,
            seconds=seconds,
            automatic_strength=self._options.strength is None,
        )
        return [*found, "the input is a restoration already"] if self.found.restored_before else list(found)
