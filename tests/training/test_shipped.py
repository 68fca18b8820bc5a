"""The shipped model must be something to train on."""

import numpy as np
import onnxruntime as ort
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
from mp3restore.errors import ModelError  # noqa: E402
from mp3restore.models import load_model  # noqa: E402
from mp3restore.mp3.uncertainty import unknown_row  # noqa: E402
from mp3restore.training.networks import Generator, GeneratorConfig  # noqa: E402
from mp3restore.training.shipped import read_weights  # noqa: E402


def test_its_weights_give_in_pytorch_what_it_gives(rng):
    model, config = load_model(), GeneratorConfig()
    generator = Generator(config).eval()
    generator.load_state_dict(read_weights(model.folder, config))
    around, frames = 30 + 2 * config.halo_frames, 30
    inputs = {
        "spectrum": rng.standard_normal((1, 2, 2, around, config.bins)),
        "uncertainty": np.tile(unknown_row(config.bands), (1, around, 1)),
        "z": rng.standard_normal((1, around, 2 * config.latents)),
        "noise": rng.standard_normal((1, 2, 2, frames, config.bins)),
        "harmonic": rng.standard_normal((1, 2, 2, frames, config.bins)),
    }
    inputs["spectrum"][..., config.bins // 3 :] *= 1e-3
    inputs = {name: values.astype(np.float32) for name, values in inputs.items()}
    session = ort.InferenceSession(model.onnx_path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, inputs)
    with torch.no_grad():
        actual = generator(*(torch.from_numpy(values) for values in inputs.values())).numpy()
    treble = slice(config.bins // 3, None)  # what is filled, besides what is copied
    for part in (slice(None), treble):
        error = np.linalg.norm((actual - expected)[..., part]) / np.linalg.norm(expected[..., part])
        assert error < 0.1  # activations are in eight bits there
    filled = np.linalg.norm(expected[..., treble]) / np.linalg.norm(inputs["spectrum"][:, :, :, 42:-42, treble])
    assert filled > 2


def test_another_network_is_refused():
    with pytest.raises(ModelError, match="mid_in"):
        read_weights(load_model().folder, GeneratorConfig(width=16))
