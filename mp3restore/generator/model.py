"""Models: folders of ``model.onnx``, ``config.json``, ``SHA256`` and ``MODEL_CARD.md``, verified when loaded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from importlib import resources
from math import isfinite
from pathlib import Path
from typing import Any

from mp3restore.errors import ModelError
from mp3restore.generator.evidence import BANDS, FEATURES, REACH_FRAMES
from mp3restore.generator.excitation import CONTEXT
from mp3restore.generator.uncertainty import HOP, N_FFT

__all__ = ["DEFAULT_MODEL", "Model", "ModelConfig", "list_models", "load_model", "models_folder"]

DEFAULT_MODEL = "ember"
_SCHEMA = 6
_LEAST_HALO = CONTEXT // HOP - 1  # the noise begins a hop before its chunk
_TEXTS = ("name", "version")
_NUMBERS = ("variety",)


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The properties of a model that the engine needs.

    `halo_frames` frames on either side influence an output frame. `latents` is the number of z values, drawn once per
    file. `variety` is their factor where a file is restored once, which keeps the draw near the middle. `bands` is the
    number of bands of the uncertainty map. `evidence` has the weights that say how far to go where, see
    `generator.evidence`; a model without any always goes all the way.
    """

    name: str
    version: str
    fft_size: int
    halo_frames: int
    latents: int
    variety: float
    bands: int
    evidence: tuple[float, ...] = ()
    schema: int = _SCHEMA

    def variety_of(self, variant: int) -> float:
        """Return the default factor of z for a variant."""
        return self.variety if variant == 1 else 1.0

    def to_json(self) -> str:
        """Return the text of ``config.json``."""
        return json.dumps(asdict(self), indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class Model:
    """A verified model on disk."""

    name: str
    folder: Path
    config: ModelConfig
    sha256: str

    @property
    def onnx_path(self) -> Path:
        """Path of the network."""
        return self.folder / "model.onnx"

    def card(self) -> str:
        """Return the text of the model card, or an empty string if there is none."""
        path = self.folder / "MODEL_CARD.md"
        return path.read_text(encoding="utf-8") if path.exists() else ""


def models_folder() -> Path:
    """Return the folder of the models that ship with the package: in the wheel, or at the top of a source checkout."""
    packaged = Path(str(resources.files("mp3restore"))) / "_models"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "models"


def list_models() -> list[str]:
    """Return the names of the models that ship with the package."""
    folder = models_folder()
    return sorted(p.parent.name for p in folder.glob("*/config.json")) if folder.is_dir() else []


def load_model(name_or_path: str | Path | None = None) -> Model:
    """Find a model by name or folder, and verify its files.

    Raises
    ------
    ModelError
        If the model does not exist, its hash differs from ``SHA256``, or its configuration has another schema.
    """
    wanted = DEFAULT_MODEL if name_or_path is None else name_or_path
    folder = models_folder() / wanted
    if isinstance(wanted, Path) or str(wanted) not in list_models():
        folder = Path(wanted)
    if not (folder / "config.json").is_file():
        known = ", ".join(list_models()) or "none"
        raise ModelError(f"unknown model {str(wanted)!r}", hint=f"use one of {known}, or a model folder")
    config = _read_config(folder)
    return Model(config.name, folder, config, _verify(folder))


def _read_config(folder: Path) -> ModelConfig:
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.get("schema") != _SCHEMA:
            raise ModelError(
                f"schema {values.get('schema')} of the model is not {_SCHEMA}", path=path, hint="update mp3restore"
            )
        config = ModelConfig(**{**values, "evidence": tuple(values["evidence"])})
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise ModelError(f"the configuration cannot be read: {error}", path=path, hint="reinstall the model") from error
    for field in fields(ModelConfig):
        problem = _problem_of(field.name, getattr(config, field.name))
        if problem:
            raise ModelError(problem, path=path)
    if config.fft_size != N_FFT:
        raise ModelError(
            f"the model has frames of {config.fft_size} samples, not {N_FFT}", path=path, hint="update mp3restore"
        )
    if config.halo_frames < _LEAST_HALO:
        raise ModelError(f"the model needs a halo of {_LEAST_HALO} frames or more, which the noise hears", path=path)
    if config.evidence and (config.bands % BANDS or config.halo_frames < 2 * REACH_FRAMES):
        raise ModelError(
            f"evidence needs a multiple of {BANDS} bands, and a halo of {2 * REACH_FRAMES} frames or more", path=path
        )
    return config


def _problem_of(name: str, value: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    """Return what is wrong with one value of a configuration; empty if nothing is."""
    if name in _TEXTS:
        return "" if isinstance(value, str) and value else f"{name} must be a text, not {value!r}"
    if name in _NUMBERS:
        return "" if _is_number(value) and value >= 0 else f"{name} must be a number, 0 or more, not {value!r}"
    if name == "evidence":
        sound = len(value) in (0, len(FEATURES)) and all(map(_is_number, value))
        return "" if sound else f"{name} must be a list of {len(FEATURES)} numbers, or an empty one"
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return "" if whole else f"{name} must be a whole number, not {value!r}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _verify(folder: Path) -> str:
    onnx_path, hash_path = folder / "model.onnx", folder / "SHA256"
    try:
        expected = hash_path.read_text(encoding="utf-8").split()[0]
        actual = hashlib.sha256(onnx_path.read_bytes()).hexdigest()
    except (OSError, IndexError) as error:
        raise ModelError(f"the model is incomplete: {error}", path=folder, hint="reinstall the model") from error
    if actual != expected:
        raise ModelError(
            f"the hash of model.onnx is {actual[:12]}..., not {expected[:12]}...",
            path=folder,
            hint="the file was altered or damaged; reinstall the model",
        )
    return actual
