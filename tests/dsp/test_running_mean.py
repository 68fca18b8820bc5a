import numpy as np
import pytest

from mp3restore.dsp.running_mean import running_mean


@pytest.mark.parametrize("size", [1, 3, 25, 65, 127])
@pytest.mark.parametrize("edges", ["constant", "edge"])
def test_it_is_the_mean_of_the_neighbours(rng, size, edges):
    values = rng.uniform(0, 1, (2, 3, 200)).astype(np.float32)
    padded = np.pad(values.astype(float), ((0, 0), (0, 0), (size // 2, size // 2)), edges)
    expected = [[np.convolve(row, np.full(size, 1 / size), "valid") for row in plane] for plane in padded]
    np.testing.assert_allclose(running_mean(values, size, edges), expected, rtol=1e-6)


def test_it_depends_on_nothing_but_the_neighbours(rng):
    values = (rng.standard_normal(5000) ** 2 * 10 ** rng.uniform(-8, 8, 5000)).astype(np.float32)
    whole = running_mean(values, 65)
    np.testing.assert_array_equal(running_mean(values[1000:2000], 65)[32:-32], whole[1032:1968])


def test_quiet_music_after_loud_music_keeps_its_level():
    values = np.concatenate([np.full(5000, 1e6), np.full(5000, 1e-6)]).astype(np.float32)
    np.testing.assert_allclose(running_mean(values, 65)[5100:9900], 1e-6, rtol=1e-6)
