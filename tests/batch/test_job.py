"""What is written where, and what is refused before any work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mp3restore import OutputError, OutputExistsError, UsageError
from mp3restore.job import check_jobs, lay_out


@pytest.fixture
def song(tmp_path) -> Path:
    path = tmp_path / "song.mp3"
    path.write_bytes(b"x")
    return path


def targets(*arguments, **options):
    return [job.target.name for job in check_jobs(lay_out(*arguments, **options))]


def test_names(song, tmp_path):
    assert targets(song) == ["song.restored.flac"]
    assert check_jobs(lay_out(song))[0].target.parent == tmp_path
    assert targets(song, container="wav") == ["song.restored.wav"]
    assert targets(song, tmp_path / "b.WAV") == ["b.WAV"]
    assert targets(song, tmp_path / "b.flac", variants=2) == ["b.v1.flac", "b.v2.flac"]
    assert targets(song, variants=2) == ["song.restored.v1.flac", "song.restored.v2.flac"]
    assert targets(song, tmp_path / "b.out", container="wav") == ["b.out"]
    assert [job.variant for job in check_jobs(lay_out(song, variants=3))] == [1, 2, 3]


@pytest.mark.parametrize("name", ["ü.mp3", "a [b] {c} %d 'e'.mp3", "x" * 200 + ".mp3", "two\nlines.mp3", "-o.mp3"])
def test_odd_names(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"x")
    assert targets(path) == [f"{name[:-4]}.restored.flac"]


def test_format_follows_the_name(song, tmp_path):
    assert check_jobs(lay_out(song, tmp_path / "b.wav"))[0].output_format.container == "wav"
    with pytest.raises(UsageError, match=r"format of 'b\.aac' is unknown"):
        check_jobs(lay_out(song, tmp_path / "b.aac"))
    with pytest.raises(UsageError, match="not that of a flac file"):
        check_jobs(lay_out(song, tmp_path / "b.wav", container="flac"))
    with pytest.raises(UsageError, match="FLAC cannot hold"):
        check_jobs(lay_out(song, bit_depth="32f"))
    with pytest.raises(UsageError, match="variants"):
        check_jobs(lay_out(song, variants=0))


@pytest.mark.parametrize("link", ["symlink", "hardlink", "path"])
def test_input_is_never_the_output(tmp_path, link):
    song = tmp_path / "song.wav"
    song.write_bytes(b"x")
    target = tmp_path / "other.wav"
    if link == "symlink":
        target.symlink_to(song)
    elif link == "hardlink":
        os.link(song, target)
    else:
        target = tmp_path / ".." / tmp_path.name / "song.wav"
    with pytest.raises(UsageError, match="same file"):
        check_jobs(lay_out(song, target, overwrite=True))


def test_existing_files_are_kept_without_force(song, tmp_path):
    target = tmp_path / "b.wav"
    target.write_bytes(b"x")
    with pytest.raises(OutputExistsError, match="exists already"):
        check_jobs(lay_out(song, target))
    assert targets(song, target, overwrite=True) == ["b.wav"]
    (tmp_path / "c.v2.flac").write_bytes(b"x")
    with pytest.raises(OutputExistsError, match=r"c\.v2\.flac"):
        check_jobs(lay_out(song, tmp_path / "c.flac", variants=2))
    dangling = tmp_path / "d.wav"
    dangling.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputExistsError):
        check_jobs(lay_out(song, dangling))


def test_what_is_no_ordinary_file_is_not_replaced(song, tmp_path):
    (tmp_path / "folder.wav").mkdir()
    os.mkfifo(tmp_path / "pipe.wav")
    for target in (tmp_path / "folder.wav", tmp_path / "pipe.wav"):
        with pytest.raises(UsageError, match="not an ordinary file"):
            check_jobs(lay_out(song, target, container="wav", overwrite=True))


def test_folder_of_the_target(song, tmp_path, monkeypatch):
    with pytest.raises(OutputError, match="folder does not exist"):
        check_jobs(lay_out(song, tmp_path / "no" / "b.wav"))
    # The tests may run as root, who may write everywhere.
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(OutputError, match="is not writable"):
        check_jobs(lay_out(song, tmp_path / "b.wav"))
