"""Fit how far the evidence supports a restoration: the weights of `generator.evidence`, after the generator.

Pairs of a data set are restored all the way. For every block of frames and every band, the error of its level is
measured at several strengths. The weights are those of the least error on average, where a clip that gets worse than
its MP3 counts more. Were single blocks to count more, everything would turn dull, for each of them may be a pause.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.optimize
import scipy.special
from numpy.typing import NDArray

from mp3restore.dsp.stft import analyse, mel_bands
from mp3restore.errors import NoInputError
from mp3restore.generator.chunks import Passage
from mp3restore.generator.evidence import BANDS, FEATURES, features
from mp3restore.generator.model import load_model
from mp3restore.generator.restorer import Restorer
from mp3restore.generator.uncertainty import HOP, N_FFT
from mp3restore.training.data.prepare import FULL_SCALE

__all__ = ["STRENGTHS", "Blocks", "fit_evidence", "fit_weights", "measure_pair"]

STRENGTHS = tuple(k / 10 for k in range(11))
"""Strengths at which errors are measured; so fine that its steps do not decide where a minimum lies."""

_BLOCK_FRAMES = 16  # 0.2 s; the level of a single frame is chance
_LONGEST_FRAMES = 420
_SHORTEST_FRAMES = 120
_FLOOR = 3e-4  # of a band's power, over the mean power of the clip
_HARM = 1.0  # what a clip that is worse than its MP3 counts on top
_LEAST_ERROR = 0.05  # natural logarithm of a power; clips that lost less weigh no more
# The map of a frame is centred where the spectrum of an analysis that starts at sample 0 is two frames later.
_FIRST_ROW = 2


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of one clip: features (blocks, `BANDS`, features), and errors of levels (blocks, `BANDS`, strengths).

    `known` is the share of each band that the original is known in: (`BANDS`,).
    """

    features: NDArray[np.float32]
    errors: NDArray[np.float32]
    known: NDArray[np.float32]


