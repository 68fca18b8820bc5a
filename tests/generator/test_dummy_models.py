"""The engine around the network, by networks whose gains are known."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from dummy_model import make_dummy_model

from mp3restore import restore, restore_file
from mp3restore.generator.restorer import Restorer

RATE = 44100


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_engine_itself_changes_not_a_bit(identity, music, channels):
    samples = np.concatenate([music, music[:1]])[:channels]
    np.testing.assert_array_equal(restore(samples, RATE, model=identity).samples, samples)


@pytest.mark.parametrize("decibels", [-6, 6])
def test_a_gain_of_the_noise_is_its_level(tmp_path, hiss, music, decibels):
    louder = make_dummy_model(tmp_path / "louder", noise=0.01 * 10 ** (decibels / 20))
    added = [restore(music, RATE, model=model, seed=4).samples - music for model in (hiss, louder)]
    np.testing.assert_allclose(added[1], added[0] * np.float32(10 ** (decibels / 20)), atol=1e-6)
    assert np.sqrt(np.mean(added[0] ** 2)) > 1e-4


def test_draws_differ_in_the_noise_and_in_nothing_else(hiss, music):
    first, again, other = (restore(music, RATE, model=hiss, seed=seed).samples for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    correlation = np.corrcoef((first - music).ravel(), (other - music).ravel())[0, 1]
    assert abs(correlation) < 0.02


def test_chunks_and_threads_change_no_sample(hiss, music):
    long = np.tile(music, 4)

    def restored(**how):
        return np.concatenate(list(Restorer(hiss, **how).stream([long], sample_rate=RATE, seed=7)), axis=1)

    whole = restored(threads=1)
    np.testing.assert_allclose(restored(threads=2, chunk_frames=37), whole, atol=1e-6)


def test_a_held_file_keeps_what_its_bitstream_says(identity, second, tmp_path):
    results = {}
    for consistency in (True, False):
        target = tmp_path / f"{consistency}.wav"
        result = restore_file(second, target, model=identity, strength=1, consistency=consistency, bit_depth="32f")
        results[consistency] = soundfile.read(target, dtype="float32")[0]
        assert result.consistent is consistency
    np.testing.assert_allclose(results[True], results[False], atol=2e-4)
