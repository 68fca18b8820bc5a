"""The energy distance must be least for the right distribution, neither for a mean nor for a wrong spread."""

import pytest

torch = pytest.importorskip("torch")
from mp3restore.training.networks.objective import (  # noqa: E402
    Distance,
    band_weights,
    distortion_db,
    magnitudes,
    share_kept,
    spectral_distance,
)

RATE, WIDE = torch.full((400,), 44100.0), torch.full((400,), 22050.0)


def score(draw, originals):
    """2 E d(y, g) - E d(g, g') of a generator that draws noise with `draw`."""
    weights = band_weights(512, RATE, WIDE)
    wanted, a, b = (magnitudes(s, 512) for s in (originals, draw(), draw()))
    distance = Distance()
    to_target = spectral_distance(a, wanted, weights, distance) + spectral_distance(b, wanted, weights, distance)
    return float((to_target - spectral_distance(a, b, weights, distance)).mean())


@pytest.fixture
def noise():
    generator = torch.Generator().manual_seed(0)

    def draw(spread):
        level = torch.exp(spread * torch.randn(400, 1, generator=generator))
        return level * torch.randn(400, 2048, generator=generator)

    return draw


@pytest.mark.parametrize("wrong", [0.0, 0.2, 1.2])
def test_right_spread_scores_best(noise, wrong):
    originals = noise(0.6)
    assert score(lambda: noise(0.6), originals) < score(lambda: noise(wrong), originals)


def test_drawing_scores_better_than_repeating_one_answer(noise):
    originals = noise(0.6)
    fixed = noise(0.0)
    assert score(lambda: noise(0.6), originals) < score(lambda: fixed, originals)


def test_nothing_above_the_bandwidth_counts(noise):
    weights = band_weights(512, RATE, torch.full((400,), 8000.0))
    a = noise(0.3)
    spectrum = torch.fft.rfft(a)
    spectrum[:, 900:] *= 0.01  # from 19.4 kHz on
    b = torch.fft.irfft(spectrum)
    change = spectral_distance(magnitudes(a, 512), magnitudes(b, 512), weights, Distance())
    assert change.mean() < 0.01


def test_distortion_is_in_db_of_the_original(noise):
    original = noise(0.0).reshape(100, 2, 16, 256)
    assert distortion_db(1.1 * original, original).mean() == pytest.approx(-20, abs=0.1)
    assert distortion_db(original, original).mean() == pytest.approx(-40)


def test_draws_may_differ_only_in_what_was_lost(noise):
    original = magnitudes(noise(0.0), 512)
    degraded = original.clone()
    degraded[..., 100:] = 0
    lost = 1 - share_kept(degraded.square(), original.square())
    assert lost[..., :100].max() < 0.01
    assert (lost[..., 100:] == 1).all()
