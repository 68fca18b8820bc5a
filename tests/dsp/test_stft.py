import numpy as np
import pytest

from mp3restore.dsp.stft import analyse, analyse_stretches, synthesise


def inverse(spectra, **options):
    return np.concatenate(list(synthesise(spectra, 2048, **options)), axis=-1)


@pytest.mark.parametrize(("root", "hop", "covered_hops"), [(False, 512, 74), (True, 1024, 38)])
def test_inverse_gives_back_every_sample_that_enough_frames_cover(rng, root, hop, covered_hops):
    samples = rng.standard_normal((2, 80 * 512)).astype(np.float32)
    spectra = (spectrum for _, spectrum in analyse_stretches(samples, 2048, hop=hop, root=root))
    back = inverse(spectra, root=root)
    assert back.shape == (2, covered_hops * hop)
    edge = 2048 - hop
    np.testing.assert_allclose(back, samples[:, edge:-edge], atol=2e-6)


@pytest.mark.parametrize("cuts", [[1, 2, 3, 40], [70], [4, 5]])
def test_inverse_does_not_depend_on_where_the_spectra_are_cut(rng, cuts):
    spectra = analyse(rng.standard_normal((2, 80 * 512)).astype(np.float32), 2048)
    pieces = (piece.copy() for piece in np.split(spectra, cuts, axis=1))
    np.testing.assert_array_equal(inverse(pieces), inverse([spectra.copy()]))


def test_stretches_are_the_whole(rng):
    samples = rng.standard_normal((2, 80 * 512)).astype(np.float32)
    spectra = np.full((2, 77, 1025), np.nan, np.complex64)
    for piece, spectrum in analyse_stretches(samples, 2048, hop=512):
        spectra[:, piece] = spectrum
    np.testing.assert_array_equal(spectra, analyse(samples, 2048))


def test_frames_do_not_depend_on_where_the_signal_was_cut(rng):
    samples = rng.standard_normal((1, 30 * 512)).astype(np.float32)
    np.testing.assert_array_equal(analyse(samples, 2048)[:, 10:], analyse(samples[:, 10 * 512 :], 2048))


def test_a_sine_comes_out_at_its_bin_with_its_amplitude():
    k, amplitude = 100, 0.5
    sine = amplitude * np.sin(2 * np.pi * k * np.arange(4096) / 2048).astype(np.float32)
    magnitude = np.abs(analyse(sine[None], 2048))[0, 0]
    assert magnitude.argmax() == k
    np.testing.assert_allclose(magnitude[k], amplitude * 2048 / 4, rtol=1e-4)
