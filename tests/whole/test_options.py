"""Options of the command that one file shows: streams, strength, devices, warnings, logs, configuration."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
import soundfile
from support import invoke

from mp3restore import ExitCode, UsageError, restore_file
from mp3restore.audio.decode import open_audio
from mp3restore.batch.sharing import share_cores
from mp3restore.generator.model import load_model
from mp3restore.options import RunOptions


@pytest.fixture
def song(tmp_path, second):
    return shutil.copy(second, tmp_path / "song.mp3")


def samples(path):
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


def piped(arguments, data=None):
    return subprocess.run(
        [sys.executable, "-m", "mp3restore", *map(str, arguments)], input=data, capture_output=True, check=False
    )


def test_streams(song, tmp_path):
    assert invoke(song, "-o", tmp_path / "a.wav").exit_code == 0
    result = piped(["-", "-o", "-"], song.read_bytes())
    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith(b"stdin -> stdout.wav: ")
    assert result.stdout == (tmp_path / "a.wav").read_bytes()
    raw = piped([song, "-o", "-", "--raw", "--bit-depth", "16", "-q"])
    assert raw.stderr == b""
    frames = np.frombuffer(raw.stdout, "<i2").reshape(-1, 2) / 32768
    assert len(frames) == len(samples(tmp_path / "a.wav"))
    assert np.max(np.abs(frames - samples(tmp_path / "a.wav"))) < 1e-4
    flac = piped([song, "-o", "-", "--format", "flac", "-qq"])
    assert soundfile.info(io.BytesIO(flac.stdout)).format == "FLAC"
    planned = piped(["-", "-o", "-", "--dry-run"], song.read_bytes())
    assert planned.stdout.startswith(b"restore: stdin -> stdout.wav, ")
    failed = piped(["-", "-o", "-"], b"words")
    assert (failed.returncode, failed.stdout) == (ExitCode.FAILED, b"")
    good = piped([song, "-o", "-", "--max-bitrate", "16"])
    assert (good.returncode, good.stdout) == (ExitCode.NOTHING_TO_RESTORE, b"")
    assert b"left as it is" in good.stderr


def test_streams_that_make_no_sense(song, tmp_path):
    for arguments, words in {
        ("-o", "-", "--json"): "cannot take both",
        ("--raw",): "--raw works only with stdout",
        ("-o", "-", "--raw", "--format", "flac"): "contradict each other",
        ("x.mp3", "-o", "-"): "only one result",
        ("-o", "-", "--variants", "2"): "stdout takes one variant",
        ("--deterministic", "--variants", "2"): "without chance there is one variant",
    }.items():
        result = invoke(song, *arguments)
        assert result.exit_code == ExitCode.USAGE
        assert words in result.stderr
        assert result.stdout == ""
    assert "has no name" in invoke("-", input="x").stderr
    read, terminal = pty.openpty()
    try:
        shown = subprocess.run(
            [sys.executable, "-m", "mp3restore", str(song), "-o", "-"],
            stdout=terminal, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False,
        )  # fmt: skip
    finally:
        os.close(terminal)
        os.close(read)
    assert shown.returncode == ExitCode.USAGE
    assert "binary data is not written to a terminal" in shown.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["song.mp3"]


def test_strength(song, tmp_path):
    names = {strength: tmp_path / f"{strength}.wav" for strength in ("0", "0.5", "1")}
    for strength, name in names.items():
        assert invoke(song, "-o", name, "--strength", strength, "--bit-depth", "32f").exit_code == 0
    none, half, full = (samples(name) for name in names.values())
    with open_audio(song) as source:
        decoded = np.concatenate(list(source.blocks()), axis=1).T
    np.testing.assert_array_equal(none, decoded)
    np.testing.assert_allclose(half, (none + full) / 2, atol=1e-6)
    assert np.max(np.abs(full - none)) > 1e-3
    with pytest.raises(UsageError, match="strength"):
        RunOptions(strength=1.1)


def test_variety(song, tmp_path):
    names = {value: tmp_path / f"{value}.wav" for value in ("0", "1", "plain", "own")}
    for value in ("0", "1"):
        assert invoke(song, "-o", names[value], "--variety", value, "--bit-depth", "32f").exit_code == 0
    assert invoke(song, "-o", names["plain"], "--bit-depth", "32f").exit_code == 0
    own = str(load_model().config.variety)
    assert invoke(song, "-o", names["own"], "--variety", own, "--bit-depth", "32f").exit_code == 0
    middle, bold, plain, asked = (samples(names[value]) for value in ("0", "1", "plain", "own"))
    np.testing.assert_array_equal(plain, asked)
    assert np.abs(bold - middle).max() > 1e-4
    for variety in (-0.1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="variety"):
            RunOptions(variety=variety)


def test_devices(song, tmp_path):
    assert "real time on cpu" in invoke(song, "--device", "auto").stderr
    for device in ("cuda", "coreml", "dml"):
        result = invoke(song, "-o", tmp_path / "b.flac", "--device", device)
        assert result.exit_code == ExitCode.USAGE
        assert f"the device '{device}' is not available" in result.stderr
    assert not (tmp_path / "b.flac").exists()
    with pytest.raises(UsageError, match="is not available"):
        restore_file(song, tmp_path / "c.flac", device="dml")


@pytest.mark.parametrize(
    ("cores", "jobs", "threads", "shared"),
    [(8, 1, None, (1, 8)), (8, 3, None, (3, 2)), (8, 16, None, (8, 1)), (2, 2, 4, (2, 1)), (8, 2, 3, (2, 3))],
)
def test_jobs_and_threads_share_the_cores(cores, jobs, threads, shared):
    assert share_cores(cores, jobs, threads) == shared


def test_warnings_about_the_input(tmp_path, music):
    soundfile.write(tmp_path / "clean.wav", music.T, 44100)
    soundfile.write(tmp_path / "clipped.wav", np.clip(music.T * 30, -1, 1), 44100)
    clean = invoke(tmp_path / "clean.wav", "-o", tmp_path / "a.flac")
    assert "clean.wav: left as it is, no trace of lossy compression was found" in clean.stderr
    assert "clipped" not in clean.stderr
    clipped = invoke(tmp_path / "clipped.wav", "-o", tmp_path / "b.flac", "--strength", 0.5)
    assert "clipped.wav: the input is clipped in " in clipped.stderr


def test_an_mp3_of_clipped_music_is_told(encode, music, tmp_path):
    for gain, expected in ((30, True), (1, False)):
        path = encode("lame", np.clip(music * gain, -1, 1), 44100, "-b", "96")
        told = invoke(path, "-o", tmp_path / f"{gain}.flac").stderr
        assert ("clipped before it was encoded" in told) is expected


def test_an_mp3_that_was_cut_off_is_told(encode, music, tmp_path):
    whole = encode("lame", music, 44100, "-b", "64")
    assert "cut off" not in invoke(whole, "-o", tmp_path / "whole.flac").stderr
    cut = tmp_path / "cut.mp3"
    cut.write_bytes(whole.read_bytes()[:-8000])  # one second
    told = invoke(cut, "-o", tmp_path / "cut.flac")
    assert told.exit_code == 0
    assert "cut.mp3: the input is cut off: by its tag, 1.0 seconds more belong to it" in told.stderr


def test_decoded_mp3_is_no_lossless_input(song, tmp_path):
    soundfile.write(tmp_path / "decoded.wav", samples(song), 44100, subtype="FLOAT")
    result = invoke(tmp_path / "decoded.wav", "-o", tmp_path / "a.flac", "--json")
    done = next(event for line in result.stdout.splitlines() if (event := json.loads(line))["event"] == "done")
    assert done["strength"] > 0


def test_log_file_has_what_is_not_shown(song, tmp_path):
    assert invoke(song, "-qq", "--log-file", tmp_path / "log").stderr == ""
    log = (tmp_path / "log").read_text()
    assert "song.mp3 -> " in log
    assert "decoded by libsndfile" in log
    failed = invoke(tmp_path / "no.mp3", "-qq", "--log-file", tmp_path / "log")
    assert (failed.exit_code, failed.stderr) == (ExitCode.NO_INPUT, "")
    assert "no such file" in (tmp_path / "log").read_text()
    assert invoke(song, "-f", "--log-file", tmp_path / "no" / "log").exit_code == ExitCode.FAILED


def test_colours(song, monkeypatch):
    """Only the progress bars of a terminal have any, and Rich leaves them out where NO_COLOR is set."""
    seen = {}
    for wish in ("", "1"):
        monkeypatch.setenv("NO_COLOR", wish)
        monkeypatch.setenv("TERM", "xterm-256color")
        read, terminal = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "mp3restore", str(song), "-f"],
            stderr=terminal, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(terminal)
        seen[wish] = b""
        with suppress(OSError), os.fdopen(read, "rb", buffering=0) as screen:  # reading fails when the other end closes
            while data := screen.read(4096):
                seen[wish] += data
        assert process.wait() == 0
    colour = re.compile(rb"\x1b\[[\d;]*3\d[\d;]*m")
    assert colour.search(seen[""])
    assert not colour.search(seen["1"])


def test_configuration(song, tmp_path, monkeypatch):
    user = tmp_path / "user"
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_args, **_options: user)
    monkeypatch.setenv("MP3RESTORE_VARIANTS", "2")
    user.mkdir()
    (user / "config.toml").write_text('seed = 5\nvariants = 3\nbit-depth = "16"\n')
    given = tmp_path / "mine.toml"
    given.write_text('format = "wav"\nseed = 6\n')
    shown = invoke("config", "show", "--config", given).stdout
    for line in (
        f"seed = 6  [{given}]",
        "variants = 2  [environment, MP3RESTORE_VARIANTS]",
        f"bit-depth = 16  [{user / 'config.toml'}]",
        "strength = (none)  [default]",
    ):
        assert line in shown.splitlines()
    assert invoke(song, "--config", given, "--variants", 1).exit_code == 0
    assert soundfile.info(tmp_path / "song.restored.wav").subtype == "PCM_16"
    given.write_text("sead = 1\n")
    wrong = invoke(song, "--config", given)
    assert wrong.exit_code == ExitCode.USAGE
    assert "unknown option 'sead'" in wrong.stderr
    given.write_text("= 1\n")
    assert invoke(song, "--config", given).exit_code == ExitCode.USAGE
    assert invoke(song, "--config", tmp_path / "none.toml").exit_code == ExitCode.USAGE
