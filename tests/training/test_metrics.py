import numpy as np
import pytest

pytest.importorskip("torch")
from mp3restore.training.evaluation.metrics import Scorer, mono_mix

SCORER = Scorer()


@pytest.fixture
def noise(rng):
    return rng.standard_normal((2, 44100)).astype(np.float32) * 0.1


def test_the_original_is_perfect(noise):
    scores = SCORER.scores(noise, noise, 44100, 22050.0)
    assert {name: scores[name] for name in ("log_mel", "lsd", "lsd_low", "lsd_mid", "lsd_high")} == pytest.approx(
        {"log_mel": 0, "lsd": 0, "lsd_low": 0, "lsd_mid": 0, "lsd_high": 0}
    )
    assert scores["si_sdr"] > 100


def test_half_the_level_is_6_db_everywhere_but_not_in_si_sdr(noise):
    scores = SCORER.scores(noise, noise * 0.5, 44100, 22050.0)
    assert scores["log_mel"] == pytest.approx(6.02, abs=0.01)
    assert scores["lsd"] == pytest.approx(6.02, abs=0.01)
    assert scores["si_sdr"] > 100


def test_si_sdr_of_added_noise(noise, rng):
    other = noise + rng.standard_normal(noise.shape).astype(np.float32) * 0.01
    assert SCORER.scores(noise, other, 44100, 22050.0)["si_sdr"] == pytest.approx(20, abs=0.1)


def test_what_lies_above_the_bandwidth_is_not_judged(noise):
    spectrum = np.fft.rfft(noise)
    spectrum[:, 15000:] = 0
    cut = np.fft.irfft(spectrum).astype(np.float32)
    assert SCORER.scores(noise, cut, 44100, 22050.0)["log_mel"] > 3
    assert SCORER.scores(noise, cut, 44100, 14000.0)["log_mel"] < 0.1


def test_perceptual_metrics_hear_nothing_above_the_bandwidth(noise):
    whole, cut = (np.abs(np.fft.rfft(mono_mix(noise, 48000, hz))) for hz in (24000.0, 16000.0))
    hz = np.fft.rfftfreq(noise.shape[1], 1 / 48000)
    np.testing.assert_allclose(cut[hz < 15600], whole[hz < 15600], atol=1e-3 * whole.max())
    assert cut[hz > 16000].max() < 1e-3 * whole.max()
    assert whole[hz > 16000].max() > 0.5 * whole.max()
