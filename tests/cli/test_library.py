"""Which files of a library are worth restoring."""

from __future__ import annotations

import csv
import io
import json
import shutil

import numpy as np
import pytest
import soundfile
from support import invoke

from mp3restore import ExitCode
from mp3restore.cli.library import WORDS
from mp3restore.inspection import library
from mp3restore.inspection.library import survey_file, survey_files


@pytest.fixture
def shelf(tmp_path, encode, music):
    """A folder with MP3s of four qualities, a WAV, and a text that calls itself an MP3."""
    folder = tmp_path / "shelf"
    (folder / "sub").mkdir(parents=True)
    long = np.tile(music, 3)
    for name, arguments in {
        "low.mp3": ["-b", "32", "--resample", "44.1"],
        "sub/mid.mp3": ["-b", "112"],
        "sub/good.mp3": ["-b", "192"],
        "vbr.mp3": ["-V", "9", "--resample", "44.1"],
    }.items():
        shutil.move(encode("lame", long, 44100, *arguments), folder / name)
    soundfile.write(folder / "a.wav", music.T, 44100)
    (folder / "text.mp3").write_text("words " * 500)
    return folder


def test_verdicts_follow_the_losses(shelf):
    found = {name: survey_file(shelf / name) for name in ("low.mp3", "sub/mid.mp3", "sub/good.mp3", "vbr.mp3")}
    assert [found[name].verdict for name in found] == ["restore", "little to gain", "leave", "restore"]
    assert found["low.mp3"].kbps == pytest.approx(32, abs=0.5)
    assert found["low.mp3"].rate_mode == "cbr"
    assert found["vbr.mp3"].rate_mode == "vbr"
    assert found["sub/good.mp3"].encoder.startswith("LAME")
    assert found["sub/good.mp3"].seconds == pytest.approx(6.0, abs=0.01)
    assert found["low.mp3"].edge_hz < 9000 < found["sub/good.mp3"].edge_hz
    assert survey_file(shelf / "a.wav").verdict == "inspect alone"
    assert survey_file(shelf / "text.mp3").problem == "no audio found in it"


def test_a_folder_is_a_table_sorted_by_loss(shelf):
    shown = invoke("inspect", shelf)
    assert shown.exit_code == ExitCode.FAILED  # for one cannot be read
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["kbit/s", "edge", "encoder", "verdict", "file"]
    assert not [line for line in lines if line != line.rstrip()]
    order = [next(k for k, line in enumerate(lines) if name in line) for name in ("low.mp3", "mid.mp3", "good.mp3")]
    assert order == sorted(order)
    assert "2 heavily compressed, restore it (12." in shown.stdout
    assert lines[-1] == "1 cannot be read"
    (shelf / "text.mp3").unlink()
    assert invoke("inspect", shelf).exit_code == 0


@pytest.mark.parametrize("name", ["low.mp3", "sub/mid.mp3", "sub/good.mp3", "vbr.mp3"])
def test_a_file_has_one_verdict_however_it_is_asked_for(shelf, name):
    alone = json.loads(invoke("inspect", shelf / name, "--json").stdout)
    assert alone["verdict"] == survey_file(shelf / name).verdict
    assert WORDS[alone["verdict"]] in invoke("inspect", shelf / name).stdout


def test_json_and_csv_hold_the_same(shelf):
    rows = {row["path"]: row for row in csv.DictReader(io.StringIO(invoke("inspect", shelf, "--csv").stdout))}
    objects = [json.loads(line) for line in invoke("inspect", shelf, "--json").stdout.splitlines()]
    assert len(rows) == len(objects) == 6
    for each in objects:
        assert rows[each["path"]]["verdict"] == each["verdict"]
        assert each["schema"] == 1


def test_several_processes_find_the_same(shelf, monkeypatch):
    monkeypatch.setattr(library, "_FEW", 1)
    paths = sorted(shelf.rglob("*.mp3"))
    assert list(survey_files(paths, processes=2)) == [survey_file(path) for path in paths]


def test_what_makes_no_sense_is_refused(shelf, tmp_path):
    (tmp_path / "empty").mkdir()
    assert invoke("inspect", tmp_path / "empty").exit_code == ExitCode.NO_INPUT
    assert invoke("inspect", shelf, "--plot", tmp_path / "a.png").exit_code == ExitCode.USAGE
    assert invoke("inspect", shelf / "low.mp3", "--csv").exit_code == ExitCode.USAGE


def test_one_file_gets_its_verdict_first(shelf):
    brief = invoke("inspect", shelf / "low.mp3").stdout
    assert brief.splitlines()[1].startswith("verdict  heavily compressed, restore it")
    assert "lattice" not in brief
    assert "lattice" in invoke("inspect", shelf / "low.mp3", "-v").stdout
