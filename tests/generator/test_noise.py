import numpy as np
import pytest
from scipy.stats import kstest

from mp3restore.generator.noise import NoiseSource


def test_any_stretch_is_the_same_when_drawn_alone():
    source = NoiseSource(seed=7, variant=1)
    whole = source.wave(-4, 40, 512, 2)
    np.testing.assert_array_equal(source.wave(6, 5, 512, 2), whole[:, 10 * 512 : 15 * 512])


@pytest.mark.parametrize("other", [NoiseSource(8, 1), NoiseSource(7, 2), NoiseSource(7, 1, group=1)])
def test_seed_variant_and_group_give_independent_draws(other):
    source = NoiseSource(7, 1)
    a, b = source.wave(0, 200, 512, 1)[0], other.wave(0, 200, 512, 1)[0]
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.02
    assert not np.array_equal(source.latents(16), other.latents(16))


def test_wave_is_white_with_unit_variance_and_planes_are_independent():
    wave = NoiseSource(0, 1).wave(0, 400, 512, 2)
    np.testing.assert_allclose(wave.var(axis=1), 1, rtol=0.01)
    assert abs(np.corrcoef(wave)[0, 1]) < 0.01
    power = np.abs(np.fft.rfft(wave[0].reshape(-1, 512))) ** 2
    np.testing.assert_allclose(power.mean(0)[1:-1] / 512, 1, atol=0.3)


def test_latents_are_standard_normal():
    latents = np.concatenate([NoiseSource(seed, 1).latents(16) for seed in range(250)])
    assert kstest(latents, "norm").pvalue > 0.01


def test_variety_multiplies_latents_and_nothing_else():
    plain, varied = NoiseSource(3, 1), NoiseSource(3, 1, variety=0.25)
    np.testing.assert_allclose(varied.latents(16), 0.25 * plain.latents(16), rtol=1e-6)
    np.testing.assert_array_equal(varied.wave(0, 2, 512, 2), plain.wave(0, 2, 512, 2))
