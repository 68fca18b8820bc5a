"""Hits laid over music bring treble along, and say where the whole band is known by them."""

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
from mp3restore.errors import NoInputError
from mp3restore.training.data.hits import read_hits
from mp3restore.training.networks.known import BLOCK

RATE = 44100


@pytest.fixture
def hits(tmp_path):
    """Two hits, noise that dies away, one of them at another rate; a third belongs to another split."""
    rng = np.random.default_rng(3)
    rows = ["path\tsplit"]
    for name, rate, split in (("a", RATE, "train"), ("b", 48000, "train"), ("c", RATE, "test")):
        fall = np.exp(-np.arange(rate // 4) / rate * 40)
        soundfile.write(tmp_path / f"{name}.flac", rng.standard_normal(len(fall)) * fall * 0.2, rate)
        rows.append(f"{name}.flac\t{split}")
    (tmp_path / "hits.tsv").write_text("\n".join(rows), encoding="utf-8")
    return read_hits(tmp_path, "train")


@pytest.fixture
def dull():
    """Two channels with little above 1 kHz, as music has, and nothing above 5 kHz."""
    rng = np.random.default_rng(4)
    spectrum = np.fft.rfft(rng.standard_normal((2, 4 * RATE)))
    spectrum[:, 1000 * 4 :] *= 0.01
    spectrum[:, 5000 * 4 :] = 0
    return np.float32(0.1 * np.fft.irfft(spectrum))


def treble(samples):
    blocks = samples[:, : samples.shape[1] // BLOCK * BLOCK].reshape(2, -1, BLOCK) * np.hanning(BLOCK)
    return (np.abs(np.fft.rfft(blocks))[..., 90:] ** 2).sum((0, 2))  # from 7.8 kHz on


def test_blocks_that_a_hit_dominates_are_those_with_its_treble(hits, dull):
    layered = hits.over(dull, RATE, 5000.0, np.random.default_rng(0))
    assert layered.samples.shape == dull.shape
    assert np.abs(layered.samples).max() <= 1.0
    known = layered.dominated
    assert 0 < known.mean() < 1
    power = treble(layered.samples)[: len(known)]
    assert np.median(power[known]) > 1000 * np.median(power[~known])


def test_the_same_generator_lays_the_same_hits(hits, dull):
    one, two, other = (hits.over(dull, RATE, 5000.0, np.random.default_rng(seed)).samples for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_a_rhythm_alone_has_hits_and_silence_between_them(hits):
    rhythms = [hits.alone(6 * RATE, RATE, np.random.default_rng(seed)) for seed in range(20)]
    for rhythm in rhythms:
        assert rhythm.shape == (2, 6 * RATE)
        assert np.abs(rhythm).max() == pytest.approx(0.8)
        assert np.median(np.abs(rhythm)) < 0.05
    assert not np.array_equal(rhythms[0], rhythms[1])


def test_only_hits_of_the_split_are_read(hits, tmp_path):
    assert len(hits.recordings) == 2
    with pytest.raises(NoInputError, match="no hits of the split val"):
        read_hits(tmp_path, "val")
