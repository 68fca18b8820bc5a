"""Audio for the tests: one real recording, and encodes of it and of synthetic music by real encoders."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from support import DATA

pytest_plugins = ["dummy_model", "mp3_streams"]

Encode = Callable[..., Path]
Run = Callable[..., subprocess.CompletedProcess[str]]
SLOW_ROOMS = ("batch", "cli", "training", "web", "whole")


@pytest.fixture(scope="session", autouse=True)
def _signals_that_reach_programs() -> None:
    """Undo what `nohup` and shells in the background do: programs inherit that they ignore these signals."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same in every run."""
    return np.random.default_rng(20210511)


@pytest.fixture(scope="session")
def sample() -> Path:
    """A real 32 kbit/s MP3 of 24 s."""
    return DATA / "francium-32k.mp3"


@pytest.fixture(scope="session")
def music() -> NDArray[np.float32]:
    """Two seconds of stereo at 44.1 kHz: plucked tones with overtones to 10 kHz over quiet noise, without silence."""
    rng = np.random.default_rng(1)
    time = np.arange(44100 // 4) / 44100
    notes = []
    for _ in range(8):
        pitch, pan = rng.uniform(80, 600), rng.uniform(0.2, 0.8)
        tone = sum(np.sin(2 * np.pi * pitch * k * time + rng.uniform(0, 6)) / k for k in range(1, 16))
        notes.append(np.outer([pan, 1 - pan], tone * np.exp(-6 * time) * 0.15))
    stereo = np.concatenate(notes, axis=1) + rng.normal(0, 0.01, (2, len(time) * 8))
    return stereo.astype(np.float32)


@pytest.fixture(scope="session")
def second(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first second of the sample, as an MP3."""
    path = tmp_path_factory.mktemp("second") / "second.mp3"
    command = ["ffmpeg", "-v", "error", "-t", "1", "-i", str(sample), "-map_metadata", "-1"]
    subprocess.run([*command, "-c:a", "libmp3lame", "-b:a", "32k", str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


@pytest.fixture
def songs(second: Path, tmp_path: Path) -> Path:
    """A folder of three MP3s of a second each, two of them below."""
    folder = tmp_path / "songs"
    (folder / "sub").mkdir(parents=True)
    for name in ("one.mp3", "sub/one.mp3", "sub/two.mp3"):
        shutil.copy(second, folder / name)
    return folder


@pytest.fixture
def encode(tmp_path: Path) -> Encode:
    """Make an MP3 of float samples (channels, n): encode("lame" or "ffmpeg", samples, rate, *arguments)."""

    def run(encoder: str, samples: NDArray[np.float32], rate: int, *arguments: str) -> Path:
        wav, mp3 = tmp_path / "to-encode.wav", tmp_path / f"{encoder}.mp3"
        soundfile.write(wav, samples.T, rate, subtype="FLOAT")
        command = {
            "lame": ["lame", "--quiet", *arguments, str(wav), str(mp3)],
            "ffmpeg": ["ffmpeg", "-v", "error", "-y", "-i", str(wav), "-c:a", "libmp3lame", *arguments, str(mp3)],
        }[encoder]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        wav.unlink()
        return mp3

    return run


@pytest.fixture
def run() -> Run:
    """Run the command in a process of its own."""

    def call(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "mp3restore", *map(str, arguments)],
            capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, check=False,
            env={**os.environ, "PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8"}, **options,
        )  # fmt: skip

    return call


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of whole programs, browsers and trainings as slow."""
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in SLOW_ROOMS:
            item.add_marker(pytest.mark.slow)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a run of CI fail where a test was skipped: what CI does not run is not tested."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    if os.environ.get("CI") and skipped:
        reporter.write_line(f"{len(skipped)} tests were skipped, which CI does not allow", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
