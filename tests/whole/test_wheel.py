"""The built wheel: complete, nothing stray in it, and at work in an empty environment outside the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from mp3restore import __version__
from mp3restore.generator.model import list_models

ROOT = Path(__file__).parents[2]
FILES = ("MODEL_CARD.md", "SHA256", "config.json", "model.onnx")

pytestmark = pytest.mark.wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(folder), str(ROOT)], check=True
    )
    (path,) = folder.glob("*.whl")
    return path


def test_contents(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    models = {f"mp3restore/_models/{model}/{file}" for model in list_models() for file in FILES}
    code = {name for name in names if name.endswith(".py")}
    assert models
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mp3restore/views/assets").iterdir()}
    manual = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mp3restore/manual").iterdir()}
    installed = {f"mp3restore-{__version__}.data/data/share/man/man1/mp3restore.1"}
    documents = {f"mp3restore/{name}" for name in ("py.typed", "README.md")}
    documents |= {f"mp3restore/training/{name}" for name in ("README.md", "offline.sh", "gpu.json")}
    assert names - code == models | pages | manual | installed | documents
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mp3restore").rglob("*.py")}
    assert code == sources


def test_installed_wheel_restores(wheel, sample, tmp_path):
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    subprocess.run([str(scripts / "python"), "-m", "pip", "install", "-q", str(wheel)], check=True, env=clean)
    command = str(scripts / "mp3restore")
    subprocess.run([command, "models", "verify"], check=True, cwd=tmp_path, env=clean)
    subprocess.run([command, str(sample), "-o", "restored.wav"], check=True, cwd=tmp_path, env=clean)
    assert (tmp_path / "restored.wav").stat().st_size > 24 * 44100 * 4
    code = "import importlib.util as u, mp3restore; print(mp3restore.__file__, u.find_spec('torch'))"
    shown = subprocess.run(
        [str(scripts / "python"), "-c", code], check=True, cwd=tmp_path, env=clean, capture_output=True, text=True
    ).stdout
    assert shown.startswith(str(environment))
    assert shown.endswith("None\n")
