"""One page of several songs: of two folders, of a run, and as the listening page of the project."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from pages import commands_of, run_in_shell
from support import ROOT, invoke

from mp3restore.audio.decode import open_audio
from mp3restore.errors import ExitCode, NoInputError, UsageError
from mp3restore.report.page import Gallery, Song, build_gallery, check_clips
from mp3restore.report.pairs import songs_in
from mp3restore.report.request import ReportRequest
from mp3restore.views.tracks import Track, opus


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def open_page(page, url):
    page.goto(url)
    page.wait_for_selector("body[data-drawn]")


def switch(page, name):
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_selector("body[data-drawn]")


@pytest.fixture
def folders(tmp_path, encode, music):
    """Two MP3s, one of them in a subfolder, two restorations of the first and one of the other, and an original."""
    originals, restored, lossless = (tmp_path / name for name in ("mp3s", "restored", "lossless"))
    for folder in (originals, restored, lossless):
        (folder / "sub <b>").mkdir(parents=True)
    for name, samples in (("one", music), ("sub <b>/two", music[::-1] * 0.5)):
        encode("lame", samples, 44100, "-b", "32", "--resample", "44.1").rename(originals / f"{name}.mp3")
        soundfile.write(lossless / f"{name}.wav", samples.T, 44100, subtype="PCM_16")
    for name, samples in (("one.v1", music), ("one.v10", 0.9 * music), ("one.v2", 0.8 * music), ("sub <b>/two", music)):
        soundfile.write(restored / f"{name}.flac", samples.T, 44100, subtype="PCM_24")
    (originals / "three.mp3").write_bytes((originals / "one.mp3").read_bytes())
    (originals / "notes.txt").write_text("no music")
    return originals, restored, lossless


def test_a_page_of_two_folders(page, folders, tmp_path, check_accessible):
    originals, restored, lossless = folders
    target = tmp_path / "page.html"
    result = invoke("report", originals, restored, "--reference", lossless, "-o", target)
    assert result.exit_code == 0, result.stderr
    assert "2 songs" in result.stderr
    open_page(page, target.as_uri())
    assert page.locator("[data-song]").all_inner_texts() == ["one.mp3", "sub <b>/two.mp3"]
    assert page.inner_text("#title") == "one.mp3"
    names = ["MP3", "v1", "v2", "v10", "Reference"]
    assert [text.split(" ", 1)[1] for text in page.locator(".track").all_inner_texts()] == names
    check_accessible()
    page.click("#play")
    wait_for(lambda: page.evaluate("player.position > 0.2"))
    page.keyboard.press("3")
    assert page.evaluate("player.active") == 2
    switch(page, "sub <b>/two.mp3")
    assert page.inner_text("#title") == "sub <b>/two.mp3"
    assert page.locator("[data-song][aria-pressed=true]").all_inner_texts() == ["sub <b>/two.mp3"]
    assert page.locator(".stage[data-track]").count() == 3
    assert not page.evaluate("player.playing")
    assert page.evaluate("player.duration") == pytest.approx(2.1, abs=0.1)
    switch(page, "one.mp3")  # and back
    assert page.locator(".stage[data-track]").count() == 5
    assert page.locator("#song summary").count() == 3
    page.goto(f"{target.as_uri()}#2")  # a link to a song
    page.reload()
    page.wait_for_selector("body[data-drawn]")
    assert page.inner_text("#title") == "sub <b>/two.mp3"


def test_the_command_of_the_page_makes_it_again(folders, tmp_path):
    originals, restored, _ = folders
    target = tmp_path / "a page.html"
    assert invoke("report", originals, restored, "-o", target, "--start", 0.5, "--duration", 1).exit_code == 0
    text = target.read_text()
    target.unlink()
    run_in_shell(commands_of(text)[-1], tmp_path)
    assert target.read_text() == text


def test_what_no_page_can_be_made_of(folders, tmp_path):
    originals, restored, lossless = folders
    target = tmp_path / "page.html"
    for arguments, code, words in (
        ((originals, restored / "one.v1.flac"), ExitCode.USAGE, "is not a folder, but others are"),
        ((originals, restored, "--reference", lossless / "one.wav"), ExitCode.USAGE, "is not a folder"),
        ((lossless / "sub <b>", restored), ExitCode.NO_INPUT, "has no song"),
        ((originals, restored, "--start", 99), ExitCode.USAGE, "99"),
    ):
        result = invoke("report", *arguments, "-o", target)
        assert (result.exit_code, result.stderr.count("\n")) == (code, 1), result.stderr
        assert words in result.stderr
        assert not target.exists()
    target.write_text("mine")
    assert invoke("report", originals, restored, "-o", target).exit_code == ExitCode.OUTPUT_EXISTS
    assert target.read_text() == "mine"
    with pytest.raises(UsageError, match="220 files, not 221"):
        check_clips(221)
    with pytest.raises(UsageError, match="at least one song"):
        build_gallery(Gallery("x", []))


def test_results_beside_their_originals(tmp_path, second):
    """As they lie after a plain run; a song that is called like a result is found, too."""
    for name in ("a.mp3", "b.v2.mp3"):
        shutil.copy(second, tmp_path / name)
    for name in ("a.restored.v1.flac", "a.restored.v2.flac", "b.v2.restored.flac"):
        soundfile.write(tmp_path / name, np.zeros((100, 2)), 44100)
    songs = songs_in(tmp_path, [tmp_path])
    found = {song.title: [path.name for path in song.request.restored] for song in songs}
    assert found == {"a.mp3": ["a.restored.v1.flac", "a.restored.v2.flac"], "b.v2.mp3": ["b.v2.restored.flac"]}
    other = tmp_path / "other"
    other.mkdir()
    soundfile.write(other / "b.v2.flac", np.zeros((100, 2)), 44100)
    (song,) = songs_in(tmp_path, [other])
    assert song.title == "b.v2.mp3"
    with pytest.raises(NoInputError):
        songs_in(other, [tmp_path])


def test_one_page_of_a_run(page, songs, tmp_path):
    """Two of the three songs have one name: they stay two."""
    target = tmp_path / "new folder" / "all.HTML"
    result = invoke(songs, "-o", tmp_path / "out", "--report", target, "--variants", 2)
    assert result.exit_code == 0, result.stderr
    assert "report of 3 songs" in result.stderr
    assert [path.name for path in target.parent.iterdir()] == ["all.HTML"]
    open_page(page, target.as_uri())
    assert page.locator("[data-song]").all_inner_texts() == [
        str(songs / "one.mp3"), str(songs / "sub" / "one.mp3"), "two.mp3"
    ]  # fmt: skip
    made = commands_of(page.content())
    assert "--variant 2" in made[1]
    again = invoke(songs, "-o", tmp_path / "other", "--report", target)
    assert again.exit_code == ExitCode.OUTPUT_EXISTS
    assert not (tmp_path / "other").exists()
    assert invoke(songs, "-o", tmp_path / "other", "--report", tmp_path, "-n").exit_code == 0


def test_another_encode_of_the_same_music_goes_on_where_it_was(page, encode, music, tmp_path):
    songs = []
    for kbps in (32, 64):
        mp3 = encode("lame", np.tile(music, 2), 44100, "-b", str(kbps)).rename(tmp_path / f"{kbps}.mp3")
        request = ReportRequest(mp3, [mp3], start=0.5, duration=3.0, labels={})
        songs.append(Song("Plucked", request, f"{kbps} kbit/s", "By nobody; CC0."))
    songs.append(Song("Other", songs[0].request))
    target = tmp_path / "page.html"
    target.write_text(build_gallery(Gallery("Listen", songs, "Read this.")).html)
    open_page(page, target.as_uri())
    assert page.locator("#songs li").count() == 2
    assert page.get_by_text("By nobody; CC0.").first.is_visible()
    assert page.locator("main > ul > li").all_inner_texts() == ["By nobody; CC0."]
    page.click("#play")
    page.keyboard.press("2")
    wait_for(lambda: page.evaluate("player.position > 0.5"))
    switch(page, "Plucked, 64 kbit/s")
    assert page.evaluate("player.playing && player.position > 0.5 && player.active === 1")
    switch(page, "Other")
    assert page.evaluate("!player.playing && player.position === 0")
    # Equal audio stands in the page once: the restoration is the MP3 itself, and the third song the first.
    data = json.loads(re.search(r'id="data">(.*?)</script>', target.read_text(), re.DOTALL)[1])
    used = [audio for song in data["songs"] for audio in song["excerpts"][0]["audio"]]
    assert (len(used), len(set(used))) == (6, 2)
    assert target.read_text().count('<script type="text/plain"') == 2


def test_opus_without_chance():
    """The same bytes again, and the same music at the same place."""
    with open_audio(ROOT / "tests" / "data" / "francium-32k.mp3") as source:
        samples = np.concatenate(list(source.blocks()), axis=1)[:, : 3 * 48000]
    first = opus(Track(samples, 48000))
    assert first == opus(Track(samples, 48000))
    assert 90_000 < len(first) * 8 / 3 < 150_000
    decoded, rate = soundfile.read(io.BytesIO(first), dtype="float32")
    assert (decoded.shape, rate) == ((3 * 48000, 2), 48000)
    error = decoded.T[:, 1000:] - samples[:, 1000:]
    assert np.sum(error**2) < 0.05 * np.sum(samples[:, 1000:] ** 2)


def test_the_listening_page_of_the_project(tmp_path, music, page):
    """The program that makes it, with one short song and one rhythm in place of the corpus and the hits."""
    listen = tmp_path / "listen"
    listen.mkdir()
    shutil.copy(ROOT / ".github" / "listen" / "make.py", listen)
    soundfile.write(tmp_path / "song.wav", np.tile(music, 5).T, 44100)
    (listen / "songs.toml").write_text(
        '[[songs]]\ntitle = "Plucked"\npath = "song.wav"\nstart = 1.0\ncredit = "By X."\n'
        '[[songs]]\ntitle = "Drums"\nstart = 5.0\nbeats_per_minute = 120\ncredit = "By Y."\n'
        '[[songs.parts]]\ngain = 0.5\nsteps = "x.o."\nhits = ["hit.wav", "hit.wav"]\n'
    )
    soundfile.write(tmp_path / "hit.wav", music[0, :24000] * np.exp(-np.arange(24000) / 2000), 48000)
    command = [sys.executable, str(listen / "make.py"), str(tmp_path), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    open_page(page, (listen / "index.html").as_uri())
    buttons = page.locator("[data-song]").all_inner_texts()
    assert buttons == 2 * ["16 kbit/s mono", "32 kbit/s", "64 kbit/s", "96 kbit/s", "128 kbit/s"]
    assert page.inner_text("#clock") == "0:00.0 / 0:03.6"
    assert page.locator(".track").all_inner_texts() == ["1 MP3", "2 Restoration 1", "3 Restoration 2", "4 Original"]
    switch(page, "Plucked, 128 kbit/s")
    assert page.locator(".track").count() == 4
    assert page.get_by_text("By X.").first.is_visible()
    switch(page, "Drums, 64 kbit/s")
    assert page.locator(".track").all_inner_texts() == ["1 MP3", "2 Restoration 1", "3 Restoration 2", "4 Original"]
    assert str(tmp_path) not in page.content()
