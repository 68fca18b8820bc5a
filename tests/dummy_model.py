"""Models of a kilobyte whose gains are known, so that tests of the engine need no trained network."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mp3restore.generator.model import Model, ModelConfig, load_model
from mp3restore.generator.uncertainty import PLANES

BINS, HALO, BANDS, LATENTS = 1025, 16, 96, 2


def make_dummy_model(folder: Path, *, noise: float = 0.0, evidence: tuple[float, ...] = ()) -> Model:
    """Write a model that adds noise with one gain everywhere, whatever it hears."""
    constants = [
        numpy_helper.from_array(np.array([HALO, 0]), "first"),
        numpy_helper.from_array(np.array([-HALO, BINS]), "last"),
        numpy_helper.from_array(np.array([2, 3]), "axes"),
        numpy_helper.from_array(np.array([1, 2]), "steps"),
        numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
        numpy_helper.from_array(np.array([noise], np.float32), "noise"),
    ]
    nodes = [
        helper.make_node("Slice", ["power", "first", "last", "axes", "steps"], ["kept"]),
        helper.make_node("Mul", ["kept", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "noise"], ["gains"]),
    ]

    def port(name: str, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "dummy",
        [
            port("power", 1, 2, "around", BINS),
            port("uncertainty", 1, "around", PLANES * BANDS),
            port("z", 1, LATENTS),
        ],
        [port("gains", 1, 2, "frames", BINS // 2 + 1)],
        constants,
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(network)
    folder.mkdir(parents=True)
    data = network.SerializeToString()
    (folder / "model.onnx").write_bytes(data)
    (folder / "SHA256").write_text(f"{hashlib.sha256(data).hexdigest()}  model.onnx\n")
    config = ModelConfig(
        name=folder.name, version="0.0.1", fft_size=2 * (BINS - 1), halo_frames=HALO, latents=LATENTS,
        variety=0.3, bands=BANDS, evidence=evidence,
    )  # fmt: skip
    (folder / "config.json").write_text(config.to_json())
    return load_model(folder)


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that changes nothing."""
    return make_dummy_model(tmp_path_factory.mktemp("models") / "identity")


@pytest.fixture(scope="session")
def hiss(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that adds noise of 1/100 of full scale to whatever it gets."""
    return make_dummy_model(tmp_path_factory.mktemp("models") / "hiss", noise=0.01)
