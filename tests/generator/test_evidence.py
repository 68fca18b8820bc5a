"""How far the evidence supports a restoration: weights whose result is known, on real MP3s."""

import numpy as np
import pytest
import soundfile
from dummy_model import make_dummy_model

from mp3restore import restore_file
from mp3restore.generator.evidence import BANDS, FEATURES, evidence, features, strengths
from mp3restore.generator.restorer import Restorer
from mp3restore.generator.uncertainty import LOG_FLOOR, PLANES, unknown_row
from mp3restore.options import RunOptions
from mp3restore.pipeline.memory import restore_bytes

ONE, ZEROS = FEATURES.index("one"), FEATURES.index("zeros of mid")


def weights(**values):
    return tuple(float(values.get(name.replace(" ", "_"), 0.0)) for name in FEATURES)


@pytest.fixture
def models(tmp_path):
    """Models that add the same noise: as ever, all of it by evidence, none, and only where lines are zero."""
    chosen = {
        "plain": (), "all": weights(one=30), "none": weights(one=-30), "holes": weights(one=-15, zeros_of_mid=30),
    }  # fmt: skip
    return {name: make_dummy_model(tmp_path / name, noise=0.01, evidence=each) for name, each in chosen.items()}


def test_evidence_goes_from_nothing_to_all(models, sample, decode):
    data = sample.read_bytes()
    made = {}
    for name, model in models.items():
        options = RunOptions(seed=3, consistency=False)
        made[name] = restore_bytes(data, Restorer(model, threads=1), options, variant=1, progress=None).samples
    np.testing.assert_allclose(made["all"], made["plain"], atol=1e-6)
    np.testing.assert_allclose(made["none"], decode(sample), atol=1e-6)
    added = [np.abs(np.fft.rfft(made[name] - made["none"])) ** 2 for name in ("holes", "plain")]
    hz = np.fft.rfftfreq(made["plain"].shape[1], 1 / 44100)
    share = [added[0][:, band].sum() / added[1][:, band].sum() for band in (hz < 700, (hz > 15000) & (hz < 19000))]
    assert share[0] < 0.3  # at 32 kbit/s the bass is coded, and nothing from 10 kHz on
    assert share[1] > 0.9


def test_a_strength_by_hand_sets_the_evidence_aside(models, sample, tmp_path):
    results = [
        restore_file(sample, tmp_path / f"{name}.wav", model=models[name], strength=1.0, bit_depth="32f", seed=1).target
        for name in ("none", "plain")
    ]
    np.testing.assert_array_equal(*(soundfile.read(path)[0] for path in results))


def test_chunks_and_threads_change_nothing(models, sample):
    data = sample.read_bytes()
    options = RunOptions(seed=3)

    def restored(**how):
        return restore_bytes(data, Restorer(models["holes"], **how), options, variant=1, progress=None).samples

    np.testing.assert_allclose(restored(threads=2, chunk_frames=61), restored(threads=1), atol=2e-6)


def test_features_say_what_the_map_and_the_signal_say(rng):
    frames, bands = 60, 96
    power = rng.uniform(0.5, 1.5, (2, frames, 1025)).astype(np.float32)
    power[:, :, 600:] = 0
    rows = np.tile(unknown_row(bands), (frames, 1)).reshape(frames, PLANES, bands)
    rows[:, 2:, :48] = 0.25  # a quarter of the lines of the lower half are zero, and known to be small
    rows[:, 4:, :48] = 0
    rows[:, :2, :48] = np.log(0.1)
    found = features(power, rows.reshape(frames, -1))
    assert found.shape == (frames, BANDS, len(FEATURES))
    table = dict(zip(FEATURES, np.moveaxis(found[30], -1, 0), strict=True))
    np.testing.assert_allclose(table["zeros of mid"][[2, 20]], [0.25, 1], atol=1e-6)
    np.testing.assert_allclose(table["free lines"][[2, 20]], [0, 1], atol=1e-6)
    # 0.1 over the root of twice the mean power, which is 1 in each plane
    assert 3 * table["cells over signal"][2] == pytest.approx(np.log(0.1 / np.sqrt(2)), abs=0.1)
    assert table["level"][2] > table["level"][23]
    assert (rows[:, 0, 48:] == LOG_FLOOR).all()
    assert table["cells over signal"][20] == -2


def test_louder_music_is_described_the_same(rng):
    power = rng.uniform(0.5, 1.5, (2, 60, 1025)).astype(np.float32)
    rows = rng.uniform(0, 1, (60, PLANES, 96)).astype(np.float32)
    rows[:, :2] = np.log(0.2)
    louder = rows.copy()
    louder[:, :2] += np.log(10)
    described = features(power, rows.reshape(60, -1)), features(100 * power, louder.reshape(60, -1))
    np.testing.assert_allclose(*described, atol=1e-4)


def test_strengths_are_a_logistic_function_and_smooth_over_bins(rng):
    described = np.zeros((40, BANDS, len(FEATURES)), np.float32)
    described[..., ONE] = 1
    described[20:, :, ZEROS] = 1
    found = strengths(described, weights(one=-1, zeros_of_mid=2))
    np.testing.assert_allclose(found[[0, 30], 5], [1 / (1 + np.e), np.e / (1 + np.e)], rtol=1e-5)
    rows = np.tile(unknown_row(96), (80, 1))
    bins = evidence(rng.uniform(0.5, 1.5, (2, 80, 1025)).astype(np.float32), rows, weights(frequency=4), 20)
    assert bins.shape == (40, 513)
    assert (np.diff(bins[10]) >= -1e-6).all()
    assert np.abs(np.diff(bins[10])).max() < 0.06