def measure_pair(path: Path, restorer: Restorer, *, seed: int) -> Blocks | None:
    """Restore the pair of a data set at ``path.json``; None if it is too short, or has no map.

    Parameters
    ----------
    path : Path
        Without its suffix.
    restorer : Restorer
        The model, whose own evidence is not used.
    seed : int
        Seed of the draw.
    """
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    known_rows = np.load(path.with_suffix(".map.npy")).astype(np.float32)
    # Rows of the map lie on the grid of the file, of which the pair begins at sample `lead`.
    begin = -facts["lead"] % HOP
    pair = np.load(path.with_suffix(".npy"), mmap_mode="r")[:, :, begin : begin + _LONGEST_FRAMES * HOP]
    rows = known_rows[(facts["lead"] + begin) // HOP :][: _LONGEST_FRAMES + N_FFT // HOP]
    frames = ((pair.shape[2] - N_FFT) // HOP + 1) // _BLOCK_FRAMES * _BLOCK_FRAMES
    if frames < _SHORTEST_FRAMES or len(rows) < _FIRST_ROW + frames:
        return None
    original, degraded = np.ascontiguousarray(pair, dtype=np.float32) / np.float32(FULL_SCALE)
    passages = [Passage(degraded, rows)]
    pieces = restorer.stream(passages, sample_rate=facts["sample_rate"], seed=seed, by_evidence=False)
    spectra = [analyse(s, N_FFT)[:, :frames] for s in (original, degraded, np.concatenate(list(pieces), axis=1))]
    return Blocks(
        _in_blocks(features(_mid_side_power(spectra[1]), rows[_FIRST_ROW : _FIRST_ROW + frames])),
        *_errors(*spectra, highest_hz=facts["bandwidth_hz"], sample_rate=facts["sample_rate"]),
    )


def _mid_side_power(spectra: NDArray[np.complex64]) -> NDArray[np.float32]:
    if len(spectra) == 1:
        spectra = np.repeat(spectra, 2, axis=0)
    planes = np.stack([spectra[0] + spectra[1], spectra[0] - spectra[1]]) / 2
    return np.asarray(np.square(np.abs(planes)), dtype=np.float32)


def _in_blocks(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return means over blocks of frames: (frames, ...) to (blocks, ...)."""
    blocks: NDArray[np.float32] = values.reshape(-1, _BLOCK_FRAMES, *values.shape[1:]).mean(axis=1)
    return blocks


def _errors(
    original: NDArray[np.complex64],
    degraded: NDArray[np.complex64],
    restored: NDArray[np.complex64],
    *,
    highest_hz: float,
    sample_rate: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return by how much levels are off at each of the strengths, and the share of each band that is known."""
    triangles = mel_bands(BANDS, N_FFT // 2 + 1)
    hz = np.arange(N_FFT // 2 + 1) * sample_rate / N_FFT
    judged = triangles * (hz < highest_hz - 300)
    width = np.maximum(judged.sum(axis=1), 1e-3)
    loudness = np.square(np.abs(degraded)).mean() + 1e-9

    def level(spectra: NDArray[np.complex64]) -> NDArray[np.float32]:
        power = np.square(np.abs(spectra)) @ (judged.T / (width * loudness))
        return np.asarray(np.log(_in_blocks(np.moveaxis(power, 0, 1)) + _FLOOR), dtype=np.float32)

    wanted = level(original)
    errors = [np.abs(level(degraded + s * (restored - degraded)) - wanted).mean(axis=1) for s in STRENGTHS]
    return np.stack(errors, axis=-1), np.asarray(width / triangles.sum(axis=1), dtype=np.float32)


def fit_weights(clips: list[Blocks], *, harm: float = _HARM) -> tuple[float, ...]:
    """Return the weights that fit clips best, one for each of the `FEATURES`; each clip counts the same."""
    table = np.concatenate([c.features.reshape(-1, len(FEATURES)) for c in clips]).astype(np.float64)
    errors = np.concatenate([c.errors.reshape(-1, len(STRENGTHS)) for c in clips]).astype(np.float64)
    shares = []
    for clip in clips:
        known = np.broadcast_to(clip.known, clip.errors.shape[:2]).ravel()
        own = (clip.errors[..., 0].ravel() * known).sum() / known.sum()
        shares.append(known / known.sum() / (own + _LEAST_ERROR))
    share = np.concatenate(shares) / len(clips)
    clip_of = np.repeat(np.arange(len(clips)), [c.errors[..., 0].size for c in clips])
    rows = np.arange(len(table))

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        strength = scipy.special.expit(table @ weights)
        place = strength * (len(STRENGTHS) - 1)
        left = np.minimum(place.astype(np.intp), len(STRENGTHS) - 2)
        slope = errors[rows, left + 1] - errors[rows, left]
        change = share * (errors[rows, left] + (place - left) * slope - errors[:, 0])
        factor = np.where(np.bincount(clip_of, change) > 0, 1 + harm, 1)[clip_of]
        gradient = factor * share * slope * (len(STRENGTHS) - 1) * strength * (1 - strength)
        return float((factor * change).sum()), gradient @ table

    start = np.zeros(len(FEATURES))
    start[0] = 1.0
    found = scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return tuple(round(float(w), 4) + 0.0 for w in found.x)  # 0 has no sign


def fit_evidence(data: Path, folder: Path, *, pairs: int = 400) -> tuple[float, ...]:
    """Fit the evidence of a model folder on the training pairs of a data set, and write it into its ``config.json``.

    Parameters
    ----------
    data : Path
        A prepared data set.
    folder : Path
        The model folder.
    pairs : int
        About how many pairs to use, as many of each encoder and rate as of any other.

    Returns
    -------
    tuple of float
        The weights.

    Raises
    ------
    NoInputError
        If no pair can be used.
    """
    model = load_model(folder)
    restorer = Restorer(model, threads=1)
    clips = []
    for k, path in enumerate(_chosen(data, pairs)):
        blocks = measure_pair(path, restorer, seed=k)
        if blocks is not None:
            clips.append(blocks)
    if not clips:
        raise NoInputError("no pairs to fit the evidence on", path=data, hint="run `mp3restore-train prepare` first")
    weights = fit_weights(clips)
    (folder / "config.json").write_text(replace(model.config, evidence=weights).to_json(), encoding="utf-8")
    return weights


def _chosen(data: Path, pairs: int) -> Iterator[Path]:
    """Yield training pairs, no condition more often than others as long as there are enough."""
    found = []
    for path in sorted((data / "pairs").glob("*.json")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["split"] == "train" and facts["condition"]["encoder"] != "none":
            found.append((path.with_suffix(""), facts["condition"]["name"]))
    rng = np.random.default_rng(0)
    each = -(-pairs // max(1, len({name for _, name in found})))
    counts: Counter[str] = Counter()
    for index in rng.permutation(len(found)):
        path, name = found[index]
        if counts[name] < each:
            counts[name] += 1
            yield path
