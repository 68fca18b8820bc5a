import warnings

import numpy as np
import onnxruntime as ort
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
from torch import nn  # noqa: E402

from mp3restore.training.export.quantise import quantise  # noqa: E402

WIDTH = 320


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A perceptron like those of the generator, and what `quantise` makes of it: paths."""
    folder = tmp_path_factory.mktemp("networks")
    source, target = folder / "float.onnx", folder / "eight.onnx"
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Linear(WIDTH, 960, bias=False), nn.GELU(), nn.Linear(960, WIDTH), nn.Linear(WIDTH, 16, bias=False)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own age
        torch.onnx.export(
            layers, (torch.zeros(1, 7, WIDTH),), source,
            input_names=["x"], output_names=["y"], dynamic_axes={"x": {1: "frames"}}, opset_version=20, dynamo=False,
        )  # fmt: skip
    assert quantise(source, target) == 2  # the last product is a small one
    return source, target


def run(path, x):
    return ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


@pytest.fixture
def music(rng):
    """Frames whose levels differ by 60 dB, as those of music do."""
    levels = 10 ** rng.uniform(-3, 0, (1, 50, 1))
    return (rng.standard_normal((1, 50, WIDTH)) * levels).astype(np.float32)


def test_the_error_of_every_frame_is_small_beside_its_own_level(networks, music):
    expected, actual = (run(path, music) for path in networks)
    # The bias, which stays exact, is not what is measured.
    bias = run(networks[0], np.zeros((1, 1, WIDTH), np.float32))
    error = np.linalg.norm(actual - expected, axis=-1) / np.linalg.norm(expected - bias, axis=-1)
    assert error.max() < 0.1
    assert 0 < np.median(error) < 0.03


def test_a_frame_depends_on_no_other(networks, music):
    whole = run(networks[1], music)
    alone = np.concatenate([run(networks[1], music[:, k : k + 1]) for k in range(50)], axis=1)
    np.testing.assert_allclose(alone, whole, atol=1e-6)
    np.testing.assert_array_equal(run(networks[1], music[:, 10:30]), whole[:, 10:30])


def test_silent_frames_give_the_bias(networks):
    silence = np.zeros((1, 3, WIDTH), np.float32)
    expected, actual = (run(path, silence) for path in networks)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_weights_cannot_overflow_where_pairs_are_added_in_16_bits(networks):
    integers = [onnx.numpy_helper.to_array(i) for i in onnx.load(networks[1]).graph.initializer if i.data_type == 3]
    assert len(integers) == 2
    assert all(2 * 255 * np.abs(i.astype(int)).max() < 2**15 for i in integers)
