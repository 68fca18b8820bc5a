"""Odd inputs through the command: each gives a result of the right length, or one plain line."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from support import invoke

from mp3restore import ExitCode, restore_file


def lowpassed(path, edge_hz):
    samples, rate = soundfile.read(path)
    spectrum = np.fft.rfft(samples, axis=0)
    spectrum[np.fft.rfftfreq(len(samples), 1 / rate) > edge_hz] = 0
    return np.fft.irfft(spectrum, len(samples), axis=0), samples


def test_another_seed_changes_what_is_made_up_and_not_what_was_kept(second, tmp_path):
    paths = [tmp_path / f"{seed}.wav" for seed in (1, 2)]
    for seed, path in zip((1, 2), paths, strict=True):
        restore_file(second, path, seed=seed, bit_depth="32f")
    (low_a, a), (low_b, b) = (lowpassed(path, 1500) for path in paths)
    high = np.sum((a - low_a - b + low_b) ** 2)
    assert high > 1e-5 * np.sum(a**2)
    # Below, both lie in the cells of the same quantiser.
    assert np.sum((low_a - low_b) ** 2) < 0.01 * np.sum(low_a**2)


@pytest.mark.parametrize(
    ("channels", "rate", "length"), [(1, 8000, 8000), (2, 48000, 4800), (6, 48000, 4800), (2, 44100, 1)]
)
def test_kinds_of_sound(tmp_path, channels, rate, length):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.05, (length, channels)), rate)
    assert invoke(path, "-o", tmp_path / "b.flac", "--strength", 0.5).exit_code == 0
    info = soundfile.info(tmp_path / "b.flac")
    assert info.channels == channels
    assert info.frames == round(length * info.samplerate / rate)


def test_silence_gives_a_silent_file(encode, tmp_path):
    # Not by the program lame: of float samples that are all zero it makes noise.
    path = encode("ffmpeg", np.zeros((2, 44100), np.float32), 44100, "-b:a", "64k", "-ar", "44100")
    assert invoke(path, "-o", tmp_path / "a.wav").exit_code == 0
    samples = soundfile.read(tmp_path / "a.wav")[0]
    assert samples.shape == (44100, 2)
    assert not samples.any()


def test_truncated_and_after_junk(encode, music, tmp_path):
    data = encode("lame", music[:, :44100], 44100, "-b", "64", "--resample", "44.1").read_bytes()
    for name, content in {"cut.mp3": data[: len(data) * 2 // 3], "junk.mp3": b"no audio " * 50 + data}.items():
        (tmp_path / name).write_bytes(content)
        result = invoke(tmp_path / name, "-o", tmp_path / f"{name}.wav")
        assert result.exit_code in (ExitCode.OK, ExitCode.FAILED)
        assert "unexpected" not in result.stderr
        if result.exit_code == ExitCode.OK:
            assert soundfile.info(tmp_path / f"{name}.wav").frames > 20_000
        assert result.stdout == ""


def test_no_socket_is_opened_by_a_batch(songs, tmp_path, monkeypatch):
    def refuse(*_arguments, **_options):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket", refuse)
    result = invoke(songs, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
