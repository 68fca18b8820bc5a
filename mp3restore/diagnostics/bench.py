"""Measure the stages of a run on this machine."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import soundfile
from numpy.typing import NDArray

from mp3restore.audio.decode import open_audio
from mp3restore.dsp.stft import OVERLAP, analyse_stretches, synthesise
from mp3restore.generator.model import Model
from mp3restore.job import check_jobs, lay_out
from mp3restore.options import RunOptions
from mp3restore.pipeline.file import make_restorer, run_job
from mp3restore.pipeline.stages import dedicated_process
from mp3restore.timings import Timings

__all__ = ["SYNTHETIC_RATE", "BenchReport", "Stage", "codec_floor", "peak_mib", "run_bench", "synthetic_music"]

# In the order in which a block passes through them. The stages overlap: their sum is more than the whole run.
_STAGES = ("load", "decode", "bitstream", "stft", "generator", "inverse", "projection", "encode")
SYNTHETIC_RATE = 44100
_SIZE = 2048

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Stage:
    """Name of a stage, and the seconds that it took: on the clock, and of processor time."""

    name: str
    seconds: float
    processor_s: float


@dataclass(frozen=True, slots=True)
class BenchReport:
    """The time and memory that a run took.

    Attributes
    ----------
    duration : float
        Seconds of music.
    sample_rate, channels : int
        Format of the result.
    start : Stage
        Python, and what was imported before the run; known on the processor only.
    stages : tuple of Stage
        Loading the model, and the stages of the run.
    rest : Stage
        What lies between the stages.
    whole : Stage
        From loading to the finished file; the processor time of `stages` and `rest` together.
    floor_s : float
        Processor time of decoding the file, transforming and inverting it, and encoding it: what any restoration by
        the spectrum costs.
    peak_mib : float or None
        Largest memory of this process so far in MiB; None if the system does not report it.
    """

    duration: float
    sample_rate: int
    channels: int
    start: Stage
    stages: tuple[Stage, ...]
    rest: Stage
    whole: Stage
    floor_s: float
    peak_mib: float | None


def synthetic_music(seconds: int) -> Iterator[NDArray[np.float32]]:
    """Yield seconds (n, 2) of decaying tones over noise at `SYNTHETIC_RATE`; its sound does not affect the speed."""
    rng = np.random.default_rng(0)
    time = np.arange(SYNTHETIC_RATE, dtype=np.float32) / SYNTHETIC_RATE
    for _ in range(seconds):
        pitches = rng.uniform(100, 8000, size=(6, 1)).astype(np.float32)
        tones = (np.sin(2 * np.pi * pitches * time) * np.exp(-4 * time)).sum(axis=0) * 0.05
        yield tones[:, None] + rng.normal(0, 0.02, (len(time), 2)).astype(np.float32)


def _write_music(path: Path, seconds: int) -> None:
    """Write an MP3 of synthetic music."""
    with soundfile.SoundFile(
        path, "w", SYNTHETIC_RATE, 2, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.5
    ) as file:
        for second in synthetic_music(seconds):
            file.write(second)


def run_bench(
    source: Path | None = None,
    *,
    seconds: int = 240,
    model: Model | str | Path | None = None,
    threads: int | None = None,
) -> BenchReport:
    """Restore a file to a temporary 24-bit FLAC, and measure how long the stages take.

    Parameters
    ----------
    source : Path, optional
        The file; by default a synthetic stereo MP3 at 44.1 kHz.
    seconds : int
        Length of the synthetic file.
    model : Model, str or Path, optional
        As for `mp3restore.restore_file`.
    threads : int, optional
        As for `mp3restore.restore_file`.

    Raises
    ------
    Mp3RestoreError
        If the file cannot be restored.
    """
    start = Stage("start", 0.0, process_time())
    with tempfile.TemporaryDirectory(prefix="mp3restore-bench-") as name:
        folder = Path(name)
        if source is None:
            source = folder / "music.mp3"
            _write_music(source, seconds)
        (job,) = check_jobs(lay_out(source, folder / "restored.flac"))
        timings = Timings()
        started, before = perf_counter(), process_time()
        with timings.measure("load"):
            restorer = make_restorer(model, threads=threads)
        with dedicated_process():
            result = run_job(job, lambda: restorer, RunOptions(), timings=timings)
        whole = Stage("whole run", perf_counter() - started, process_time() - before)
        stages = tuple(Stage(name, timings.of(name).clock, timings.of(name).processor) for name in _STAGES)
        rest = Stage("rest", 0.0, whole.processor_s - sum(stage.processor_s for stage in stages))
        peak, floor_s = peak_mib(), codec_floor(source, folder)
    return BenchReport(result.duration, result.sample_rate, result.channels, start, stages, rest, whole, floor_s, peak)


def codec_floor(source: Path, folder: Path) -> float:
    """Return the processor time in seconds of decoding, transforming, inverting and encoding a file, and no more."""
    started = process_time()
    with (
        open_audio(source) as opened,
        soundfile.SoundFile(
            folder / "floor.flac", "w", opened.sample_rate, opened.channels, "PCM_24", format="FLAC"
        ) as file,
    ):
        for block in opened.blocks():
            margin = np.zeros((block.shape[0], (OVERLAP - 1) * _SIZE // OVERLAP), np.float32)
            stretches = analyse_stretches(np.concatenate([margin, block], axis=1), _SIZE, hop=_SIZE // OVERLAP)
            spectra = (spectrum for _, spectrum in stretches)
            for samples in synthesise(spectra, _SIZE):
                file.write(samples.T)
    return process_time() - started


def peak_mib() -> float | None:
    """Return the largest resident memory of this process so far in MiB, or None if the system does not report it."""
    if _STATUS.exists():
        # Not from getrusage: on Linux it counts the memory that the process had before it became this program.
        found = re.search(r"^VmHWM:\s+(\d+) kB$", _STATUS.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
        if found:
            return int(found[1]) / 1024
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - does not exist on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024
