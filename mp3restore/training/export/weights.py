"""Read the weights of an exported model back into PyTorch, to continue its training without a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

from mp3restore.errors import ModelError
from mp3restore.generator.model import load_model
from mp3restore.training.networks.generator import Generator, GeneratorConfig

__all__ = ["read_training", "read_weights", "write_training"]

_STEPS, _HOURS = "training_steps", "training_process_hours"


def read_weights(folder: Path, config: GeneratorConfig) -> dict[str, Tensor]:
    """Return the state of a `Generator` from a model folder that `export` wrote; eight-bit weights stay rounded.

    Raises
    ------
    ModelError
        If the folder does not contain an intact model, or the network has another shape.
    """
    graph = onnx.load(load_model(folder).onnx_path).graph
    found = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    taps: dict[str, list[NDArray[np.float32]]] = {}
    for node in graph.node:
        # The exporter names a node after the module that made it: /trunk.0/widen/MatMul.
        module = ".".join(node.name.split("/")[1:-1]).removesuffix(".MatMul_output_0")
        if node.op_type == "MatMulIntegerToFloat":
            found[f"{module}.weight"] = (found[node.input[1]] * found[node.input[3]]).T
        elif node.op_type == "MatMul" and module:
            found[f"{module}.weight"] = found[node.input[1]].T
        elif node.op_type == "Mul" and node.input[1] in found:
            taps.setdefault(f"{module}.taps", []).append(found[node.input[1]])
    found |= {name: np.stack(rows) for name, rows in taps.items() if name.startswith(("trunk", "late"))}
    state = {}
    for name, wanted in Generator(config).state_dict().items():
        if name not in found or found[name].shape != tuple(wanted.shape):
            raise ModelError(f"the model's network differs from the one to train: {name}", path=folder)
        state[name] = torch.from_numpy(np.array(found[name], np.float32))
    return state


def write_training(network: Path, steps: int, process_hours: float) -> None:
    """Record in an ONNX file how much training went into its weights."""
    model = onnx.load(network)
    onnx.helper.set_model_props(model, {_STEPS: str(steps), _HOURS: f"{process_hours:.2f}"})
    onnx.save(model, network)


def read_training(folder: Path) -> tuple[int, float]:
    """Return the steps and process-hours that `write_training` recorded in a model folder; 0 if nothing is recorded."""
    noted = {each.key: each.value for each in onnx.load(folder / "model.onnx").metadata_props}
    return int(noted.get(_STEPS, 0)), float(noted.get(_HOURS, 0))
