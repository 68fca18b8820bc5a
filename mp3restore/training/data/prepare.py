"""Turn a folder or manifest of music into training data: pairs of an original and a real encode of it.

A data set is a folder with one ``pairs/<id>.npy`` per pair (int16, ``(2, channels, samples)``: original and degraded)
and beside it ``<id>.json`` with facts about the pair and ``<id>.map.npy`` (float16) with its uncertainty map. Where
drum hits lie over the music, ``<id>.hits.npy`` tells in which blocks they dominate.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.progress import Progress

from mp3restore.dsp.resample import resample_stream
from mp3restore.dsp.stft import analyse
from mp3restore.errors import NoInputError
from mp3restore.training.data.conditions import CONDITIONS, Condition
from mp3restore.training.data.hits import Hits, Layered, read_hits
from mp3restore.training.data.pairs import make_pair
from mp3restore.training.data.voices import Voices
from mp3restore.training.networks.known import BLOCK

__all__ = ["FULL_SCALE", "Recording", "find_recordings", "measure_bandwidth", "prepare"]

FULL_SCALE = 32767 * 0.7
"""What 1.0 is stored as: decoded MP3s exceed full scale, and need headroom in an int16."""
_AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".aiff", ".aif", ".opus"}
_LOSSLESS = {"flac", "wav", "aiff"}
_EVERY_S = 60.0  # at most one excerpt in so much
_VOICES = ("voice", "pop vocals", "with vocals")  # in the genres of recordings in which somebody speaks or sings
_SPLITS = (("train", 0.9), ("val", 0.95), ("test", 1.0))


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording. `bandwidth_hz` is the highest frequency it really holds, None where it must be measured.

    Of a recording that was never coded all is known, also that it has no treble: `math.inf`. Were it judged only as far
    as it reaches, a generator would hear of treble where there is some, and never that there is none.
    """

    path: Path
    name: str
    split: str
    genre: str
    bandwidth_hz: float | None

    @property
    def has_voices(self) -> bool:
        """Whether somebody speaks or sings, as far as the genre tells."""
        return any(word in self.genre for word in _VOICES)


def find_recordings(corpus: Path) -> list[Recording]:
    """Return the recordings in a folder: those of its ``manifest.tsv``, or all audio files, split by hashes of names.

    Raises
    ------
    NoInputError
        If there are none.
    """
    manifest = corpus / "manifest.tsv"
    if manifest.exists():
        with manifest.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        found = [
            Recording(corpus / r["path"], r["path"], r["split"], r["genre"], _known_hz(r))
            for r in rows
            if (corpus / r["path"]).exists()
        ]
    else:
        paths = sorted(p for p in corpus.rglob("*") if p.suffix.lower() in _AUDIO_SUFFIXES)
        found = [Recording(p, name := str(p.relative_to(corpus)), _split(name), "", None) for p in paths]
    if not found:
        raise NoInputError("no recordings found", path=corpus, hint="name a folder of WAV, FLAC or Ogg files")
    return found


def _known_hz(row: dict[str, str]) -> float:
    """Up to where a recording in a manifest is as it was made."""
    return math.inf if row.get("codec") in _LOSSLESS else float(row["bandwidth_hz"])


def _split(name: str) -> str:
    draw = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
    return next(split for split, upper in _SPLITS if draw < upper)


def measure_bandwidth(samples: NDArray[np.float32], sample_rate: int) -> float:
    """Return the highest frequency in Hz that a recording (channels, samples) contains.

    It is the frequency at which the level of the loudest 5 % of frames falls below -75 dB of the strongest bin, or into
    the noise of 16 bits. If the source is lossy, this shows its low-pass.
    """
    size = 2048
    if samples.shape[1] < size:
        return 0.0
    power = np.quantile(np.abs(analyse(samples.mean(axis=0), size, hop=size)) ** 2, 0.95, axis=0)
    smooth = np.convolve(power, np.full(9, 1 / 9), mode="same")
    floor = max(float(smooth.max()) * 10**-7.5, 3e-6)
    above = np.flatnonzero(smooth > floor)
    return float(above[-1] * sample_rate / size) if len(above) else 0.0


