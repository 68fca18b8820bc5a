"""``--report`` on a normal run, and how restorations say how they were made."""

from __future__ import annotations

import html
import io
import shutil

import pytest
import soundfile
from pages import commands_of, run_in_shell
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
    assert sorted(path.name for path in pages.iterdir()) == ["a song-2.html", "a song.html", "index.html"]
    text = html.unescape((pages / "a song.html").read_text())
    for name in ("a song.restored.v1.flac", "a song.restored.v2.flac"):
        assert name in text
    assert f"mp3restore '{song}' -o '{tmp_path}/a song.restored.v2.flac' --force --model" in text
    assert "--seed 5 --variant 2 --strength 0.5 --no-consistency --format flac --bit-depth 16" in text
    assert result.stderr.count(": report ") == 2


def test_command_on_the_page_makes_the_same_file(song, tmp_path):
    pages = tmp_path / "pages"
    assert invoke(song, "--report", pages, "--seed", 9, "--sample-rate", 48000).exit_code == 0
    result = tmp_path / "a song.restored.flac"
    made, _ = commands_of((pages / "a song.html").read_text())
    assert "--sample-rate 48000" in made
    first = soundfile.read(result)[0]
    result.unlink()
    run_in_shell(made, tmp_path)
    assert (soundfile.read(result)[0] == first).all()


@pytest.mark.usefixtures("song")
def test_every_command_on_a_page_makes_one_variant(tmp_path, monkeypatch):
    """`--variant 2` makes the second variant alone, in the file whose page says so."""
    monkeypatch.chdir(tmp_path)
    assert invoke("a song.mp3", "--report", "pages", "--variants", 2, "--strength", 1).exit_code == 0
    *made, page = commands_of((tmp_path / "pages" / "a song.html").read_text())
    assert len(made) == 2
    for number, command in enumerate(made, 1):
        result = tmp_path / f"a song.restored.v{number}.flac"
        before = result.read_bytes()
        result.unlink()
        run_in_shell(command, tmp_path)
        assert soundfile.read(result)[0].tobytes() == soundfile.read(io.BytesIO(before))[0].tobytes()
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".flac") == [
        "a song.restored.v1.flac", "a song.restored.v2.flac"
    ]  # fmt: skip
    (tmp_path / "pages" / "a song.html").unlink()
    run_in_shell(page, tmp_path)
    assert (tmp_path / "pages" / "a song.html").exists()


def test_one_variant_alone(song, tmp_path):
    for options in (["--variants", 3], ["--deterministic"]):
        refused = invoke(song, "--variant", 2, *options)
        assert refused.exit_code == ExitCode.USAGE
        assert refused.stderr.count("\n") == 1
    assert invoke(song, "--variant", 0).exit_code == ExitCode.USAGE
    folder = tmp_path / "out"
    assert invoke(song, "--variant", 2, "-o", f"{folder}/", "--template", "{stem} {variant}").exit_code == 0
    assert [path.name for path in folder.glob("*.flac")] == ["a song 2.flac"]
    again = invoke(song, "--variant", 3, "-o", f"{folder}/", "--template", "{stem} 2")
    assert again.exit_code == ExitCode.OUTPUT_EXISTS
    with soundfile.SoundFile(folder / "a song 2.flac") as file:
        assert file.frames


def test_a_folder_of_reports_has_an_index(song, tmp_path, page):
    """Of all its reports, also those of earlier runs."""
    pages = tmp_path / "pages"
    other = shutil.copy(song, tmp_path / "a <b> & 100% #1.mp3")
    assert invoke(song, "--report", pages).exit_code == 0
    assert invoke(other, "--report", pages).exit_code == 0
    (pages / "mine.html").write_text("<title>mine</title>")
    page.goto((pages / "index.html").as_uri())
    links = page.get_by_role("link")
    assert links.all_inner_texts() == [f"{each.name}: MP3 and restoration" for each in (other, song)]
    for index in range(2):
        page.goto((pages / "index.html").as_uri())
        page.get_by_role("link").nth(index).click()
        page.wait_for_selector("body[data-drawn]")
    index = tmp_path / "index.mp3"
    shutil.copy(song, index)
    assert invoke(index, "--report", pages).exit_code == 0
    assert (pages / "index-2.html").exists()


def test_an_index_of_somebody_else_is_kept(song, tmp_path):
    index = tmp_path / "pages" / "index.html"
    index.parent.mkdir()
    index.write_text("<title>my site</title>")
    result = invoke(song, "--report", index.parent, "-f")
    assert result.exit_code == ExitCode.OUTPUT_EXISTS
    assert "not an index of reports" in result.stderr
    assert index.read_text() == "<title>my site</title>"
    assert not (tmp_path / "a song.restored.flac").exists()


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
    assert flac.command.startswith(f"mp3restore 'x y.mp3' -o {tmp_path}/a.flac --force --model ")
    assert (
        "--seed 3 --variant 1 --variety 0.3 --format flac" in flac.command
    )  # what the losses warranted, for those who run it later
    assert flac.remark.startswith("mp3restore 0.")
    assert "--seed 3 --variant 1 --variety 0.3 --strength 0.25 --format wav --bit-depth 16" in wav.command
    assert "--deterministic --format flac" in fixed.command
    assert recorded_origin(song, "x") is None
    invoke(song, "-o", tmp_path / "d.flac", "--no-tags")
    assert recorded_origin(tmp_path / "d.flac", "x") is None
    for options in (["--no-consistency"], ["--sample-rate", 48000], ["--bit-depth", 16]):
        target = tmp_path / "f.flac"
        assert invoke(song, "-o", target, "-f", *options).exit_code == 0
        command = recorded_origin(target, str(song)).command
        assert " ".join(map(str, options)) in command
    before = soundfile.read(target)[0]
    run_in_shell(command, tmp_path)
    assert (soundfile.read(target)[0] == before).all()
    (tmp_path / "e.wav").write_bytes(b"RIFF\x04\0\0\0WAVE")
    assert recorded_origin(tmp_path / "e.wav", "x") is None
