"""The command: exit codes, one line per event, and nothing left behind when something goes wrong."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support import invoke

from mp3restore import ExitCode, __version__
from mp3restore.audio.decode import open_audio
from mp3restore.generator.model import DEFAULT_MODEL, models_folder


def leftovers(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def song(tmp_path, sample):
    return shutil.copy(sample, tmp_path / "song.mp3")


def failed(result, code, *words):
    """Check that a run failed with one line on stderr that has all the words in it."""
    stderr = result.stderr
    assert (result.returncode if hasattr(result, "returncode") else result.exit_code) == code, stderr
    assert stderr.count("\n") == 1, stderr
    assert "Traceback" not in stderr
    for word in words:
        assert word in stderr
    assert not result.stdout


def test_default_command_restores(run, song, tmp_path):
    result = run(song, "-o", tmp_path / "out.wav")
    assert result.returncode == 0, result.stderr
    assert not result.stdout
    assert result.stderr.startswith("song.mp3 -> ")
    assert "x real time" in result.stderr
    assert result.stderr.count("\n") == 1
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.format, info.subtype, info.samplerate, info.frames) == (
        "WAV",
        "PCM_16",
        44100,
        soundfile.info(song).frames,
    )
    assert leftovers(tmp_path) == ["out.wav", "song.mp3"]


def test_output_beside_the_input(song, tmp_path):
    assert invoke(song, "-q").stderr == ""
    info = soundfile.info(tmp_path / "song.restored.flac")
    assert (info.format, info.subtype) == ("FLAC", "PCM_16")


def test_variants(song, tmp_path):
    assert invoke(song, "--variants", 3, "--seed", 5).exit_code == 0
    assert invoke(song, "--seed", 5, "-o", tmp_path / "plain.flac").exit_code == 0
    files = [(tmp_path / f"song.restored.v{k}.flac").read_bytes() for k in (1, 2, 3)]
    assert len(set(files)) == 3
    assert files[0] == (tmp_path / "plain.flac").read_bytes()


def test_verbose_tells_details(song, tmp_path):
    result = invoke(song, "-v", "--deterministic", "--bit-depth", 16, "--sample-rate", 48000, "--format", "wav")
    assert result.exit_code == 0
    for words in ("decoded by libsndfile", "at 48000 Hz", f"model {DEFAULT_MODEL}, seed 0, variant 1"):
        assert words in result.stderr
    assert soundfile.info(tmp_path / "song.restored.wav").subtype == "PCM_16"


@pytest.mark.parametrize("name", ["Ünï - [a] {b} 100% 'x'.mp3", "y" * 220 + ".mp3", "line\nbreak.mp3"])
def test_odd_names(run, sample, tmp_path, name):
    shutil.copy(sample, tmp_path / name)
    result = run(tmp_path / name)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("\n") == 1
    assert (tmp_path / f"{name[:-4]}.restored.flac").exists()


def test_existing_output_needs_force(song, tmp_path):
    target = tmp_path / "out.flac"
    target.write_bytes(b"mine")
    failed(invoke(song, "-o", target), ExitCode.OUTPUT_EXISTS, "out.flac", "exists already", "--force")
    assert target.read_bytes() == b"mine"
    assert invoke(song, "-o", target, "-f").exit_code == 0
    assert soundfile.info(target).frames > 0


def test_input_is_not_overwritten(tmp_path):
    song = tmp_path / "song.wav"
    soundfile.write(song, np.zeros(100), 44100)
    os.link(song, tmp_path / "same.wav")
    for target in (song, tmp_path / "same.wav"):
        failed(invoke(song, "-o", target, "--force"), ExitCode.USAGE, "same file")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"these are words\n" * 500, "no audio found"),
        (b"ID3\x04\0\0\0\0\x0f\x76" + bytes(2038), "no audio found"),
    ],
    ids=["empty", "text", "only id3"],
)
def test_bad_files(run, tmp_path, content, words):
    song = tmp_path / "song.mp3"
    song.write_bytes(content)
    failed(run(song), ExitCode.FAILED, "song.mp3", words)
    assert leftovers(tmp_path) == ["song.mp3"]


def test_a_damaged_file_is_restored_around_the_damage(run, tmp_path, encode, music):
    data = encode("lame", np.tile(music, 10), 44100, "-b", "64").read_bytes()
    song = tmp_path / "song.mp3"
    song.write_bytes(data[: len(data) // 2] + bytes(20_000) + data[len(data) // 2 :])
    result = run(song)
    assert result.returncode == ExitCode.OK
    assert "song.mp3: 20.0 kB at byte " in result.stderr
    assert soundfile.info(tmp_path / "song.restored.flac").duration >= 20.0


def test_no_damage_makes_the_decoder_give_up(tmp_path, encode, music, rng):
    data = encode("lame", np.tile(music, 3), 44100, "-b", "128", "-t").read_bytes()
    song = tmp_path / "song.mp3"
    for _ in range(20):
        damaged = bytearray(data)
        place = int(rng.integers(len(data) // 4, len(data) // 2))
        damaged[place : place + 150] = rng.bytes(150)
        song.write_bytes(damaged)
        with open_audio(song) as source:
            assert sum(block.shape[1] for block in source.blocks()) >= 3 * music.shape[1]


def test_a_full_stdout_is_no_fault_of_ours(song):
    for arguments in (("models", "list"), ("inspect", song), ("--version",), ("--help",)):
        with open("/dev/full", "w") as full:  # noqa: PTH123
            result = subprocess.run(
                [sys.executable, "-m", "mp3restore", *map(str, arguments)],
                stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        assert result.returncode == ExitCode.FAILED
        assert result.stderr.startswith("mp3restore: ")
        assert result.stderr.count("\n") == 1
        assert "stdout" in result.stderr
        assert "No space left on device" in result.stderr


def test_other_bad_inputs(tmp_path):
    failed(invoke(tmp_path / "no.mp3"), ExitCode.NO_INPUT, "no.mp3", "no such file")
    failed(invoke(tmp_path), ExitCode.NO_INPUT, "no audio files found")
    nan = np.zeros((44100, 2), np.float32)
    nan[30000] = np.nan
    soundfile.write(tmp_path / "nan.wav", nan, 44100, subtype="FLOAT")
    failed(invoke(tmp_path / "nan.wav"), ExitCode.FAILED, "nan.wav", "not a finite number")
    soundfile.write(tmp_path / "nine.wav", np.zeros((100, 9)), 44100)
    failed(invoke(tmp_path / "nine.wav"), ExitCode.FAILED, "nine.wav", "9 channels")
    failed(invoke(tmp_path / "nine.wav", "-o", tmp_path / "nan.wav" / "a.wav"), ExitCode.FAILED, "is not a folder")
    assert leftovers(tmp_path) == ["nan.wav", "nine.wav"]


def test_permissions(song, tmp_path, monkeypatch):
    # Root may read and write everything, so the system's answer is imitated.
    open_path = Path.open

    def refuse(path, *arguments, **options):
        if path == song:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return open_path(path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda *_: False)
        failed(invoke(song, "-o", tmp_path / "a.wav"), ExitCode.FAILED, tmp_path.name, "is not writable")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refuse)
        failed(invoke(song), ExitCode.FAILED, "song.mp3", "may not be read")


def test_folder_that_takes_no_files(run, song):
    failed(run(song, "-o", "/proc/out.wav"), ExitCode.USAGE, "/proc/out.wav", "is a device or a stream")


@pytest.mark.parametrize("name", ["out.wav", "out.flac"])
def test_full_disk(run, song, tmp_path, name):
    def limit_file_size():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    result = run(song, "-o", tmp_path / name, preexec_fn=limit_file_size)
    failed(result, ExitCode.FAILED, name, "cannot be written: File too large", "free some space")
    assert leftovers(tmp_path) == ["song.mp3"]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--seed", "-1"),
        ("--variants", "0"),
        ("--threads", "0"),
        ("--sample-rate", "7"),
        ("--format", "aac"),
        ("--bit-depth", "8"),
        ("--bit-depth", "32f"),
        ("-q", "-v"),
        ("-o", "out.aac"),
        ("-o", "out.wav", "--format", "flac"),
        ("--no-such-option",),
    ],
    ids=" ".join,
)
def test_usage_errors(song, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    result = invoke(*([song, *arguments] if arguments else ["restore"]))
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr
    assert "Traceback" not in result.stderr
    assert leftovers(tmp_path) == ["song.mp3"]


def copy_of_model(folder):
    return shutil.copytree(models_folder() / DEFAULT_MODEL, folder / "model")


def test_models_that_are_not_intact(song, tmp_path):
    failed(invoke(song, "--model", "nobody"), ExitCode.MODEL, "nobody")
    altered = copy_of_model(tmp_path)
    with (altered / "model.onnx").open("ab") as file:
        file.write(b"x")
    failed(invoke(song, "--model", altered), ExitCode.MODEL, str(altered), "hash")
    assert invoke("models", "verify", altered).exit_code == ExitCode.MODEL
    shutil.rmtree(altered)
    config = copy_of_model(tmp_path) / "config.json"
    values = json.loads(config.read_text())
    for changed, words in (({"schema": 99}, "schema 99"), ({"halo_frames": 1}, "halo of 2 frames")):
        config.write_text(json.dumps(values | changed))
        failed(invoke(song, "--model", altered), ExitCode.MODEL, words)
    config.write_text("{")
    failed(invoke(song, "--model", altered), ExitCode.MODEL, "config.json")
    assert leftovers(tmp_path) == ["model", "song.mp3"]


def test_model_commands():
    assert DEFAULT_MODEL in invoke("models", "list").stdout.split()
    assert invoke("models", "show").stdout.startswith("#")
    assert f"{DEFAULT_MODEL}: intact" in invoke("models", "verify").stdout


def test_bench():
    result = invoke("bench", "--seconds", 5)
    assert result.exit_code == 0, result.stderr
    for stage in ("load", "decode", "stft", "generator", "inverse", "encode", "whole run", "peak memory"):
        assert stage in result.stdout


def test_version_and_help(run):
    assert run("--version").stdout == f"mp3restore {__version__}\n"
    shown = run("--help")
    assert shown.returncode == 0
    for word in ("INPUT", "--output", "--seed", "--variants", "models", "bench"):
        assert word in shown.stdout
    assert run("-h").stdout == shown.stdout


def test_unexpected_errors_are_one_line_too(song, monkeypatch):
    monkeypatch.setattr("mp3restore.batch.maker.run_job", lambda *_args, **_kwargs: 1 / 0)
    failed(invoke(song), ExitCode.FAILED, "unexpected ZeroDivisionError")


def test_ctrl_c(tmp_path, encode, music):
    long = tmp_path / "long.mp3"
    long.write_bytes(encode("lame", np.tile(music, 10), 44100, "-b", "64", "-t").read_bytes() * 200)
    folder = tmp_path / "out"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "mp3restore", str(long), "-o", str(folder / "out.flac")],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 180  # a busy machine may take long to get there
    while not any(path.stat().st_size > 100_000 for path in folder.iterdir()):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    time.sleep(0.03)
    process.send_signal(signal.SIGINT)  # of who is impatient
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == ExitCode.INTERRUPTED
    assert (stdout, stderr) == ("", "mp3restore: interrupted\n")
    assert leftovers(folder) == []
