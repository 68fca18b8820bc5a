"""``--report`` on a normal run, and how restorations say how they were made."""

from __future__ import annotations

import html
import shutil

import pytest
import soundfile
from typer.testing import CliRunner

from mp3restore.cli.app import app
from mp3restore.errors import ExitCode
from mp3restore.report.origin import recorded_origin


def invoke(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="mp3restore")


@pytest.fixture
def song(tmp_path, encode, music):
    return encode("lame", music[:, :44100], 44100, "-b", "48", "--resample", "44.1").rename(tmp_path / "a song.mp3")


def test_pages_of_a_run(song, tmp_path):
    (tmp_path / "other").mkdir()
    shutil.copy(song, tmp_path / "other" / "a song.mp3")
    pages = tmp_path / "deep" / "pages"
    result = invoke(tmp_path, "--report", pages, "--variants", 2, "--seed", 5, "--no-consistency", "--strength", 0.5)
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in pages.iterdir()) == ["a song-2.html", "a song.html"]
    text = html.unescape((pages / "a song.html").read_text())
    for name in ("a song.restored.v1.flac", "a song.restored.v2.flac"):
        assert name in text
    assert f"mp3restore '{song}' --model" in text
    assert "--variants 2 --seed 5 --strength 0.5 --no-consistency --format flac --bit-depth 24   # variant 2" in text
    assert result.stderr.count(": report ") == 2


def test_command_on_the_page_makes_the_same_file(song, tmp_path):
    pages = tmp_path / "pages"
    assert invoke(song, "--report", pages, "--seed", 9, "--sample-rate", 48000).exit_code == 0
    text = html.unescape((pages / "a song.html").read_text())
    (line,) = [line for line in text.splitlines() if "--sample-rate 48000" in line]
    words = line.removeprefix("<pre>mp3restore ").split("   #")[0].replace(f"'{song}' ", "").split()
    assert invoke(song, *words, "-o", tmp_path / "again.flac").exit_code == 0
    first = soundfile.read(tmp_path / "a song.restored.flac")[0]
    assert (soundfile.read(tmp_path / "again.flac")[0] == first).all()


def test_existing_page_stops_the_run_before_its_work(song, tmp_path):
    page = tmp_path / "pages" / "a song.html"
    page.parent.mkdir()
    page.write_text("mine")
    result = invoke(song, "--report", page.parent)
    assert result.exit_code == ExitCode.OUTPUT_EXISTS
    assert page.read_text() == "mine"
    assert not (tmp_path / "a song.restored.flac").exists()
    assert invoke(song, "--report", page.parent, "-f").exit_code == 0
    assert page.read_text() != "mine"


def test_where_there_can_be_no_page(song, tmp_path):
    pages = tmp_path / "pages"
    assert invoke(song, "--report", pages, "-n").exit_code == 0
    assert invoke(song, "--report", pages, "-o", "-").exit_code == ExitCode.USAGE
    assert invoke(song, "--report", pages, "--variants", 9).exit_code == ExitCode.USAGE
    assert not pages.exists()
    assert invoke(song, "--report", song).exit_code == ExitCode.FAILED


def test_restorations_say_how_they_were_made(song, tmp_path):
    for target, *options in (("a.flac",), ("b.wav", "--strength", "0.25"), ("c.flac", "--deterministic")):
        assert invoke(song, "-o", tmp_path / target, "--seed", 3, "--variants", 1, *options).exit_code == 0
    flac, wav, fixed = (recorded_origin(tmp_path / name, "x y.mp3") for name in ("a.flac", "b.wav", "c.flac"))
    assert flac.startswith("mp3restore 'x y.mp3' --model ")
    assert "--variants 1 --seed 3 --strength 0." in flac  # what the losses warranted, for those who run it again later
    assert "   # variant 1, mp3restore 0." in flac
    assert "--seed 3 --strength 0.25   #" in wav
    assert "--variants 1 --deterministic --strength 0." in fixed
    assert recorded_origin(song, "x") is None
    invoke(song, "-o", tmp_path / "d.flac", "--no-tags")
    assert recorded_origin(tmp_path / "d.flac", "x") is None
    (tmp_path / "e.wav").write_bytes(b"RIFF\x04\0\0\0WAVE")
    assert recorded_origin(tmp_path / "e.wav", "x") is None