def _draw_conditions(rng: np.random.Generator, count: int) -> list[Condition]:
    weights = np.array([c.weight for c in CONDITIONS])
    drawn = rng.choice(len(CONDITIONS), size=count, replace=False, p=weights / weights.sum())
    return [CONDITIONS[i] for i in drawn]


def _excerpts(
    source: Recording, seconds: float, most: int, every_s: float
) -> Iterator[tuple[int, NDArray[np.float32], int]]:
    """Yield excerpts that are loud enough, evenly spread: (start sample, (channels, samples), rate)."""
    info = soundfile.info(source.path)
    count = min(most, 1 + int(info.duration // every_s))
    length = int(seconds * info.samplerate)
    for k in range(count):
        start = max(0, int((k + 0.5) / count * info.frames) - length // 2)
        samples, rate = soundfile.read(source.path, start=start, frames=length, dtype="float32", always_2d=True)
        samples = np.ascontiguousarray(samples.T[:2])
        if samples.shape[1] < 3 * rate or float(np.abs(samples).max()) < 0.01:
            continue
        if rate > 48000:
            samples = np.concatenate(list(resample_stream([samples], rate, 48000)), axis=1)
            rate = 48000
        yield start, samples, rate


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What to make of each recording: excerpts, encodes of each, and as many again with hits and voices over them.

    `voices` are by split; there are none where none are wanted.
    """

    seconds: float
    excerpts: int
    encodes: int
    hits: Path | None
    voices: dict[str, Voices]


def _prepare_source(source: Recording, folder: Path, recipe: _Recipe) -> int:
    """Make all pairs of one recording and return their number. Existing pairs are kept."""
    made = 0
    hits = None if recipe.hits is None else read_hits(recipe.hits, source.split)
    voices = recipe.voices.get(source.split)
    whole = voices is not None and source.has_voices
    most, every_s = (sys.maxsize, recipe.seconds) if whole else (recipe.excerpts, _EVERY_S)
    for start, samples, rate in _excerpts(source, recipe.seconds, most, every_s):
        key = hashlib.sha256(f"{source.name}:{start}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(key[:8], "big"))
        bandwidth = source.bandwidth_hz or measure_bandwidth(samples, rate)
        facts = {"source": source.name, "split": source.split, "genre": source.genre, "start": start}
        layers = hits, None if whole else voices
        for what, music, highest_hz in _versions(samples, rate, bandwidth, layers, rng):
            more = facts | {"bandwidth_hz": highest_hz}
            for condition in _draw_conditions(rng, recipe.encodes):
                made += _store(folder / f"{key.hex()[:12]}{what}-{condition.name}", music, rate, condition, more)
    return made


def _versions(
    samples: NDArray[np.float32],
    rate: int,
    bandwidth: float,
    layers: tuple[Hits | None, Voices | None],
    rng: np.random.Generator,
) -> Iterator[tuple[str, Layered, float]]:
    """Yield an excerpt as it is, with hits and with a voice over it: name, what it is, and up to where it is known."""
    hits, voices = layers
    nowhere = np.zeros(0, np.bool_)
    yield "", Layered(samples, nowhere), bandwidth
    if hits is not None:
        yield "-hits", hits.over(samples, rate, bandwidth, rng), bandwidth
    if voices is not None and (mixture := voices.over(samples, rate, rng)) is not None:
        yield "-voices", Layered(mixture.samples, nowhere), min(bandwidth, mixture.highest_hz)


def _try_source(source: Recording, folder: Path, recipe: _Recipe) -> tuple[int, str]:
    """Make all pairs of one recording; returns their number, and why there are none if it cannot be read."""
    try:
        return _prepare_source(source, folder, recipe), ""
    except soundfile.LibsndfileError as error:
        return 0, f"{source.path}: left out, cannot be read: {error.error_string}"


def _store(path: Path, music: Layered, rate: int, condition: Condition, facts: dict[str, object]) -> int:
    """Make one pair and write it, unless it exists; return 1, or 0 where the encoder left silence."""
    if path.with_suffix(".json").exists():
        return 1
    pair = make_pair(music.samples, rate, condition)
    data = np.stack([pair.original, pair.degraded]) * np.float32(FULL_SCALE)
    if float(np.abs(data[1]).max()) < 0.005:
        return 0
    np.save(path.with_suffix(".npy"), np.clip(np.round(data), -32768, 32767).astype(np.int16))
    np.save(path.with_suffix(".map.npy"), pair.uncertainty.astype(np.float16))
    if len(music.dominated):
        # Blocks on the pair's timeline, which begins where the decoder's output does.
        middle = (np.arange(data.shape[2] // BLOCK) + 0.5) * BLOCK - pair.lag + pair.start
        block = (middle / pair.sample_rate * rate / BLOCK).astype(np.intp)
        np.save(path.with_suffix(".hits.npy"), music.dominated[np.clip(block, 0, len(music.dominated) - 1)])
    more = {
        "sample_rate": pair.sample_rate, "lag": pair.lag, "lead": pair.start, "gain": pair.gain,
        "samples": int(data.shape[2]), "condition": asdict(condition),
    }  # fmt: skip
    path.with_suffix(".json").write_text(json.dumps(facts | more), encoding="utf-8")
    return 1


def _voices(sources: list[Recording]) -> dict[str, Voices]:
    """Return the recordings with voices, and how far each is known, by split.

    Raises
    ------
    NoInputError
        If there are none.
    """
    found: dict[str, list[tuple[Path, float]]] = {}
    for source in sources:
        if source.has_voices:
            known = math.inf if source.bandwidth_hz is None else source.bandwidth_hz
            found.setdefault(source.split, []).append((source.path, known))
    if not found:
        raise NoInputError("no recordings with voices", hint="the manifest's genres must name them, as in 'voice'")
    return {split: Voices(tuple(recordings)) for split, recordings in found.items()}


def prepare(
    corpus: Path,
    folder: Path,
    *,
    splits: tuple[str, ...] = ("train", "val"),
    seconds: float = 10.0,
    excerpts: int = 2,
    encodes: int = 2,
    hits: Path | None = None,
    voices: bool = False,
    jobs: int | None = None,
) -> int:
    """Make the data set `folder` from the recordings in `corpus`, and return the number of pairs.

    Takes up to `excerpts` excerpts of `seconds` from each recording and compresses each in `encodes` ways, drawn with
    the weights of `CONDITIONS` from a random generator keyed by the recording's name. With a folder of `hits`, makes as
    many pairs again with drum hits over the music. With `voices`, lays a voice of the same split over the music as
    often, and uses recordings of voices from beginning to end. Recordings that cannot be read are named and left out.
    Can be stopped and run again.
    """
    sources = [s for s in find_recordings(corpus) if s.split in splits]
    spoken = _voices(sources) if voices else {}
    recipe = _Recipe(seconds, excerpts, encodes, hits, spoken)
    pairs = folder / "pairs"
    pairs.mkdir(parents=True, exist_ok=True)
    total = 0
    with ProcessPoolExecutor(jobs or os.cpu_count()) as pool, Progress() as progress:
        task = progress.add_task("encoding", total=len(sources))
        for future in as_completed([pool.submit(_try_source, s, pairs, recipe) for s in sources]):
            made, problem = future.result()
            total += made
            progress.advance(task)
            if problem:
                progress.console.print(problem, markup=False, highlight=False, soft_wrap=True)
    return total
