"""Commands that tell something, the pages made of the commands, and completion."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata

import pytest
import soundfile
from support import invoke

from mp3restore import ExitCode
from mp3restore.cli import manual


def test_doctor(monkeypatch):
    found = json.loads(invoke("doctor", "--json").stdout)
    assert found["problems"] == []
    assert found["self_test"]["ok"]
    assert found["self_test"]["seconds_of_music"] == 1.0
    assert set(found["models"]) >= {"ember"}
    assert "CPUExecutionProvider" in found["providers"]
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "1.0" if name == "onnxruntime-gpu" else real(name))
    monkeypatch.setattr("mp3restore.diagnostics.doctor._self_test", lambda _device, _problems: {"ok": True})
    conflict = invoke("doctor")
    assert conflict.exit_code == ExitCode.FAILED
    assert "problem: onnxruntime and onnxruntime-gpu are installed together" in conflict.stdout
    assert "1 problem found" in conflict.stdout


def test_formats():
    assert "MP3" in json.loads(invoke("formats", "--json").stdout)["libsndfile"]
    assert "written: flac, --bit-depth 16, 24" in invoke("formats").stdout


def test_inspect(second, tmp_path):
    shown = invoke("inspect", second, "--plot", tmp_path / "steps.png")
    assert shown.exit_code == 0, shown.stderr
    assert "32 kbit/s cbr" in shown.stdout
    assert (tmp_path / "steps.png").read_bytes()[:4] == b"\x89PNG"
    assert invoke("inspect", second, "--plot", tmp_path / "steps.png").exit_code == ExitCode.OUTPUT_EXISTS
    report = json.loads(invoke("inspect", second, "--json").stdout)
    assert report["was_mp3"]
    assert report["bitstream"]["lattice_fit"] > 0.9
    samples, rate = soundfile.read(second)
    soundfile.write(tmp_path / "decoded.wav", samples, rate, subtype="FLOAT")
    assert "decoded from an MP3" in invoke("inspect", tmp_path / "decoded.wav").stdout
    assert invoke("inspect", tmp_path / "no.mp3").exit_code == ExitCode.NO_INPUT


@pytest.mark.parametrize(("name", "make"), [("mp3restore.1", manual.man_page), ("options.md", manual.options_page)])
def test_pages_are_fresh(name, make):
    text = (manual.FOLDER / name).read_text(encoding="utf-8")
    assert text == make(), "run 'python -m mp3restore.cli.manual'"
    for option in ("--on-exists", "--strength", "doctor", "config show"):
        assert option.replace("-", "\\-") in text or option in text


@pytest.mark.parametrize(
    ("line", "words"),
    [("mp3restore --tem", "--template"), ("mp3restore ins", "inspect"), ("mp3restore a.mp3 --model ", "ember"),
     ("mp3restore a.mp3 --on-exists re", "rename")],
)  # fmt: skip
def test_completion(line, words, monkeypatch):
    monkeypatch.setenv("_MP3RESTORE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    code = "from mp3restore.cli.main import main; main()"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert words in found.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell):
    assert "_MP3RESTORE_COMPLETE" in invoke("--show-completion", shell).stdout
