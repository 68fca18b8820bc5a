"""From memory to memory: samples, or the bytes of an audio file, through the same chain as a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from mp3restore._typing import Samples
from mp3restore.audio.decode import open_audio
from mp3restore.audio.source import MAX_CHANNELS
from mp3restore.dsp.alignment import find_delay
from mp3restore.errors import InputError, Mp3RestoreError
from mp3restore.generator.restorer import Restorer
from mp3restore.inspection.bitstream import Bitstream, move_bitstream, open_bitstream
from mp3restore.inspection.examine import examine
from mp3restore.options import RunOptions
from mp3restore.pipeline.chain import Chain
from mp3restore.pipeline.file import Progress

__all__ = ["Restored", "check_samples", "place_bitstream", "restore_bytes", "restore_samples"]

# Other decoders differ by encoder and decoder delays; the first seconds of music show by how much.
_ALIGNED_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Restored:
    """Restored samples (channels, n), their rate in Hz, how far they went, and whether they are held to a bitstream."""

    samples: Samples
    sample_rate: int
    strength: float
    held: bool


def check_samples(samples: ArrayLike) -> tuple[Samples, bool]:
    """Return samples of shape (channels, samples), and whether they had no channels before.

    Raises
    ------
    InputError
        If they are not finite floats of 1 to 8 channels.
    """
    array = np.asarray(samples)
    if array.dtype.kind != "f" or array.ndim not in (1, 2) or array.size == 0:
        raise InputError("samples must be floats of shape (channels, samples) or (samples,), and not empty")
    block = np.ascontiguousarray(np.atleast_2d(array), dtype=np.float32)
    if block.shape[0] > MAX_CHANNELS:
        raise InputError(
            f"{block.shape[0]} channels; at most {MAX_CHANNELS} are supported", hint="the shape is (channels, samples)"
        )
    if not np.isfinite(block).all():
        raise InputError("samples must be finite numbers")
    return block, array.ndim == 1


@contextmanager
def _as_file(data: bytes) -> Iterator[Path]:
    """Lend bytes a name, which decoders of the system need; errors are about the bytes, and not about that name."""
    with tempfile.TemporaryDirectory(prefix="mp3restore-") as folder:
        path = Path(folder) / "data"
        path.write_bytes(data)
        try:
            yield path
        except Mp3RestoreError as error:
            raise type(error)(f"the data: {error.message}", hint=error.hint) from error


def restore_bytes(
    data: bytes, restorer: Restorer, options: RunOptions, *, variant: int, progress: Progress | None
) -> Restored:
    """Decode the bytes of an audio file and restore the music, as `run_job` does with a file.

    Raises
    ------
    InputError
        If they cannot be decoded.
    """
    with _as_file(data) as path, open_audio(path) as source:
        found = examine(source, strength=options.strength)
        chain = Chain(
            restorer, options, sample_rate=source.sample_rate, strength=found.strength, variant=variant,
            bitstream=found.bitstream,
        )  # fmt: skip
        total = None if source.frames is None else source.frames / source.sample_rate
        samples = _collect(chain, source.blocks(), progress, total)
        return Restored(samples, chain.rates.target, found.strength, chain.held)


def restore_samples(
    samples: Samples,
    sample_rate: int,
    restorer: Restorer,
    options: RunOptions,
    *,
    strength: float,
    variant: int,
    bitstream: Bitstream | None,
    progress: Progress | None,
) -> Restored:
    """Restore samples (channels, n) at a rate in Hz."""
    chain = Chain(restorer, options, sample_rate=sample_rate, strength=strength, variant=variant, bitstream=bitstream)
    restored = _collect(chain, iter([samples]), progress, samples.shape[1] / sample_rate)
    return Restored(restored, chain.rates.target, strength, chain.held)


def place_bitstream(data: bytes, samples: Samples, sample_rate: int) -> tuple[Bitstream, float | None]:
    """Read the bitstream of an MP3, and find it in samples that any decoder has made of it.

    Parameters
    ----------
    data : bytes
        The MP3.
    samples : ndarray of float32, shape (channels, samples)
        The decoded music.
    sample_rate : int
        Rate of the samples in Hz.

    Returns
    -------
    bitstream : Bitstream
        Where its granules lie in the samples.
    strength : float or None
        How far a restoration should go.

    Raises
    ------
    InputError
        If the data are not an MP3, or the samples are not what it decodes to.
    """
    with _as_file(data) as path, open_audio(path) as source:
        found = open_bitstream(source)
        if found is None or (source.sample_rate, source.channels) != (sample_rate, samples.shape[0]):
            raise InputError("is not an MP3 of this sample rate and number of channels", hint="pass the bytes alone")
        heard, wanted = 0, round(_ALIGNED_SECONDS * sample_rate)

        def enough(block: Samples) -> bool:
            nonlocal heard
            heard += block.shape[1]
            return bool(heard >= wanted)

        head = np.concatenate(source.peek(enough), axis=1)[:, :wanted]
        placed = move_bitstream(found, samples, late=find_delay(head, samples[:, :wanted], sample_rate))
        if not placed.believed:
            raise InputError(
                "does not decode to these samples",
                hint="pass them as they were decoded, not resampled or changed in level, or pass the bytes alone",
            )
        return placed, examine(source).strength


def _collect(chain: Chain, blocks: Iterator[Samples], progress: Progress | None, total_s: float | None) -> Samples:
    rate = chain.rates.target
    restored, done = [], 0
    for block in chain.restored(chain.passages(blocks)):
        restored.append(block)
        done += block.shape[1]
        if progress is not None:
            progress(done / rate, total_s)
    return np.concatenate(restored, axis=1)
