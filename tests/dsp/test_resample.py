import numpy as np
import pytest

from mp3restore.dsp.resample import output_rate, resample_stream, resampled_length

PAIRS = [(8000, 48000), (11025, 44100), (12000, 48000), (22050, 44100), (32000, 48000), (44100, 48000), (48000, 44100)]


def convert(blocks, source, target):
    return np.concatenate(list(resample_stream(blocks, source, target)), axis=1)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_sine_stays_where_it_is(source, target):
    seconds, hz = 1.01, 1000.0
    n = int(seconds * source)
    sine = np.sin(2 * np.pi * hz * np.arange(n) / source).astype(np.float32)[None]
    out = convert([sine], source, target)
    assert out.shape == (1, resampled_length(n, source, target))
    expected = np.sin(2 * np.pi * hz * np.arange(out.shape[1]) / target)
    inner = slice(target // 20, -target // 20)
    np.testing.assert_allclose(out[0, inner], expected[inner], atol=2e-5)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_result_does_not_depend_on_the_blocks(rng, source, target):
    samples = rng.standard_normal((2, source // 2 + 17)).astype(np.float32)
    cuts = np.sort(rng.integers(0, samples.shape[1], 11))
    whole = convert([samples], source, target)
    np.testing.assert_array_equal(convert(np.split(samples, cuts, axis=1), source, target), whole)


def test_images_are_down(rng):
    noise = rng.standard_normal((1, 16000)).astype(np.float32)
    out = convert([noise], 8000, 48000)[0, 4800:-4800]
    power = np.abs(np.fft.rfft(out * np.hanning(len(out)))) ** 2
    hz = np.fft.rfftfreq(len(out), 1 / 48000)
    assert 10 * np.log10(power[hz > 4100].max() / power[hz < 3500].mean()) < -90


@pytest.mark.parametrize(("rate", "expected"), [(8000, 48000), (11025, 44100), (24000, 48000), (44100, 44100)])
def test_low_rates_are_brought_to_the_full_rate_of_their_family(rate, expected):
    assert output_rate(rate) == expected


def test_one_sample_and_none():
    assert convert([np.ones((1, 1), np.float32)], 8000, 48000).shape == (1, 6)
    assert list(resample_stream([], 8000, 48000)) == []
