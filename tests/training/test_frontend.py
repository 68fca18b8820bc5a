"""The PyTorch front end of the training and the NumPy front end of the engine must be the same."""

import numpy as np
import pytest

from mp3restore.dsp.stft import analyse, synthesise
from mp3restore.generator.excitation import CONTEXT, GAINS, Excitations

torch = pytest.importorskip("torch")
from mp3restore.training.networks.frontend import Frontend, to_parts  # noqa: E402
from mp3restore.training.networks.generator import apply_gains  # noqa: E402


@pytest.fixture
def planes(rng):
    time = np.arange(60 * 512) / 44100
    tone = np.sin(2 * np.pi * 440 * time) + 0.3 * np.sin(2 * np.pi * 1234 * time)
    side = 0.1 * rng.standard_normal(len(time))
    hits = np.exp(-np.mod(time, 0.2) * 60) * rng.standard_normal(len(time)) * 0.5
    return np.stack([tone * 0.3 + hits, side]).astype(np.float32)


def test_transforms_agree(planes):
    front = Frontend(2048)
    spectrum = front.analyse(torch.from_numpy(planes))
    expected = analyse(planes, 2048)
    np.testing.assert_allclose(spectrum.numpy(), expected, atol=1e-3)
    np.testing.assert_allclose(front.synthesise(spectrum).numpy(), *synthesise([expected], 2048), atol=1e-6)


def test_excitations_and_their_gains_agree(rng, planes):
    noise = rng.uniform(-1.7, 1.7, (2, planes.shape[1] - 2 * CONTEXT)).astype(np.float32)
    front, batch = Frontend(2048), torch.from_numpy(planes)[None]
    excitations = [front.noise(torch.from_numpy(noise)[None], front.envelope(batch)), front.harmonic(batch)]
    spectra = front.analyse(batch[..., CONTEXT:-CONTEXT])
    shape = spectra.shape
    for audible in GAINS:
        gains = {name: np.full(shape[1:], name == audible, np.float32) for name in GAINS}
        gains[audible][:] = rng.uniform(0, 1, shape[1:])
        made = Excitations(planes, noise, 2048).apply_gains(gains, spectra[0].numpy().copy())
        given = [torch.from_numpy(gains[name])[None] for name in GAINS]
        expected = apply_gains(given, to_parts(spectra), [to_parts(each) for each in excitations])[0]
        actual = to_parts(torch.from_numpy(np.concatenate(list(made), axis=1)))
        np.testing.assert_allclose(actual.numpy(), expected.numpy(), atol=0.02 if audible == "harmonic" else 1e-3)


def test_without_noise_there_is_only_the_harmonic(planes):
    spectra = analyse(planes[:, CONTEXT:-CONTEXT], 2048)
    gains = {name: np.full(spectra.shape, name != "harmonic", np.float32) for name in GAINS}
    made = np.concatenate(list(Excitations(planes, None, 2048).apply_gains(gains, spectra.copy())), axis=1)
    np.testing.assert_array_equal(made, spectra)


def test_parts_are_real_and_imaginary():
    spectrum = torch.tensor([[[1 + 2j, 3 + 4j]]])
    assert to_parts(spectrum).tolist() == [[[[1, 3]], [[2, 4]]]]
