"""Coarse spectra of three restorations: a change of one gain by 1 dB shows, a change of rounding does not.

Where the sound is to change, ``python tests/whole/test_golden.py`` writes the spectra anew, and the changelog says
so under **Sound**.
"""

from __future__ import annotations

import json
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from mp3restore import restore, restore_file
from mp3restore.generator import session

DATA = Path(__file__).resolve().parents[1] / "data"
GOLDEN = DATA / "golden.json"
SAMPLE = DATA / "francium-32k.mp3"
BANDS, BLOCK_SECONDS, SIZE = 24, 2.0, 4096
LOWEST_HZ, HIGHEST_HZ = 100.0, 20000.0
FLOOR = 1e-11  # of a power
TOLERANCE_DB = 0.25


def coarse(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Levels in dB, shape (channels, blocks, BANDS)."""
    edges = np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS + 1)
    hz = np.fft.rfftfreq(SIZE, 1 / rate)
    length = int(BLOCK_SECONDS * rate) // SIZE * SIZE
    blocks = samples[:, : samples.shape[1] // length * length].reshape(len(samples), -1, length // SIZE, SIZE)
    power = np.mean(np.abs(np.fft.rfft(blocks * np.hanning(SIZE)) / SIZE) ** 2, axis=2)
    bands = [power[..., (hz >= low) & (hz < high)].sum(axis=-1) for low, high in pairwise(edges)]
    return 10 * np.log10(np.stack(bands, axis=-1) + FLOOR)


def muffled() -> NDArray[np.float32]:
    """Four seconds of a mono tone with overtones and noise, all below 6 kHz."""
    rng = np.random.default_rng(8)
    time = np.arange(4 * 44100) / 44100
    tone = sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 20)) * (1 - time % 0.5)
    spectrum = np.fft.rfft(0.1 * tone + rng.normal(0, 0.01, time.size))
    spectrum[np.fft.rfftfreq(time.size, 1 / 44100) > 6000] = 0
    return np.fft.irfft(spectrum, time.size).astype(np.float32)[None]


def restorations() -> dict[str, list[float]]:
    """Levels of all three, rounded to 0.01 dB."""
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for name, options in {
            "as it comes": {},
            "full strength, second variant, not held": {"strength": 1.0, "variant": 2, "consistency": False},
        }.items():
            target = Path(folder) / f"{len(found)}.wav"
            restore_file(SAMPLE, target, bit_depth="32f", **options)
            samples, rate = soundfile.read(target, dtype="float32", always_2d=True)
            found[name] = coarse(samples.T, rate)
    found["in memory, mono"] = coarse(restore(muffled(), 44100, seed=3).samples, 44100)
    return {name: np.round(levels, 2).ravel().tolist() for name, levels in found.items()}


def furthest(found: dict[str, list[float]]) -> float:
    """Largest difference from the golden levels in dB."""
    golden = json.loads(GOLDEN.read_text())
    assert found.keys() == golden.keys()
    return max(float(np.max(np.abs(np.subtract(found[name], golden[name])))) for name in golden)


def test_the_sound_has_not_changed():
    assert furthest(restorations()) < TOLERANCE_DB


def test_a_decibel_more_of_what_is_added_is_noticed(monkeypatch):
    made = session.GeneratorSession.fill

    def louder(self, *arguments, **keywords):
        return made(self, *arguments, **keywords) * np.float32(10 ** (1 / 20))

    monkeypatch.setattr(session.GeneratorSession, "fill", louder)
    assert furthest(restorations()) > TOLERANCE_DB


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(restorations()) + "\n")
