"""Turn a checkpoint into a model folder that the tool can run."""

from __future__ import annotations

import hashlib
import json
import tempfile
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray

from mp3restore.errors import ModelError, UsageError
from mp3restore.generator.model import ModelConfig
from mp3restore.training.configs import updated
from mp3restore.training.export.lineage import training_so_far
from mp3restore.training.export.quantise import quantise
from mp3restore.training.export.weights import write_weights
from mp3restore.training.networks.generator import Generator, GeneratorConfig

__all__ = ["Exported", "export", "load_average", "record"]

_OPSET = 20
_TOLERANCE = 1e-3  # of the peak of the output: float32 sums in a different order
_LEAST_PRECISION_DB = 35.0  # of eight-bit products; the input has most of the example's energy


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported model, and how exact it is."""

    folder: Path
    step: int
    largest_error: float
    """Largest difference of ONNX Runtime from PyTorch in float32, over the peak."""
    precision_db: float
    """Level of the output over the error of eight-bit products."""


def load_average(checkpoint: Path) -> tuple[Generator, int]:
    """Return the generator with the averaged weights of a checkpoint, and its step.

    Raises
    ------
    UsageError
        If the file does not exist.
    """
    if not checkpoint.is_file():
        raise UsageError("no such checkpoint", path=checkpoint)
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    generator = Generator(updated(GeneratorConfig(), state["config"]["generator"]))
    generator.load_state_dict(state["average"])
    return generator.eval(), int(state["step"])


@dataclass(frozen=True, slots=True)
class _Example:
    """Fixed inputs of a network with the dynamics of music; spectra of input and noise in the bins that have gains."""

    inputs: dict[str, torch.Tensor]
    spectrum: torch.Tensor
    noise: torch.Tensor

    def restored(self, gains: torch.Tensor) -> NDArray[np.float32]:
        """Return input and fill together."""
        restored: NDArray[np.float32] = (self.spectrum + gains.unsqueeze(2) * self.noise).numpy()
        return restored


def _example(config: GeneratorConfig, frames: int) -> _Example:
    rng = np.random.default_rng(20210511)
    halo = config.halo_frames
    around = frames + 2 * halo
    slope = 10 ** (-3 * np.arange(config.bins) / config.bins)
    spectrum = rng.standard_normal((1, 2, 2, around, config.bins)) * slope * 20
    spectrum[..., config.bins // 3 :] *= 1e-6
    holes = rng.uniform(-12, 2, (1, around, 2 * config.bands))
    shares = rng.uniform(0, 1, (1, around, 4 * config.bands))
    inputs = {
        "power": (spectrum**2).sum(axis=2),
        "uncertainty": np.concatenate([holes, shares], axis=-1),
        "z": rng.standard_normal((1, config.latents)),
    }
    kept = spectrum[..., halo:-halo, ::2]
    noise = rng.standard_normal(kept.shape) * 0.7

    def tensor(values: NDArray[np.float64]) -> torch.Tensor:
        return torch.from_numpy(values.astype(np.float32))

    return _Example(
        {name: tensor(values) for name, values in inputs.items()},
        tensor(kept),
        tensor(noise),
    )


def _to_onnx(generator: Generator, path: Path) -> None:
    example = _example(generator.config, 64).inputs
    axes = {"power": {2: "around"}, "uncertainty": {1: "around"}, "gains": {2: "frames"}}
    with torch.no_grad(), warnings.catch_warnings():
        # The exporter warns that it is deprecated, and of constants that it cannot fold; parity is checked below.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            generator,
            tuple(example.values()),
            path,
            input_names=list(example),
            output_names=["gains"],
            dynamic_axes=axes,
            opset_version=_OPSET,
            dynamo=False,
        )
    onnx.checker.check_model(onnx.load(path))


def _run(path: Path, example: _Example) -> NDArray[np.float32]:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    (gains,) = session.run(["gains"], {name: values.numpy() for name, values in example.inputs.items()})
    return example.restored(torch.from_numpy(gains))


def _network(generator: Generator, path: Path, checkpoint: Path) -> tuple[float, float]:
    """Write the network to ship; return both errors of `Exported`, measured at a length that the export did not see.

    Raises
    ------
    ModelError
        If an error is too large; it names the checkpoint.
    """
    _to_onnx(generator, path)
    example = _example(generator.config, 101)
    with torch.no_grad():
        expected = example.restored(generator(*example.inputs.values()))
    exact = _run(path, example)
    error = float(np.abs(exact - expected).max() / np.abs(expected).max())
    if not error < _TOLERANCE:
        raise ModelError(f"ONNX Runtime differs from PyTorch by {error:.2g} of the peak", path=checkpoint)
    quantise(path, path)
    rounding = ((_run(path, example) - exact) ** 2).sum() / (exact**2).sum()
    precision = -10 * float(np.log10(rounding + 1e-12))
    if not precision > _LEAST_PRECISION_DB:
        raise ModelError(f"eight-bit products are only {precision:.0f} dB precise", path=checkpoint)
    return error, precision


def export(checkpoint: Path, folder: Path, *, name: str, version: str, variety: float = 1.0) -> Exported:
    """Write ``model.onnx``, ``config.json`` and ``SHA256`` into `folder`, after checking the network's parity.

    The large matrix products are rewritten in eight bits. `weights.safetensors` has all weights in half precision, for
    training to go on with.

    Raises
    ------
    ModelError
        If the results of ONNX Runtime and PyTorch differ, or eight bits are too few.
    """
    generator, step = load_average(checkpoint)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "model.onnx"
        error, precision = _network(generator, path, checkpoint)
        data = path.read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(data)
    write_weights(folder, generator, *training_so_far(checkpoint.parent))
    config = generator.config
    written = ModelConfig(name, version, config.fft_size, config.halo_frames, config.latents, variety, config.bands)
    (folder / "config.json").write_text(written.to_json(), encoding="utf-8")
    (folder / "SHA256").write_text(f"{hashlib.sha256(data).hexdigest()}  model.onnx\n", encoding="utf-8")
    return Exported(folder, step, error, precision)


def record(exported: Exported, run: Path) -> None:
    """Write ``export.json`` into the folder of a run: facts for the card of the exported model."""
    facts = {name: value for name, value in asdict(exported).items() if name != "folder"}
    (run / "export.json").write_text(json.dumps(facts), encoding="utf-8")
