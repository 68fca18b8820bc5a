"""The energy distance must be least for the right distribution, neither for a mean nor for a wrong spread."""

import pytest

torch = pytest.importorskip("torch")
from mp3restore.training.networks.known import BLOCK, Known  # noqa: E402
from mp3restore.training.networks.objective import (  # noqa: E402
    Distance,
    band_weights,
    distortion_db,
    magnitudes,
    share_kept,
    spectral_distance,
)

RATE = torch.full((400,), 44100.0)


def known(bandwidth_hz, dominated=False):
    blocks = torch.full((400, 2048 // BLOCK), dominated)
    return Known(RATE, torch.full((400,), bandwidth_hz), blocks)


def score(draw, originals):
    """2 E d(y, g) - E d(g, g') of a generator that draws noise with `draw`."""
    weights = band_weights(known(22050.0), 512, 256, 7)
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
    weights = band_weights(known(8000.0), 512, 256, 7)
    a = noise(0.3)
    spectrum = torch.fft.rfft(a)
    spectrum[:, 900:] *= 0.01  # from 19.4 kHz on
    b = torch.fft.irfft(spectrum)
    change = spectral_distance(magnitudes(a, 512), magnitudes(b, 512), weights, Distance())
    assert change.mean() < 0.01
    ruled = band_weights(known(8000.0, dominated=True), 512, 256, 7)
    assert spectral_distance(magnitudes(a, 512), magnitudes(b, 512), ruled, Distance()).mean() > 0.1


def test_the_whole_band_counts_in_frames_that_a_hit_dominates():
    blocks = torch.zeros(1, 8, dtype=torch.bool)
    blocks[0, 2:4] = True  # samples 1024 to 2047
    one = Known(RATE[:1], torch.tensor([8000.0]), blocks)
    bins = one.bins(512, 256, 15)  # centres at 256, 512, ...
    whole = bins[0, :, -1].bool()
    assert whole.tolist() == [1024 <= 256 * k + 256 < 2048 for k in range(15)]
    assert (bins[0, :, :80] == 1).all()


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
