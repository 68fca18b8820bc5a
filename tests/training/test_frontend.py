"""The PyTorch front end of the training and the NumPy front end of the engine must be the same."""

import numpy as np
import pytest

from mp3restore.excitation import CONTEXT, excite
from mp3restore.stft import analyse_parts, synthesise

torch = pytest.importorskip("torch")
from mp3restore.training.frontend import Frontend, to_parts  # noqa: E402


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
    parts = to_parts(spectrum).numpy()
    np.testing.assert_allclose(parts, analyse_parts(planes, 2048), atol=1e-3)
    np.testing.assert_allclose(front.synthesise(spectrum).numpy(), synthesise(parts, 2048), atol=1e-6)


def test_excitations_agree(rng, planes):
    noise = rng.uniform(-1.7, 1.7, (2, planes.shape[1] - 2 * CONTEXT)).astype(np.float32)
    expected = excite(planes, noise, 2048)
    front, batch = Frontend(2048), torch.from_numpy(planes)[None]
    actual_noise = to_parts(front.noise(torch.from_numpy(noise)[None], front.envelope(batch))[0]).numpy()
    np.testing.assert_allclose(actual_noise, expected[0], atol=1e-3)
    np.testing.assert_allclose(to_parts(front.harmonic(batch)[0]).numpy(), expected[1], atol=0.02)


def test_parts_are_real_and_imaginary():
    spectrum = torch.tensor([[[1 + 2j, 3 + 4j]]])
    assert to_parts(spectrum).tolist() == [[[[1, 3]], [[2, 4]]]]
