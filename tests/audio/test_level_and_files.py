"""Peaks above full scale, files that are there whole or not at all, and stages that run at the same time."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest
import soundfile

from mp3restore import OutputError, OutputExistsError
from mp3restore.audio.level import levelled_writer
from mp3restore.files import atomic_file
from mp3restore.job import OutputFormat
from mp3restore.pipeline.stages import read_ahead, write_behind


def names(folder):
    return [path.name for path in folder.iterdir()]


def write(path, samples, output_format):
    with (
        path.open("w+b") as file,
        levelled_writer(
            file, output_format, sample_rate=44100, channels=samples.shape[0], spool_folder=path.parent
        ) as writer,
    ):
        for block in np.array_split(samples, 7, axis=1):
            writer.write(block)
        return writer.finish()


@pytest.mark.parametrize(("container", "depth"), [("wav", "16"), ("wav", "24"), ("flac", "16"), ("flac", "24")])
def test_one_gain_for_the_whole_file(tmp_path, container, depth):
    samples = np.random.default_rng(0).normal(0, 0.2, (2, 200_000)).astype(np.float32)
    samples[1, 150_000] = -1.6
    level = write(tmp_path / "a", samples, OutputFormat(container, depth))
    assert level.peak == pytest.approx(1.6)
    assert level.gain_db == pytest.approx(-4.08, abs=0.01)
    read = soundfile.read(tmp_path / "a", dtype="float32")[0].T
    assert read.shape == samples.shape
    assert 0.9999 < np.abs(read).max() < 1
    assert np.abs(read - samples * 10 ** (level.gain_db / 20)).max() < 2.0**-14
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("depth", ["16", "24"])
def test_peaks_at_full_scale_need_no_gain(tmp_path, depth):
    samples = np.array([[1.0, -1.0, 0.5] * 100], np.float32)
    assert write(tmp_path / "a", samples, OutputFormat("flac", depth)).gain_db == 0


def test_blocks_without_samples_change_nothing(tmp_path):
    samples = np.array([[0.25, -0.5]], np.float32)  # in seven blocks: five are empty
    assert write(tmp_path / "a", samples, OutputFormat("wav", "24")).peak == 0.5
    np.testing.assert_array_equal(soundfile.read(tmp_path / "a", dtype="float32")[0], samples[0])


def test_float_keeps_its_peaks(tmp_path):
    samples = np.array([[3.0, -1.0, 0.5] * 100], np.float32)
    level = write(tmp_path / "a", samples, OutputFormat("wav", "32f"))
    assert (level.peak, level.gain_db) == (3.0, 0.0)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "a", dtype="float32")[0], samples[0])


def test_file_takes_its_name_only_when_complete(tmp_path):
    target = tmp_path / "a.wav"
    with atomic_file(target, overwrite=False) as file:
        file.write(b"whole")
        assert not target.exists()
        assert len(names(tmp_path)) == 1
    assert target.read_bytes() == b"whole"
    assert names(tmp_path) == ["a.wav"]
    assert target.stat().st_mode & 0o777 == 0o666 & ~os.umask(os.umask(0o22)) or os.name == "nt"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_leaves_nothing(tmp_path, error):
    target = tmp_path / "a.wav"
    target.write_bytes(b"old")
    with pytest.raises(error), atomic_file(target, overwrite=True) as file:  # noqa: PT012
        file.write(b"half")
        raise error
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a.wav"]


def test_file_that_came_into_being_meanwhile_is_kept(tmp_path):
    target = tmp_path / "a.wav"
    with pytest.raises(OutputExistsError), atomic_file(target, overwrite=False):
        target.write_bytes(b"other")
    assert target.read_bytes() == b"other"
    assert names(tmp_path) == ["a.wav"]


def test_folder_that_cannot_be_written_to(tmp_path):
    with pytest.raises(OutputError, match="No such file"), atomic_file(tmp_path / "no" / "a.wav", overwrite=False):
        pass


def test_reading_ahead_keeps_order_and_depth():
    made = []

    def items():
        for k in range(100):
            made.append(k)
            yield k

    with read_ahead(items(), 3) as ahead:
        assert next(ahead) == 0
        time.sleep(0.1)
        assert len(made) <= 1 + 3 + 1  # taken, waiting, and in the hand of the thread
        assert list(ahead) == list(range(1, 100))


def test_reading_ahead_passes_errors_on_and_ends_its_thread():
    def items():
        yield 1
        raise ValueError("broken")

    before = threading.active_count()
    with read_ahead(items(), 3) as ahead:
        assert next(ahead) == 1
        with pytest.raises(ValueError, match="broken"):
            next(ahead)
    with read_ahead(iter(int, 1), 3):
        pass  # endless items that nobody takes
    assert threading.active_count() <= before


def test_writing_behind_writes_all_in_order():
    written = []

    def write_slowly(item):
        time.sleep(0.001)
        written.append(item)

    with write_behind(write_slowly, 4) as put:
        for k in range(100):
            put(k)
    assert written == list(range(100))


def test_writing_behind_passes_errors_on():
    def fail(item):
        raise OSError(f"cannot write {item}")

    with pytest.raises(OSError, match="cannot write 0"), write_behind(fail, 2) as put:  # noqa: PT012
        for k in range(100):
            put(k)
    with pytest.raises(OSError, match="cannot write 0"), write_behind(fail, 2) as put:
        put(0)


def test_writing_behind_drops_what_waits_when_the_block_fails():
    written = []
    gate = threading.Event()

    def write_late(item):
        gate.wait(5)
        written.append(item)

    with pytest.raises(KeyboardInterrupt), write_behind(write_late, 4) as put:  # noqa: PT012
        for k in range(4):
            put(k)
        threading.Timer(0.1, gate.set).start()
        raise KeyboardInterrupt
    assert len(written) <= 1
