"""Restore heavily compressed MP3 music.

Arrays are float32 of shape (channels, samples) with full scale 1.0; sample rates are in Hz.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from mp3restore._version import __version__

# From 1.29 on, ONNX Runtime reports every run to its maker and stores an identifier on the disk, unless this is set
# before it is loaded: its own function for switching that off comes too late.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from mp3restore.api import inspect_file, restore, restore_file
    from mp3restore.errors import (
        BitstreamError,
        DecodeError,
        ExitCode,
        InputError,
        MissingExtraError,
        ModelError,
        Mp3RestoreError,
        NoInputError,
        OutputError,
        OutputExistsError,
        UsageError,
    )
    from mp3restore.generator.model import Model, list_models, load_model
    from mp3restore.inspection.inspect import Inspection
    from mp3restore.result import FileResult, Restoration

__all__ = [
    "BitstreamError",
    "DecodeError",
    "ExitCode",
    "FileResult",
    "InputError",
    "Inspection",
    "MissingExtraError",
    "Model",
    "ModelError",
    "Mp3RestoreError",
    "NoInputError",
    "OutputError",
    "OutputExistsError",
    "Restoration",
    "UsageError",
    "__version__",
    "inspect_file",
    "list_models",
    "load_model",
    "restore",
    "restore_file",
]

# Names are imported from their modules on first use, so that `import mp3restore` (and therefore `mp3restore --help`)
# does not wait for NumPy, SciPy and ONNX Runtime.
_MODULES = {
    "api": ("inspect_file", "restore", "restore_file"),
    "generator.model": ("Model", "list_models", "load_model"),
    "inspection.inspect": ("Inspection",),
    "result": ("FileResult", "Restoration"),
    "errors": (
        "BitstreamError",
        "DecodeError",
        "ExitCode",
        "InputError",
        "MissingExtraError",
        "ModelError",
        "Mp3RestoreError",
        "NoInputError",
        "OutputError",
        "OutputExistsError",
        "UsageError",
    ),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
