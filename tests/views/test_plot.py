"""Pictures of spectrograms."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread
from typer.testing import CliRunner

from mp3restore.cli.app import app
from mp3restore.errors import ExitCode


def invoke(*arguments):
    return CliRunner().invoke(app, ["plot", *map(str, arguments)], prog_name="mp3restore")


@pytest.fixture
def tones(tmp_path):
    """Two files whose name looks like a formula: a tone of 5 kHz, and one of 15 kHz."""
    paths = []
    for hz in 5000, 15000:
        paths.append(tmp_path / f"tone $x^{hz}.wav")
        soundfile.write(paths[-1], 0.5 * np.sin(2 * np.pi * hz * np.arange(44100) / 44100), 44100)
    return paths


def test_tones_appear_at_their_heights(tones, tmp_path):
    target = tmp_path / "p.png"
    assert invoke(*tones, "-o", target).exit_code == 0
    picture = imread(target)[..., :3]
    # The black of the background, and in it the bright line of the tone.
    column = picture[:, picture.shape[1] // 2]
    inside = np.flatnonzero(column.sum(axis=1) < 0.05)
    upper, lower = inside[inside < len(column) / 2], inside[inside > len(column) / 2]
    for rows, hz in (upper, 5000), (lower, 15000):
        brightness = column[rows[0] : rows[-1]].sum(axis=1)
        height = 1 - np.argmax(brightness) / len(brightness)
        assert height == pytest.approx(hz / 22050, abs=0.03)


def test_part_and_formats(tones, tmp_path):
    for suffix, begin in (".svg", b"<?xml"), (".pdf", b"%PDF"):
        target = tmp_path / f"p{suffix}"
        assert invoke(tones[0], "-o", target, "--start", 0.5, "--duration", 0.2, "--title", "A").exit_code == 0
        assert target.read_bytes().startswith(begin)
    assert invoke(tones[0], "-o", tmp_path / "p.svg").exit_code == ExitCode.OUTPUT_EXISTS


@pytest.mark.parametrize(
    "extra", [("--start", 2), ("--duration", 0), ("--title", "A", "--title", "B"), ("-o", "p.gif"), ("-o", "p")]
)
def test_refusals(tones, tmp_path, monkeypatch, extra):
    monkeypatch.chdir(tmp_path)
    result = invoke(tones[0], "-o", "p.png", *extra)
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == sorted(tones)


def test_without_matplotlib(tones, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = invoke(tones[0], "-o", tmp_path / "p.png")
    assert result.exit_code == ExitCode.FAILED
    assert "pip install 'mp3restore[plot]'" in result.stderr
