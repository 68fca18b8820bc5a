"""The Python interface: restore an array, or a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from numpy.typing import ArrayLike

from mp3restore.errors import UsageError
from mp3restore.generator.devices import Device
from mp3restore.generator.model import Model
from mp3restore.generator.noise import LARGEST_VARIANT
from mp3restore.inspection.inspect import Inspection
from mp3restore.inspection.inspect import inspect_file as _inspect_file
from mp3restore.job import BitDepth, Container, check_jobs, lay_out
from mp3restore.options import RunOptions, check_rate, whole_number
from mp3restore.pipeline.file import Progress, make_restorer, run_job
from mp3restore.pipeline.memory import check_samples, place_bitstream, restore_bytes, restore_samples
from mp3restore.python_words import in_python, python_hints
from mp3restore.result import FileResult, Restoration

__all__ = ["Restoration", "inspect_file", "restore", "restore_file"]


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
    bit_depth: BitDepth | None = None,
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
    variety : float, optional
        How far a draw is from the middle of what is plausible, 0.0 or more; 1.0 is as far as originals are. By default
        the small value of the model for variant 1, and 1.0 for all others.
    deterministic : bool
        Make the one restoration that uses no random draw.
    container : {"flac", "wav", "opus", "ogg", "mp3"}, optional
        Format of the result; by default the one of the suffix of `target`. FLAC and WAV keep everything; the others
        code the music once more.
    bit_depth : {"16", "24", "32f"}, optional
        Sample format of a FLAC or WAV file, by default 16 bits with dither; "32f" only for WAV.
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
    with python_hints():
        number = _check_variant(variant)
        options = RunOptions(
            seed=seed,
            deterministic=deterministic,
            sample_rate=sample_rate,
            consistency=consistency,
            strength=strength,
            tags=tags,
            variety=variety,
        )
        output = None if target is None else Path(target)
        jobs = lay_out(Path(source), output, container=container, bit_depth=bit_depth, overwrite=overwrite)
        (job,) = check_jobs(jobs)
        result = run_job(
            replace(job, variant=number),
            lambda: make_restorer(model, threads=threads, device=device),
            options,
            progress=progress,
        )
        return replace(result, warnings=tuple(map(in_python, result.warnings)))


def restore(
    samples: ArrayLike | bytes,
    sample_rate: int | None = None,
    *,
    bitstream: bytes | None = None,
    model: Model | str | Path | None = None,
    seed: int = 0,
    variant: int = 1,
    variety: float | None = None,
    deterministic: bool = False,
    consistency: bool = True,
    strength: float | None = None,
    output_sample_rate: int | None = None,
    threads: int | None = None,
    device: Device = "auto",
    progress: Progress | None = None,
) -> Restoration:
    """Restore music in memory.

    With the bytes of an MP3, this does the same as `restore_file`: the strength follows from the losses that the
    bitstream shows, and the result is held to the bitstream. With samples alone neither is possible: by default they
    are restored with full strength, even if they have lost little, and nothing guarantees that the music kept by the
    MP3 stays unchanged. Pass `bitstream` as well if you have it. Unlike `restore_file`, this writes no file and no
    tags, and it keeps the level: peaks may exceed full scale.

    Parameters
    ----------
    samples : array_like of float, shape (channels, samples) or (samples,), or bytes
        Decoded music, full scale 1.0, 1 to 8 channels; or the bytes of an audio file of any format.
    sample_rate : int, optional
        Rate of the samples in Hz; leave it out for bytes, which contain it.
    bitstream : bytes, optional
        The MP3 that the samples were decoded from, by any decoder, without a change of rate or level.
    model : Model, str or Path, optional
        As for `restore_file`.
    seed, variant : int
        As for `restore_file`.
    deterministic, consistency : bool
        As for `restore_file`; samples without a bitstream cannot be held.
    strength : float, optional
        How far to go from the input (0.0) to the restoration (1.0); by default as far as the losses of the bytes or the
        bitstream warrant, and 1.0 for samples alone.
    output_sample_rate : int, optional
        Rate of the result in Hz; by default the rate of the input, or the full rate of its family if that is an MPEG-2
        or 2.5 rate.
    threads : int, optional
        As for `restore_file`.
    device : {"auto", "cpu", "cuda", "coreml", "dml"}
        As for `restore_file`.
    progress : callable, optional
        As for `restore_file`.

    Returns
    -------
    Restoration
        The restored music, with the same duration as the input and aligned with it.

    Raises
    ------
    InputError
        If the samples are not finite floats of one of these shapes, if the bytes cannot be decoded, or if the bitstream
        does not decode to the samples.
    UsageError, ModelError
        If an option is out of range, or the model cannot be loaded.

    See Also
    --------
    restore_file : Restore a file to a file.

    Examples
    --------
    >>> import mp3restore
    >>> import soundfile
    >>> samples, sample_rate = soundfile.read("song.mp3")
    >>> restoration = mp3restore.restore(samples.T, sample_rate, seed=1)
    >>> restoration.samples.shape[0], restoration.sample_rate
    (2, 44100)
    >>> restoration = mp3restore.restore(open("song.mp3", "rb").read(), seed=1)
    >>> restoration.held
    True
    """
    with python_hints():
        number = _check_variant(variant)
        options = RunOptions(
            seed=seed, deterministic=deterministic, sample_rate=output_sample_rate, consistency=consistency,
            strength=strength, variety=variety,
        )  # fmt: skip
        if isinstance(samples, (bytes, bytearray, memoryview)):
            if sample_rate is not None or bitstream is not None:
                raise UsageError("the bytes of a file say their sample rate and bitstream themselves")
            restorer = make_restorer(model, threads=threads, device=device)
            made = restore_bytes(bytes(samples), restorer, options, variant=number, progress=progress)
            flat = False
        else:
            block, flat = check_samples(samples)
            if sample_rate is None:
                raise UsageError("samples need their sample rate", hint="pass it in Hz")
            rate = check_rate(sample_rate)
            placed, warranted = None, None
            if bitstream is not None:
                placed, warranted = place_bitstream(bitstream, block, rate)
            # What samples alone have lost is unknown.
            wanted = next(each for each in (options.strength, warranted, 1.0) if each is not None)
            restorer = make_restorer(model, threads=threads, device=device)
            made = restore_samples(
                block, rate, restorer, options, strength=wanted, variant=number, bitstream=placed, progress=progress
            )
        return Restoration(
            samples=made.samples[0] if flat else made.samples,
            sample_rate=made.sample_rate,
            model=restorer.model.name,
            seed=options.seed,
            variant=number,
            strength=made.strength,
            held=made.held,
            device=restorer.device,
        )


def inspect_file(path: str | Path) -> Inspection:
    """Return what a file has lost: from its bitstream if it is an MP3, else by searching for traces of an MP3.

    Parameters
    ----------
    path : str or Path
        Any audio file of 1 to 8 channels.

    Returns
    -------
    Inspection
        The findings; `to_json` returns them as plain data.

    Raises
    ------
    NoInputError, InputError
        If the file does not exist or cannot be read.
    """
    with python_hints():
        return _inspect_file(path)


def _check_variant(variant: int) -> int:
    number = whole_number(variant)
    if number is None or not 1 <= number <= LARGEST_VARIANT:
        raise UsageError(f"the variant must be a whole number from 1 to {LARGEST_VARIANT}")
    return number
