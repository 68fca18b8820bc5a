"""Saved radio streams: titles of songs lie between the bytes of the music, wherever a frame is."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest
import soundfile

from mp3restore import restore_file
from mp3restore.audio.decode import open_audio
from mp3restore.audio.repair import find_file_flaws, repair_file
from mp3restore.inspection.inspect import inspect_file

pytestmark = pytest.mark.slow


def broadcast(data: bytes, interval: int, titles: dict[int, str]) -> bytes:
    """Put metadata after every `interval` bytes, as a server does; `titles` by the number of the place."""
    sent = bytearray()
    for number, start in enumerate(range(0, len(data), interval)):
        sent += data[start : start + interval]
        if start + interval < len(data):
            text = f"StreamTitle='{titles[number]}';StreamUrl='';".encode() if number in titles else b""
            units = -(-len(text) // 16)
            sent += bytes([units]) + text.ljust(16 * units, b"\0")
    return bytes(sent)


@pytest.fixture(scope="module")
def songs(tmp_path_factory, music):
    """Untagged encodes of 20 seconds of music, as servers send them."""
    folder = tmp_path_factory.mktemp("radio")
    soundfile.write(folder / "long.wav", np.tile(music, 10).T, 44100, subtype="FLOAT")
    found = {}
    for name, options in (("cbr", ["-b", "128"]), ("vbr", ["-V", "4"]), ("low", ["-b", "64", "--resample", "22.05"])):
        out = folder / f"{name}.mp3"
        subprocess.run(["lame", "--quiet", "-t", *options, folder / "long.wav", out], check=True)
        found[name] = out.read_bytes()
    return found


def decoded(path):
    with open_audio(path) as source:
        return np.concatenate(list(source.blocks()), axis=1), source.damage, source.stream_metadata


@pytest.mark.parametrize("name", ["cbr", "vbr", "low"])
@pytest.mark.parametrize("interval", [8192, 16000])
@pytest.mark.parametrize("titles", [{0: "One song"}, {0: "Ärger", 3: "It's late", 5: "It's late", 7: "c"}, {4: "Late"}])
def test_a_saved_stream_is_the_music_that_was_sent(songs, tmp_path, name, interval, titles):
    plain, saved = tmp_path / "plain.mp3", tmp_path / "saved.mp3"
    plain.write_bytes(songs[name])
    saved.write_bytes(broadcast(songs[name], interval, titles))
    samples, damage, found = decoded(saved)
    np.testing.assert_array_equal(samples, decoded(plain)[0])
    assert damage == ()
    assert (found.interval, found.places) == (interval, (len(songs[name]) - 1) // interval)
    assert found.bytes == len(saved.read_bytes()) - len(songs[name])
    assert found.titles == tuple(dict.fromkeys(titles.values()))


@pytest.mark.parametrize("interval", [8192, 16000])
@pytest.mark.parametrize("start", [1, 417, 5000, 8191, 8192, 20000, 50000])
def test_a_stream_is_saved_from_anywhere(songs, tmp_path, interval, start):
    titles = {8: "a", 9: "b"}
    sent = broadcast(songs["cbr"], interval, titles)
    path, rest = tmp_path / "saved.mp3", tmp_path / "rest.mp3"
    path.write_bytes(sent[start:])
    samples, damage, found = decoded(path)
    assert (found.interval, found.titles) == (interval, ("a", "b"))
    kept = len(sent) - start - found.bytes
    rest.write_bytes(songs["cbr"][-kept:])
    # Where the file begins with a place, its zero byte belongs to no frame anyway.
    np.testing.assert_array_equal(samples, decoded(rest)[0])
    assert damage == ()


def test_damage_keeps_its_place_in_the_file(songs, tmp_path):
    sent = bytearray(broadcast(songs["cbr"], 8192, {0: "a", 9: "b", 20: "c"}))
    sent[150000:153000] = bytes(3000)
    path = tmp_path / "saved.mp3"
    path.write_bytes(sent)
    samples, damage, found = decoded(path)
    assert found.titles == ("a", "b", "c")
    assert len(damage) == 1
    assert damage[0].position == pytest.approx(150000, abs=900)
    path.write_bytes(songs["cbr"])
    clean = decoded(path)[0]
    assert samples.shape == clean.shape
    np.testing.assert_array_equal(samples[:, 600000:], clean[:, 600000:])


def test_missing_bytes_shift_the_places_and_lose_nothing_else(songs, tmp_path):
    sent = broadcast(songs["cbr"], 8192, {0: "a", 9: "b", 30: "c"})
    path = tmp_path / "saved.mp3"
    # The connection was lost and taken up again: the interval begins anew, with a title.
    path.write_bytes(sent[:150000] + sent[200000:])
    _, damage, found = decoded(path)
    assert found.titles == ("a", "b", "c")
    # From the loss to the title, as far back as the places agree, all is found.
    assert len(damage) == 1
    assert found.places == (150000 + len(sent) - 200000) // 8193


@pytest.mark.parametrize("missing", [30, 31, 32])
def test_places_found_in_the_text_of_others_are_none(songs, tmp_path, missing):
    sent = broadcast(songs["cbr"], 8192, {0: "a", 9: "b", 20: "c"})
    title = sent.index(b"StreamTitle='b'") - 1
    # Counted from the places before, the next one lies in the zeros that fill up the text.
    assert sent[title + missing] == 0
    path = tmp_path / "saved.mp3"
    path.write_bytes(sent[: title - 4000] + sent[title - 4000 + missing :])
    samples, damage, found = decoded(path)
    assert found.titles == ("a", "b", "c")
    assert found.places == (len(songs["cbr"]) - 1) // 8192
    assert len(damage) == 1
    path.write_bytes(songs["cbr"])
    assert samples.shape == decoded(path)[0].shape


def test_frames_that_only_seem_to_go_on_over_the_places(tmp_path, music):
    plain, saved = tmp_path / "plain.mp2", tmp_path / "saved.mp2"
    soundfile.write(tmp_path / "a.wav", np.tile(music[:1], 3).T, 44100)
    command = ["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", "-c:a", "mp2", "-b:a", "96k", "-ar", "24000", plain]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    # Two frames and a byte are as long as one of 44.1 kHz, and what looks like its header stands in every other frame.
    saved.write_bytes(broadcast(plain.read_bytes(), 1024, {0: "a"}))
    samples, damage, found = decoded(saved)
    assert (found.interval, damage) == (1024, ())
    np.testing.assert_array_equal(samples, decoded(plain)[0])


def test_a_song_that_only_speaks_of_titles_is_left_alone(songs, tmp_path):
    path = tmp_path / "song.mp3"
    text = b"StreamTitle='a song of tests';".ljust(32, b"\0")
    path.write_bytes(songs["cbr"][:100000] + bytes([2]) + text + songs["cbr"][100000:])
    samples, damage, found = decoded(path)
    assert found is None
    assert samples.shape[1] >= 19.9 * 44100
    assert len(damage) == 1


def test_inspection_and_repair_tell_it(songs, tmp_path, run):
    path, target = tmp_path / "saved.mp3", tmp_path / "out.mp3"
    path.write_bytes(broadcast(songs["cbr"], 16000, {0: "One song"}))
    report = inspect_file(path).to_json()
    assert report["stream_metadata"]["interval"] == 16000
    assert list(report["stream_metadata"]["titles"]) == ["One song"]
    assert report["bitstream"]["held_share"] > 0.99
    assert "One song" in run("inspect", path).stdout
    assert find_file_flaws(path).any
    repair_file(path, target)
    np.testing.assert_array_equal(decoded(target)[0], decoded(path)[0])
    assert decoded(target)[2] is None
    assert target.read_bytes() == songs["cbr"]
    line = json.loads(run("inspect", "--json", path).stdout)
    assert line["stream_metadata"]["places"] > 10


def test_a_stream_without_a_single_whole_frame_is_played(music, tmp_path):
    wav, plain, saved = tmp_path / "a.wav", tmp_path / "plain.mp2", tmp_path / "saved.mp2"
    soundfile.write(wav, music.T, 44100)
    command = ["ffmpeg", "-v", "error", "-i", str(wav), "-c:a", "mp2", "-b:a", "384k", str(plain)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    titles = {0: "a", 5: "b", 9: "a", 20: "c"}
    saved.write_bytes(broadcast(plain.read_bytes(), 1024, titles))  # frames have 1253 or 1254 bytes
    samples, damage, found = decoded(saved)
    np.testing.assert_array_equal(samples, decoded(plain)[0])
    assert (damage, found.interval, found.titles) == ((), 1024, ("a", "b", "a", "c"))


def test_a_run_says_that_titles_were_left_out_however_they_are_written(songs, tmp_path, identity):
    sent = broadcast(songs["low"], 8192, {0: "Caf*", 4: "b"})
    path = tmp_path / "saved.mp3"
    path.write_bytes(sent.replace(b"Caf*", "Café".encode("latin-1")))
    assert decoded(path)[2].titles == ("Café", "b")
    made = restore_file(path, tmp_path / "x.flac", model=identity)
    assert any("saved radio stream" in warning and "8192 bytes" in warning for warning in made.warnings)
