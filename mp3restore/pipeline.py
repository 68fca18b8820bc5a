"""From a file to a file: decoder, generator and encoder, running at the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from mp3restore.audio_io.decode import open_audio
from mp3restore.audio_io.files import atomic_file
from mp3restore.consistency import SampleQueue, hold_to_bitstream, open_projector
from mp3restore.engine import Restorer
from mp3restore.errors import UsageError
from mp3restore.level import levelled_writer
from mp3restore.models import Model, load_model
from mp3restore.overlap import read_ahead, write_behind
from mp3restore.plan import Job
from mp3restore.rates import RatePath
from mp3restore.timings import Timings

__all__ = ["FileResult", "Progress", "RunOptions", "make_restorer", "run_job"]

Progress = Callable[[float, "float | None"], None]
"""Called with the seconds of audio that are done, and with all there are as far as that is known."""

# Rates that restored music can sensibly have; the polyphase filters of odd ones far outside grow without bound.
_LOWEST_RATE, _HIGHEST_RATE = 8_000, 384_000
_LARGEST_SEED = 2**63 - 1
# Blocks of a second or so that may wait between two stages: enough to even out their speeds, and 4 MB of stereo.
_QUEUE_BLOCKS = 8


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to restore, whatever the file.

    Parameters
    ----------
    seed : int
        Which restorations to draw; the same seed always gives the same.
    deterministic : bool
        Give the one restoration without any chance instead of a draw.
    sample_rate : int, optional
        Rate of the result in Hz, 8000 to 384000; by default the input's, or the full rate of its family for MPEG-2
        and 2.5 files.
    consistency : bool
        Hold the restoration of an MP3 to what its bitstream says.

    Raises
    ------
    UsageError
        If a value is out of range.
    """

    seed: int = 0
    deterministic: bool = False
    sample_rate: int | None = None
    consistency: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= _LARGEST_SEED:
            raise UsageError("the seed must be 0 or more, and below 2^63")
        if self.sample_rate is not None and not _LOWEST_RATE <= self.sample_rate <= _HIGHEST_RATE:
            raise UsageError(f"the sample rate must be {_LOWEST_RATE} to {_HIGHEST_RATE} Hz")


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of a file.

    Attributes
    ----------
    source, target : Path
        The input, and the file that was written.
    frames : int
        Length of the result in samples.
    sample_rate : int
        Rate of the result in Hz.
    channels : int
        Number of channels.
    peak : float
        Largest magnitude of the restored music, full scale 1.0.
    gain_db : float
        Gain in dB that brought the peak below full scale; 0.0 where none was needed.
    seconds : float
        Time that the run took.
    decoder : str
        Who decoded what.
    model : str
        Name of the model.
    seed, variant : int
        What was drawn.
    consistent : bool
        Whether the restoration was held to the bitstream of an MP3.
    """

    source: Path
    target: Path
    frames: int
    sample_rate: int
    channels: int
    peak: float
    gain_db: float
    seconds: float
    decoder: str
    model: str
    seed: int
    variant: int
    consistent: bool

    @property
    def duration(self) -> float:
        """Length of the music in seconds."""
        return self.frames / self.sample_rate

    @property
    def speed(self) -> float:
        """Seconds of music per second of work."""
        return self.duration / self.seconds


def make_restorer(model: Model | str | Path | None = None, *, threads: int | None = None) -> Restorer:
    """Load a model, by name or folder, or the default one, and make it ready to run.

    Raises
    ------
    ModelError
        If there is no such model, or it is damaged.
    UsageError
        If `threads` is below 1.
    """
    if threads is not None and threads < 1:
        raise UsageError("the number of threads must be 1 or more")
    return Restorer(model if isinstance(model, Model) else load_model(model), threads=threads)


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
    timings = timings or Timings()
    with (
        # The matrices of the filter bank are small: more threads would only wait for each other.
        threadpool_limits(1, user_api="blas"),
        open_audio(job.source) as source,
        atomic_file(job.target, overwrite=job.overwrite) as file,
    ):
        path = RatePath(source.sample_rate, options.sample_rate)
        rate = path.target
        expected = None if source.frames is None else source.frames / source.sample_rate
        ready = restorer()
        projector = open_projector(job.source) if options.consistency else None
        original = SampleQueue()
        blocks_in = source.blocks() if projector is None else original.watch(source.blocks())
        decoded = timings.measure_items("decode", path.before(blocks_in))
        done = 0
        with levelled_writer(
            file, job.output_format, sample_rate=rate, channels=source.channels, spool_folder=job.target.parent
        ) as writer:

            def encode(block: NDArray[np.float32]) -> None:
                with timings.measure("encode"):
                    writer.write(block)

            with read_ahead(decoded, _QUEUE_BLOCKS) as blocks, write_behind(encode, _QUEUE_BLOCKS) as put:
                restored = ready.stream(
                    blocks,
                    sample_rate=path.working,
                    seed=options.seed,
                    variant=job.variant,
                    deterministic=options.deterministic,
                    timings=timings,
                )
                if projector is not None:
                    restored = hold_to_bitstream(
                        projector, original, restored, file_rate=source.sample_rate, rate=path.working
                    )
                for block in path.after(restored):
                    put(block)
                    done += block.shape[1]
                    if progress is not None:
                        progress(done / rate, expected)
            with timings.measure("encode"):
                level = writer.finish()
    return FileResult(
        source=job.source,
        target=job.target,
        frames=done,
        sample_rate=rate,
        channels=source.channels,
        peak=level.peak,
        gain_db=level.gain_db,
        seconds=perf_counter() - started,
        decoder=source.decoder,
        model=ready.model.name,
        seed=options.seed,
        variant=job.variant,
        consistent=projector is not None,
    )
