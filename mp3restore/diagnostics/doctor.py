"""Facts about this installation, for when something does not work."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime as ort
import soundfile

from mp3restore._version import __version__
from mp3restore.errors import Mp3RestoreError
from mp3restore.generator.devices import Device
from mp3restore.generator.model import list_models, load_model
from mp3restore.job import check_jobs, lay_out
from mp3restore.options import RunOptions
from mp3restore.pipeline.file import make_restorer, run_job

__all__ = ["Diagnosis", "diagnose"]

_PACKAGES = ("numpy", "scipy", "soundfile", "audioread", "mutagen", "rich", "typer")
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-qnn")
_TEST_RATE = 44100


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Facts about an installation, and the problems that were found."""

    facts: dict[str, Any]
    problems: list[str] = field(default_factory=list)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _hash(name: str, problems: list[str]) -> str:
    try:
        return load_model(name).sha256
    except Mp3RestoreError as error:
        problems.append(str(error))
        return "damaged"


def _models(problems: list[str]) -> dict[str, str]:
    hashes = {name: _hash(name, problems) for name in list_models()}
    if not hashes:
        problems.append("no model is installed (reinstall mp3restore)")
    return hashes


def _self_test(device: Device, problems: list[str]) -> dict[str, Any]:
    """Restore a second of synthetic music."""
    time = np.arange(_TEST_RATE) / _TEST_RATE
    music = np.stack([np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 660 * time)], axis=1) * 0.3
    with tempfile.TemporaryDirectory(prefix="mp3restore-") as folder:
        source = Path(folder) / "test.mp3"
        try:
            soundfile.write(source, music, _TEST_RATE, format="MP3")
            (job,) = check_jobs(lay_out(source))
            started = perf_counter()
            restorer = make_restorer(device=device)
            loaded = perf_counter()
            result = run_job(job, lambda: restorer, RunOptions())
        except (Mp3RestoreError, soundfile.LibsndfileError) as error:
            problems.append(f"the self-test failed: {error}")
            return {"ok": False}
    return {
        "ok": True,
        "device": result.device,
        "load_s": round(loaded - started, 3),
        "restore_s": round(result.seconds, 3),
        "seconds_of_music": round(result.duration, 3),
    }


def diagnose(device: Device = "auto") -> Diagnosis:
    """Collect versions, devices, codecs and models, and restore a second of music."""
    problems: list[str] = []
    runtimes = {name: version for name in _RUNTIMES if (version := _version(name)) is not None}
    if len(runtimes) > 1:
        problems.append(
            f"{' and '.join(runtimes)} are installed together and overwrite each other's files "
            "(uninstall all of them, then install one)"
        )
    if "MP3" not in soundfile.available_formats():
        problems.append("libsndfile cannot read MP3 files (update soundfile, or libsndfile to 1.1 or newer)")
    facts = {
        "mp3restore": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "executable": sys.executable,
        "packages": {name: _version(name) for name in _PACKAGES},
        "libsndfile": soundfile.__libsndfile_version__,
        "onnxruntime": runtimes,
        "providers": ort.get_available_providers(),
        "models": _models(problems),
        "self_test": _self_test(device, problems),
    }
    return Diagnosis(facts, problems)
