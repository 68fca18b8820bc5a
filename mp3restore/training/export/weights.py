"""The weights of a shipped model in PyTorch's own terms: to train on with where no checkpoint is at hand."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from mp3restore.errors import ModelError
from mp3restore.training.networks.generator import Generator, GeneratorConfig

__all__ = ["read_training", "read_weights", "write_weights"]

_NAME = "weights.safetensors"
_STEPS, _HOURS = "training_steps", "training_process_hours"


def write_weights(folder: Path, generator: Generator, steps: int, process_hours: float) -> None:
    """Write ``weights.safetensors`` into a model folder, in half precision, and how much training is behind them."""
    state = {name: values.half().contiguous() for name, values in generator.state_dict().items()}
    save_file(state, folder / _NAME, metadata={_STEPS: str(steps), _HOURS: f"{process_hours:.2f}"})


def read_weights(folder: Path, config: GeneratorConfig) -> dict[str, Tensor]:
    """State of a `Generator` from a model folder that `export` wrote, in single precision.

    Raises
    ------
    ModelError
        If the folder holds no weights, or those of a network of another shape.
    """
    state = {name: values.float() for name, values in load_file(_weights(folder)).items()}
    wanted = Generator(config).state_dict()
    differing = [n for n in wanted.keys() | state.keys() if n not in wanted or n not in state]
    differing += [n for n in wanted.keys() & state.keys() if wanted[n].shape != state[n].shape]
    if differing:
        name = min(differing)
        raise ModelError(f"the model's network is not the one to train: {name} differs", path=folder)
    return state


def read_training(folder: Path) -> tuple[int, float]:
    """Steps and process-hours that `write_weights` noted in a model folder.

    Raises
    ------
    ModelError
        If the folder holds no weights.
    """
    with safe_open(_weights(folder), framework="pt") as file:
        noted = file.metadata() or {}
    return int(noted.get(_STEPS, 0)), float(noted.get(_HOURS, 0))


def _weights(folder: Path) -> Path:
    path = folder / _NAME
    if not path.is_file():
        raise ModelError("there are no weights to train on with", path=path)
    return path
