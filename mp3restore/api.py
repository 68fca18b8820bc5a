"""The Python interface: restore an array, or a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mp3restore.audio_io.decode import MAX_CHANNELS
from mp3restore.consistency import SampleQueue, mix
from mp3restore.devices import Device
from mp3restore.errors import InputError, UsageError
from mp3restore.formats import BitDepth, Container
from mp3restore.models import Model
from mp3restore.noise import LARGEST_VARIANT
from mp3restore.options import HIGHEST_RATE, LOWEST_RATE, RunOptions
from mp3restore.pipeline import Progress, make_restorer, run_job
from mp3restore.plan import plan_jobs
from mp3restore.rates import RatePath
from mp3restore.result import FileResult

__all__ = ["Restoration", "restore", "restore_file"]


@dataclass(frozen=True, slots=True)
class Restoration:
    """A restored piece of music.

    Attributes
    ----------
    samples : ndarray of float32
        Shape (channels, samples), or (samples,) if the input had that shape. Peaks may be above 1.0.
    sample_rate : int
        Rate in Hz.
    model : str
        Name of the model.
    seed, variant : int
        What was drawn.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    model: str
    seed: int
    variant: int


def restore_file(
    source: str | Path,
    target: str | Path | None = None,
    *,
    model: Model | str | Path | None = None,
    seed: int = 0,
    variant: int = 1,
    variety: float | None = None,
    deterministic: bool = False,
    container: Container | None = None,
    bit_depth: BitDepth = "24",
    sample_rate: int | None = None,
    consistency: bool = True,
    strength: float | None = None,
    tags: bool = True,
    threads: int | None = None,
    device: Device = "auto",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> FileResult:
    """Restore an audio file.

    Parameters
    ----------
    source : str or Path
        Any audio file of 1 to 8 channels.
    target : str or Path, optional
        The file to write; by default ``<stem>.restored.flac`` beside the source.
    model : Model, str or Path, optional
        Model, its name, or its folder; by default the one that is shipped.
    seed : int
        Which restorations to draw; the same seed gives the same file.
    variant : int
        Which of the seed's restorations, from 1.
    variety : float, optional
        How far a draw is from the middle of what is plausible, 0.0 or more; 1.0 is as far as originals are. By default
        a small value of the model's own for variant 1, and 1.0 for all others.
    deterministic : bool
        Give the one restoration without any chance instead of a draw.
    container : {"wav", "flac"}, optional
        By default what the suffix of `target` says.
    bit_depth : {"16", "24", "32f"}
        Sample format of the result; "32f" only for WAV.
    sample_rate : int, optional
        Rate of the result in Hz.
    consistency : bool
        Hold the restoration of an MP3 to what its bitstream says.
    strength : float, optional
        How far to go from the input (0.0) to the restoration (1.0); by default as far as its losses warrant.
    tags : bool
        Give the result the tags and pictures of the input, and say in them how it was made.
    threads : int, optional
        Chunks that are restored at the same time; by default as many as there are cores, at most 4.
    device : {"auto", "cpu", "cuda", "coreml", "dml"}
        What the generator runs on; by default a GPU if ONNX Runtime has one, else the processor.
    overwrite : bool
        Whether an existing target is replaced.
    progress : callable, optional
        Called with the seconds done and the seconds in all (None where unknown).

    Returns
    -------
    FileResult
        Where the result is, how long it took, and what gain was needed.

    Raises
    ------
    UsageError, NoInputError, InputError, OutputError, ModelError
        All are `Mp3RestoreError`; no partial output is left.
    """
    _check_variant(variant)
    options = RunOptions(seed, deterministic, sample_rate, consistency, strength, tags, variety=variety)
    output = None if target is None else Path(target)
    (job,) = plan_jobs(Path(source), output, container=container, bit_depth=bit_depth, variants=1, overwrite=overwrite)
    job = replace(job, variant=variant)
    return run_job(job, lambda: make_restorer(model, threads=threads, device=device), options, progress=progress)


def restore(
    samples: ArrayLike,
    sample_rate: int,
    *,
    model: Model | str | Path | None = None,
    seed: int = 0,
    variant: int = 1,
    variety: float | None = None,
    deterministic: bool = False,
    strength: float = 1.0,
    output_sample_rate: int | None = None,
    threads: int | None = None,
) -> Restoration:
    """Restore music that lies in memory.

    Parameters
    ----------
    samples : array_like of float, shape (channels, samples) or (samples,)
        Decoded music, full scale 1.0, 1 to 8 channels.
    sample_rate : int
        Its rate in Hz.
    model, seed, variant, variety, deterministic, threads
        As for `restore_file`.
    strength : float
        How far to go from the samples (0.0) to the restoration (1.0). How much they have lost is not known here.
    output_sample_rate : int, optional
        Rate of the result in Hz; by default `sample_rate`, or the full rate of its family where that is an MPEG-2 or
        2.5 rate.

    Returns
    -------
    Restoration
        As long as the input, and in time with it.

    Raises
    ------
    InputError
        If the samples are not finite floats of one of these shapes.
    UsageError, ModelError
        If an option is out of range, or the model cannot be loaded.
    """
    _check_variant(variant)
    options = RunOptions(seed, deterministic, output_sample_rate, strength=strength, variety=variety)
    array = np.asarray(samples)
    if array.dtype.kind != "f" or array.ndim not in (1, 2) or array.size == 0:
        raise InputError("samples must be floats of shape (channels, samples) or (samples,), and not empty")
    block = np.ascontiguousarray(np.atleast_2d(array), dtype=np.float32)
    if block.shape[0] > MAX_CHANNELS:
        raise InputError(
            f"{block.shape[0]} channels; at most {MAX_CHANNELS} are supported", hint="shape is (channels, samples)"
        )
    if not np.isfinite(block).all():
        raise InputError("samples must be finite numbers")
    if not isinstance(sample_rate, int) or not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        raise UsageError(f"the sample rate must be a whole number from {LOWEST_RATE} to {HIGHEST_RATE}, in Hz")
    path = RatePath(sample_rate, options.sample_rate)
    restorer = make_restorer(model, threads=threads)
    dry = SampleQueue()
    restored = restorer.stream(
        dry.watch(path.before([block])),
        sample_rate=path.working,
        seed=seed,
        variant=variant,
        variety=variety,
        deterministic=deterministic,
    )
    mixed = restored if strength == 1 else mix(dry, restored, strength)
    result = np.concatenate(list(path.after(mixed)), axis=1)
    return Restoration(result if array.ndim == 2 else result[0], path.target, restorer.model.name, seed, variant)


def _check_variant(variant: int) -> None:
    if not isinstance(variant, int) or not 1 <= variant <= LARGEST_VARIANT:
        raise UsageError(f"the variant must be a whole number from 1 to {LARGEST_VARIANT}")
