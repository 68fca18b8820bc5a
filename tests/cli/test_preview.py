"""``--preview``: twenty seconds on a page."""

from __future__ import annotations

import html
import shutil
import webbrowser

import numpy as np
import pytest
import soundfile
from pages import commands_of
from support import invoke

from mp3restore import ExitCode
from mp3restore.cli import preview
from mp3restore.cli.start import with_start


@pytest.fixture(autouse=True)
def opened(tmp_path, monkeypatch):
    """Pages that were opened; no browser is, and the cache is empty."""
    pages = []
    monkeypatch.setattr(webbrowser, "open", lambda address: pages.append(address) or True)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "cache")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    return pages


@pytest.fixture
def song(tmp_path, sample):
    (tmp_path / "music").mkdir()
    return shutil.copy(sample, tmp_path / "music" / "a song.mp3")


def test_a_part_is_restored_and_shown(song, opened, tmp_path):
    result = invoke(song, "--preview", "0:02", "--seed", 5)
    assert result.exit_code == 0, result.stderr
    (page,) = (tmp_path / "cache" / "previews").iterdir()
    assert opened == [page.as_uri()]
    assert result.stderr.startswith(f"{page}: 20 s of a song.mp3 from 2.0 s, ")
    assert result.stderr.count("\n") == 1
    assert [path.name for path in song.parent.iterdir()] == ["a song.mp3"]
    text = html.unescape(page.read_text())
    assert "Excerpt: 2.0 to 22.0 s" in text
    assert "a song.restored.flac" in text
    made, again = commands_of(page.read_text())
    assert f"'{song}' -o '{song.parent}/a song.restored.flac'" in made
    assert again.endswith("--preview=2")
    for command in (made, again):
        assert "--seed 5 --variant 1" in command
        assert "--strength" not in command


def test_the_restoration_is_that_of_the_part(song, monkeypatch):
    """What is heard begins where the user said, and is restored: it has treble that the MP3 lacks."""
    heard = {}

    def keep(request, page, **_):
        heard["mp3"], rate = soundfile.read(request.original, dtype="float32")
        heard["restored"], _ = soundfile.read(request.restored[0], dtype="float32")
        heard["first"] = round(request.start * rate)
        page.write_text("page")
        return ()

    monkeypatch.setattr(preview, "write_report", keep)
    assert invoke(song, "--preview", 3).exit_code == 0
    whole, rate = soundfile.read(song, dtype="float32")
    first = heard["first"]
    assert first / rate == pytest.approx(1.0, abs=0.05)
    assert np.abs(heard["mp3"][first : first + rate] - whole[3 * rate : 4 * rate]).max() < 1e-5
    assert len(heard["restored"]) == len(heard["mp3"])
    treble = {
        name: np.abs(np.fft.rfft(heard[name][first : first + 2**17, 0]))[2**16 * 3 // 5 :].mean()
        for name in ("mp3", "restored")
    }
    assert treble["restored"] > 10 * treble["mp3"]


def test_the_page_goes_where_the_user_says(song, opened, tmp_path):
    page = tmp_path / "page.html"
    assert invoke(song, "--preview", "-o", page, "--variants", 2).exit_code == 0
    assert opened == [page.as_uri()]
    assert not (tmp_path / "cache").exists()
    *made, again = commands_of(page.read_text())
    assert "--variants 2" in again
    assert len(made) == 2
    existing = invoke(song, "--preview", "-o", page)
    assert existing.exit_code == ExitCode.OUTPUT_EXISTS
    assert "--force" in existing.stderr


@pytest.mark.parametrize("remote", [True, False])
def test_without_a_browser_the_path_is_enough(song, opened, monkeypatch, remote):
    if remote:
        monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
    else:
        monkeypatch.setattr(webbrowser, "open", lambda _: False)
    result = invoke(song, "--preview", 20)
    assert result.exit_code == 0
    assert opened == []
    path, advice = result.stderr.splitlines()
    assert path.split(": ")[0].endswith(".html")
    assert "open the page above" in advice


def test_a_file_that_lost_nothing_is_not_previewed(encode, music, tmp_path, opened):
    good = encode("lame", music, 44100, "-b", "192")
    result = invoke(good, "--preview")
    assert result.exit_code == ExitCode.NOTHING_TO_RESTORE
    assert "--strength 0.5" in result.stderr
    flac = tmp_path / "noise.flac"
    soundfile.write(flac, np.random.default_rng(1).normal(0, 0.1, (88200, 2)), 44100)
    result = invoke(flac, "--preview")
    assert result.exit_code == ExitCode.NOTHING_TO_RESTORE
    assert result.stderr.startswith(f"mp3restore: {flac}: ")
    assert opened == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["SONG", "SONG"], "takes one file, not 2"),
        (["FOLDER"], "is a folder"),
        (["-", "-o", "x.html"], "a file of this computer"),
        (["SONG", "-o", "x.flac"], "end its name in .html"),
        (["SONG", "--dry-run"], "--preview and --dry-run contradict each other"),
        (["SONG", "--json"], "--preview and --json contradict each other"),
        (["SONG", "--report", "pages"], "leave out --report"),
        (["SONG", "--preview=soon"], "'soon' is not a time"),
        (["SONG", "--preview", "1:00"], "ends at 24.0 s, before 60 s"),
    ],
)
def test_what_makes_no_sense_is_refused(song, opened, arguments, words):
    words_of_line = [{"SONG": song, "FOLDER": song.parent}.get(each, each) for each in arguments]
    result = invoke(*words_of_line, *([] if any("--preview" in each for each in arguments) else ["--preview"]))
    assert result.exit_code == ExitCode.USAGE, result.stderr
    (line,) = result.stderr.splitlines()
    assert words in line
    assert opened == []


def test_a_name_is_not_taken_for_a_time():
    assert with_start(["--preview", "song.mp3"]) == ["--preview=auto", "song.mp3"]
    assert with_start(["song.mp3", "--preview"]) == ["song.mp3", "--preview=auto"]
    assert with_start(["--preview", "1:02:03.5", "x"]) == ["--preview", "1:02:03.5", "x"]
    assert with_start(["--preview", "-f", "x"]) == ["--preview=auto", "-f", "x"]
    assert with_start(["--", "--preview"]) == ["--", "--preview"]


def test_old_pages_are_removed(song, tmp_path):
    folder = tmp_path / "cache" / "previews"
    folder.mkdir(parents=True)
    for number in range(12):
        (folder / f"{number}.html").write_text("old")
    assert invoke(song, "--preview", 22).exit_code == 0
    assert len(list(folder.iterdir())) == 10
