"""The Python interface: restore an array, or a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mp3restore.audio.source import MAX_CHANNELS
from mp3restore.errors import InputError, UsageError
from mp3restore.generator.devices import Device
from mp3restore.generator.model import Model
from mp3restore.generator.noise import LARGEST_VARIANT
from mp3restore.job import DEFAULT_BIT_DEPTH, BitDepth, Container, plan_jobs
from mp3restore.options import HIGHEST_RATE, LOWEST_RATE, RunOptions
from mp3restore.pipeline.chain import Chain
from mp3restore.pipeline.file import Progress, make_restorer, run_job
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
        Seed and variant of the draw.
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
    deterministic: bool = False,
    container: Container | None = None,
    bit_depth: BitDepth = DEFAULT_BIT_DEPTH,
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
        Seed of the random draw, 0 or more; the same seed gives the same file.
    variant : int
        Which of the seed's restorations to make, from 1.
    deterministic : bool
        Make the one restoration that uses no random draw.
    container : {"wav", "flac"}, optional
        Format of the result; by default the one of the suffix of `target`.
    bit_depth : {"16", "24", "32f"}
        Sample format of the result; "32f" only for WAV.
    sample_rate : int, optional
        Rate of the result in Hz; by default the input's, or the full rate of its family for MPEG-2 and 2.5 files.
    consistency : bool
        Hold the restoration of an MP3 to its bitstream.
    strength : float, optional
        How far to go from the input (0.0) to the restoration (1.0); by default as far as the input's losses warrant.
    tags : bool
        Give the result the tags and pictures of the input, and a tag that says how it was made.
    threads : int, optional
        Number of chunks to restore at the same time; by default the number of cores, at most 4.
    device : {"auto", "cpu", "cuda", "coreml", "dml"}
        Device to run the generator on; "auto" uses a GPU if ONNX Runtime has one, else the processor.
    overwrite : bool
        Whether to replace an existing target.
    progress : callable, optional
        Called with the seconds done and the total in seconds (None if unknown).

    Returns
    -------
    FileResult
        Path of the result, its format, the time taken, the gain that was needed, and warnings.

    Raises
    ------
    UsageError, NoInputError, InputError, OutputError, ModelError
        If the file cannot be restored. All are `Mp3RestoreError`; no partial output is left behind.

    Examples
    --------
    >>> import mp3restore
    >>> result = mp3restore.restore_file("song.mp3", "song.flac", seed=1)
    >>> print(f"{result.duration:.0f} s at {result.sample_rate} Hz, gain {result.gain_db:.1f} dB")
    187 s at 44100 Hz, gain -0.8 dB
    """
    _check_variant(variant)
    options = RunOptions(
        seed=seed,
        deterministic=deterministic,
        sample_rate=sample_rate,
        consistency=consistency,
        strength=strength,
        tags=tags,
    )
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
    deterministic: bool = False,
    strength: float = 1.0,
    output_sample_rate: int | None = None,
    threads: int | None = None,
) -> Restoration:
    """Restore music in memory.

    Parameters
    ----------
    samples : array_like of float, shape (channels, samples) or (samples,)
        Decoded music, full scale 1.0, 1 to 8 channels.
    sample_rate : int
        Rate of the samples in Hz.
    model : Model, str or Path, optional
        As for `restore_file`.
    seed, variant : int
        As for `restore_file`.
    deterministic : bool
        As for `restore_file`.
    strength : float
        How far to go from the samples (0.0) to the restoration (1.0). Without a bitstream, their losses are unknown.
    output_sample_rate : int, optional
        Rate of the result in Hz; by default `sample_rate`, or the full rate of its family if that is an MPEG-2 or 2.5
        rate.
    threads : int, optional
        As for `restore_file`.

    Returns
    -------
    Restoration
        The restored music, with the same duration as the input and aligned with it.

    Raises
    ------
    InputError
        If the samples are not finite floats of one of these shapes.
    UsageError, ModelError
        If an option is out of range, or the model cannot be loaded.

    Examples
    --------
    >>> import mp3restore
    >>> import soundfile
    >>> samples, sample_rate = soundfile.read("song.mp3")
    >>> restoration = mp3restore.restore(samples.T, sample_rate, seed=1)
    >>> restoration.samples.shape[0], restoration.sample_rate
    (2, 44100)
    """
    _check_variant(variant)
    options = RunOptions(seed=seed, deterministic=deterministic, sample_rate=output_sample_rate, strength=strength)
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
    restorer = make_restorer(model, threads=threads)
    chain = Chain(restorer, options, sample_rate=sample_rate, strength=strength, variant=variant)
    result = np.concatenate(list(chain.restored(chain.passages([block]))), axis=1)
    rate = chain.rates.target
    return Restoration(result if array.ndim == 2 else result[0], rate, restorer.model.name, seed, variant)


def _check_variant(variant: int) -> None:
    if not isinstance(variant, int) or not 1 <= variant <= LARGEST_VARIANT:
        raise UsageError(f"the variant must be a whole number from 1 to {LARGEST_VARIANT}")
