import numpy as np

from mp3restore.stft import analyse, analyse_parts, synthesise


def test_inverse_gives_back_every_sample_that_four_frames_cover(rng):
    samples = rng.standard_normal((2, 40 * 512)).astype(np.float32)
    back = synthesise(analyse_parts(samples, 2048), 2048)
    assert back.shape == (2, 34 * 512)
    np.testing.assert_allclose(back, samples[:, 3 * 512 : 37 * 512], atol=2e-6)


def test_parts_are_those_of_the_spectrum_also_beyond_one_stretch(rng):
    samples = rng.standard_normal((2, 80 * 512)).astype(np.float32)
    spectrum = analyse(samples, 2048)
    parts = np.full((2, 2, 77, 1025), np.nan, np.float32)
    assert analyse_parts(samples, 2048, parts) is parts
    np.testing.assert_array_equal(parts[:, 0] + 1j * parts[:, 1], spectrum)


def test_frames_do_not_depend_on_where_the_signal_was_cut(rng):
    samples = rng.standard_normal((1, 30 * 512)).astype(np.float32)
    np.testing.assert_array_equal(analyse(samples, 2048)[:, 10:], analyse(samples[:, 10 * 512 :], 2048))


def test_a_sine_comes_out_at_its_bin_with_its_amplitude():
    k, amplitude = 100, 0.5
    sine = amplitude * np.sin(2 * np.pi * k * np.arange(4096) / 2048).astype(np.float32)
    magnitude = np.abs(analyse(sine[None], 2048))[0, 0]
    assert magnitude.argmax() == k
    np.testing.assert_allclose(magnitude[k], amplitude * 2048 / 4, rtol=1e-4)
