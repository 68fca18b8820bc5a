"""The PyTorch front end of the training and the NumPy front end of the engine must be the same."""

import numpy as np
import pytest

from mp3restore.dsp.stft import analyse, analyse_stretches, synthesise
from mp3restore.generator.excitation import CONTEXT, shape_noise

torch = pytest.importorskip("torch")
from mp3restore.training.networks.frontend import Frontend, to_parts  # noqa: E402


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


def test_shaped_noise_agrees(rng, planes):
    noise = rng.uniform(-1.7, 1.7, (2, planes.shape[1] - 2 * CONTEXT)).astype(np.float32)
    front = Frontend(2048)
    expected = front.noise(torch.from_numpy(noise)[None], front.envelope(torch.from_numpy(planes)[None]))[0]
    np.testing.assert_allclose(shape_noise(planes, noise, 2048), expected.numpy(), atol=1e-4)


def test_filtered_noise_agrees(rng, planes):
    gains = rng.uniform(0, 2, (2, 57, 513)).astype(np.float32)
    filtered = Frontend(2048).filter(torch.from_numpy(planes), torch.from_numpy(gains)).numpy()
    assert filtered.shape == planes.shape
    stretches = analyse_stretches(planes[:, 512:-512], 1024, hop=512, root=True)
    spectra = (spectrum * gains[:, piece] for piece, spectrum in stretches)
    expected = np.concatenate(list(synthesise(spectra, 1024, root=True)), axis=1)
    np.testing.assert_allclose(filtered[:, 1024:-1024], expected, atol=1e-5)


def test_parts_are_real_and_imaginary():
    spectrum = torch.tensor([[[1 + 2j, 3 + 4j]]])
    assert to_parts(spectrum).tolist() == [[[[1, 3]], [[2, 4]]]]
