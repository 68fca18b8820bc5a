"""Where results go: links, devices, permissions, and other programs that want the same name."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import soundfile
from support import invoke, part_files

from mp3restore import ExitCode, OutputExistsError, UsageError
from mp3restore.batch.run import run_batch
from mp3restore.batch.task import ResultOptions, Task
from mp3restore.files import atomic_file, remove_stale_parts
from mp3restore.generator.model import load_model
from mp3restore.job import Job, OutputFormat, check_jobs, lay_out


@pytest.fixture
def song(second) -> Path:
    return second


def test_a_link_stays_and_its_file_is_written(song, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    target, link, dangling = there / "a.flac", tmp_path / "link.flac", tmp_path / "dangling.flac"
    target.write_bytes(b"old")
    link.symlink_to(target)
    dangling.symlink_to(there / "b.flac")
    for each in (link, dangling):
        assert invoke(song, "-o", each).exit_code == ExitCode.OUTPUT_EXISTS
    assert target.read_bytes() == b"old"
    assert not (there / "b.flac").exists()
    for each in (link, dangling):
        assert invoke(song, "-o", each, "-f").exit_code == 0
        assert each.is_symlink()
    for name in ("a.flac", "b.flac"):
        assert soundfile.info(there / name).frames == soundfile.info(song).frames
        assert not (there / name).is_symlink()
    assert not part_files(tmp_path)


def test_a_link_in_a_folder_of_results_stays(songs, tmp_path):
    out, kept = tmp_path / "out", tmp_path / "kept.flac"
    out.mkdir()
    kept.write_bytes(b"old")
    (out / "one.flac").symlink_to(kept)
    assert invoke(songs, "-o", out).exit_code == 0
    assert kept.read_bytes() == b"old"
    assert invoke(songs, "-o", out, "-f").exit_code == 0
    assert (out / "one.flac").is_symlink()
    assert kept.read_bytes() == (out / "sub" / "one.flac").read_bytes()


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/null", "/dev/fd/1", "/proc/self/fd/1", "/dev/nothing.flac"])
def test_devices_and_streams_are_refused(song, tmp_path, name):
    link = tmp_path / "link.flac"
    link.symlink_to(name)
    for target in (Path(name), link):
        with pytest.raises(UsageError, match=r"device or a stream .*-o - writes to stdout"):
            check_jobs(lay_out(song, target, container="flac", overwrite=True))
    assert link.is_symlink()


def test_standard_output_by_its_file_name_is_refused_and_kept(song, tmp_path):
    kept = tmp_path / "stdout.txt"
    kept.write_bytes(b"")
    with kept.open("wb") as stdout:
        command = [sys.executable, "-m", "mp3restore", str(song), "-o", "/dev/stdout", "--format", "wav", "-f"]
        run = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    assert run.returncode == ExitCode.USAGE
    assert "-o - writes to stdout" in run.stderr
    assert kept.read_bytes() == b""
    assert Path("/dev/stdout").is_symlink()
    advised = subprocess.run([*command[:4], "-o", "-"], capture_output=True, check=False)
    assert advised.stdout.startswith(b"RIFF")


def test_shared_memory_holds_ordinary_files(song):
    target = Path("/dev") / "shm" / f"mp3restore-test-{os.getpid()}.flac"
    try:
        assert [job.target for job in check_jobs(lay_out(song, target))] == [target]
    finally:
        target.unlink(missing_ok=True)


def test_permissions_of_an_overwritten_file_stay(tmp_path):
    target = tmp_path / "a.flac"
    for mode in (0o600, 0o664, 0o444):
        target.write_bytes(b"old")
        target.chmod(mode)
        with atomic_file(target, overwrite=True) as file:
            file.write(b"new")
        assert target.stat().st_mode & 0o777 == mode
        assert target.read_bytes() == b"new"
        target.unlink()


@pytest.mark.parametrize("error", [None, errno.EPERM, errno.EOPNOTSUPP])
def test_a_new_name_is_taken_in_one_step(tmp_path, monkeypatch, error):
    """What another program writes between the last look and the renaming is kept; so it is without hard links."""
    target, link = tmp_path / "a.flac", os.link

    def late(source, place):
        Path(place).write_bytes(b"other")
        if error is not None:
            raise OSError(error, os.strerror(error))
        link(source, place)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(OutputExistsError), atomic_file(target, overwrite=False) as file:
        file.write(b"mine")
    assert target.read_bytes() == b"other"
    assert [path.name for path in tmp_path.iterdir()] == ["a.flac"]


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with atomic_file(tmp_path / "a.flac", overwrite=False) as file:
        file.write(b"mine")
    assert (tmp_path / "a.flac").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["a.flac"]


def test_a_new_part_is_never_taken_for_one_that_was_left_behind(tmp_path, monkeypatch):
    """Another run removes every part that it can lock, also one between its creation and its own lock."""
    flock, removed = fcntl.flock, []

    def late(file, operation):
        if not removed:
            removed.append(True)
            monkeypatch.setattr(fcntl, "flock", flock)
            remove_stale_parts(tmp_path)
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with atomic_file(tmp_path / "a.flac", overwrite=False) as file:
        file.write(b"mine")
        assert len(part_files(tmp_path)) == 1
        remove_stale_parts(tmp_path)
        assert len(part_files(tmp_path)) == 1
    assert removed
    assert (tmp_path / "a.flac").read_bytes() == b"mine"


def test_many_runs_that_want_one_folder(tmp_path):
    stop, errors = threading.Event(), []

    def clean():
        while not stop.is_set():
            remove_stale_parts(tmp_path)

    def write(k):
        try:
            for each in range(100):
                with atomic_file(tmp_path / f"{k}-{each}", overwrite=bool(each % 2)) as file:
                    file.write(b"x")
        except Exception as error:
            errors.append(error)

    cleaners = [threading.Thread(target=clean) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(k,)) for k in range(3)]
    for thread in (*cleaners, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in cleaners:
        thread.join()
    assert not errors
    assert len(list(tmp_path.iterdir())) == 300


def test_a_url_is_never_taken_for_a_folder(tmp_path, monkeypatch):
    from upath import UPath  # noqa: PLC0415 - an extra

    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:" / "bucket").mkdir(parents=True)
    left = tmp_path / "s3:" / "bucket" / ".mp3restore-0123456789abcdef.part"
    left.write_bytes(b"of somebody else")
    job = Job(UPath("s3://bucket/a.mp3"), UPath("s3://bucket/a.flac"), OutputFormat())
    told = []
    run_batch([Task(job, "restore")], ResultOptions(model=load_model()), lambda *_: None, told.append)
    assert left.exists()
    assert told[-1].not_started == 1
