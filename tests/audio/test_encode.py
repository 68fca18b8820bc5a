"""Encoding: exact samples, dither that depends on nothing but the position, and files of any size."""

from __future__ import annotations

import errno
import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mp3restore import UsageError
from mp3restore.audio import wav
from mp3restore.audio.encode import open_writer, quantise
from mp3restore.job import OutputFormat

FORMATS = [("wav", "16"), ("wav", "24"), ("wav", "32f"), ("flac", "16"), ("flac", "24")]


def noise(channels: int, samples: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(-0.99, 0.99, (channels, samples)).astype(np.float32)


def write(path, blocks, output_format, rate=44100):
    with path.open("w+b") as file:
        writer = open_writer(file, output_format, sample_rate=rate, channels=blocks[0].shape[0])
        for block in blocks:
            writer.write(block)
        writer.close()


@pytest.mark.parametrize(("container", "depth"), FORMATS)
@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_what_is_written_is_read_back(tmp_path, container, depth, channels):
    samples = noise(channels, 9_999)
    path = tmp_path / "a"
    write(path, [samples[:, :5000], samples[:, 5000:]], OutputFormat(container, depth), 48000)
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.frames, info.format) == (48000, channels, 9_999, container.upper())
    assert info.subtype == {"16": "PCM_16", "24": "PCM_24", "32f": "FLOAT"}[depth]
    read = soundfile.read(path, dtype="float32", always_2d=True)[0].T
    step = {"16": 1.5 * 2.0**-15, "24": 0.5 * 2.0**-23, "32f": 0}[depth]
    assert np.abs(read - samples).max() <= step


@pytest.mark.parametrize(("container", "depth"), FORMATS)
def test_blocks_do_not_change_a_byte(tmp_path, container, depth):
    samples = noise(2, 10_000)
    write(tmp_path / "whole", [samples], OutputFormat(container, depth))
    write(tmp_path / "parts", np.split(samples, [1, 2, 4097, 9_999], axis=1), OutputFormat(container, depth))
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "parts").read_bytes()


@given(start=st.integers(0, 10_000), length=st.integers(1, 300), bits=st.sampled_from([16, 24]))
@settings(deadline=None, max_examples=50)
def test_quantising_a_part_gives_the_part(start, length, bits):
    samples = noise(1, 10_300)
    whole = quantise(samples, bits, 0)
    np.testing.assert_array_equal(
        quantise(samples[:, start : start + length], bits, start), whole[:, start : start + length]
    )


def test_dither_is_triangular_and_makes_the_error_independent_of_the_signal():
    level = np.full((1, 200_000), 0.25 * 2.0**-15, np.float32)  # a quarter of a step: lost without dither
    error = quantise(level, 16, 0)[0] - 0.25
    assert abs(error.mean()) < 0.005
    assert error.var() == pytest.approx(0.25, abs=0.01)  # 2/12 of the dither and 1/12 of the rounding
    assert set(np.unique(quantise(level, 16, 0))) <= {-1, 0, 1}


def test_silence_stays_silent_and_identical_channels_identical():
    samples = np.zeros((2, 1000), np.float32)
    assert not quantise(samples, 16, 7).any()
    samples[:, 100:200] = 0.1
    first, second = quantise(samples, 16, 7)
    np.testing.assert_array_equal(first, second)


def test_quantising_saturates_instead_of_wrapping():
    samples = np.array([[2.0, 1.0, -1.0, -2.0]], np.float32)
    assert quantise(samples, 24, 0).tolist() == [[2**23 - 1, 2**23 - 1, -(2**23), -(2**23)]]


def test_wav_beyond_its_limit_becomes_rf64(tmp_path, monkeypatch):
    monkeypatch.setattr(wav, "_LARGEST_RIFF", 20_000)
    samples = noise(2, 10_000)
    path = tmp_path / "a.wav"
    write(path, [samples], OutputFormat("wav", "24"))
    head = path.read_bytes()[:48]
    assert (head[:4], head[8:16]) == (b"RF64", b"WAVEds64")
    assert struct.unpack("<QQQ", head[20:44]) == (path.stat().st_size - 8, 60_000, 10_000)
    assert soundfile.info(path).format == "RF64"
    assert np.abs(soundfile.read(path, dtype="float32")[0].T - samples).max() <= 2.0**-24
    with path.open("rb") as file:
        start, size = wav.find_samples(file)
        assert (start + size, size) == (path.stat().st_size, 60_000)


@pytest.mark.parametrize("depth", ["16", "24", "32f"])
def test_the_samples_of_a_wav_are_found_behind_other_chunks(tmp_path, depth):
    path = tmp_path / "a.wav"
    write(path, [noise(2, 100)], OutputFormat("wav", depth))
    data = path.read_bytes()
    width = {"16": 2, "24": 3, "32f": 4}[depth]
    for extra in (b"", b"odd " + struct.pack("<I", 3) + b"abc\0"):
        moved = data[:12] + extra + data[12:]
        start, size = wav.find_samples(io.BytesIO(moved))
        assert size == 100 * 2 * width
        assert moved[start - 8 : start - 4] == b"data"


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_chunks_of_a_wav_end_at_even_positions(tmp_path, frames):
    path = tmp_path / "a.wav"
    write(path, [noise(1, frames)], OutputFormat("wav", "24"))
    data = path.read_bytes()
    assert len(data) % 2 == 0
    assert struct.unpack("<I", data[4:8]) == (len(data) - 8,)
    assert soundfile.info(path).frames == frames


class FullDisk(io.BytesIO):
    def write(self, data):
        if self.tell() + len(data) > 20_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize(("container", "depth"), FORMATS)
def test_full_disk_is_told_as_it_is(container, depth):
    # libsndfile would only say "System error" and print the cause to the terminal.
    writer = open_writer(FullDisk(), OutputFormat(container, depth), sample_rate=44100, channels=2)
    with pytest.raises(OSError, match="No space left") as caught:  # noqa: PT012 - buffers decide which call fails
        for _ in range(10):
            writer.write(noise(2, 10_000))
        writer.close()
    assert caught.value.errno == errno.ENOSPC
    writer.discard()


@pytest.mark.parametrize("failing", ["write", "seek"])
def test_a_disk_that_fills_up_at_the_very_end_is_told(failing):
    class Disk(io.BytesIO):
        """Works until it is told to fail."""

    file = Disk()
    writer = open_writer(file, OutputFormat("flac", "16"), sample_rate=44100, channels=2)
    writer.write(noise(2, 1000))

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    setattr(file, failing, fail)
    with pytest.raises(OSError, match="No space left"):
        writer.close()


def test_what_flac_cannot_hold_is_a_line():
    with pytest.raises(UsageError, match=r"FLAC cannot hold 2 channels at 700000 Hz \(use WAV\)"):
        open_writer(io.BytesIO(), OutputFormat("flac", "16"), sample_rate=700_000, channels=2)


@pytest.mark.parametrize(("container", "depth"), [("mp3", "16"), ("wav", "8"), ("flac", "32f")])
def test_formats_that_do_not_exist(container, depth):
    with pytest.raises(UsageError):
        OutputFormat(container, depth)
