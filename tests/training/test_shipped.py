"""The shipped model must be something to train on."""

import numpy as np
import onnxruntime as ort
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
from mp3restore.errors import ModelError  # noqa: E402
from mp3restore.generator.model import load_model  # noqa: E402
from mp3restore.generator.uncertainty import unknown_row  # noqa: E402
from mp3restore.training.export.weights import read_weights  # noqa: E402
from mp3restore.training.networks.generator import Generator, GeneratorConfig  # noqa: E402


def test_its_weights_give_in_pytorch_what_it_gives(rng):
    model, config = load_model(), GeneratorConfig()
    generator = Generator(config).eval()
    generator.load_state_dict(read_weights(model.folder, config))
    around = 30 + 2 * config.halo_frames
    power = rng.uniform(0, 2, (1, 2, around, config.bins))
    power[..., config.bins // 3 :] *= 1e-6
    inputs = {
        "power": power,
        "uncertainty": np.tile(unknown_row(config.bands), (1, around, 1)),
        "z": rng.standard_normal((1, config.latents)),
    }
    inputs = {name: values.astype(np.float32) for name, values in inputs.items()}
    session = ort.InferenceSession(model.onnx_path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(["gains"], inputs)
    with torch.no_grad():
        actual = generator(*(torch.from_numpy(values) for values in inputs.values()))
    treble = slice(config.gain_bins // 3, None)
    for part in (slice(None), treble):
        error = np.linalg.norm((actual.numpy() - expected)[..., part]) / np.linalg.norm(expected[..., part])
        assert error < 0.15  # activations are in eight bits there
    assert np.square(expected[..., treble]).mean() > 4 * power[..., ::2][..., treble].mean()


def test_another_network_is_refused():
    with pytest.raises(ModelError, match="differs"):
        read_weights(load_model().folder, GeneratorConfig(width=16))
