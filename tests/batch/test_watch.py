"""Watching a folder."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import soundfile
from support import invoke

from mp3restore import NoInputError, UsageError
from mp3restore.batch import watch
from mp3restore.batch.manifest import MANIFEST_NAME
from mp3restore.batch.task import ResultOptions
from mp3restore.batch.watch import watch_folder
from mp3restore.errors import MissingExtraError
from mp3restore.generator.model import load_model


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def stop():
    """What ends a watch, after a minute at the latest."""
    event = threading.Event()
    timer = threading.Timer(60, event.set)
    timer.start()
    yield event
    timer.cancel()


@pytest.fixture
def watched(tmp_path):
    """Watch a folder whose output lies in it; gives the folder and the names that were planned, in order."""
    folder = tmp_path / "in"
    folder.mkdir()
    request = ResultOptions(model=load_model(), output=folder / "out")
    planned, stop = [], threading.Event()

    def restore(tasks):
        for task in tasks:
            planned.append(task.job.source.name)
            task.job.target.parent.mkdir(exist_ok=True, parents=True)
            task.job.target.write_bytes(b"x")

    thread = threading.Thread(
        target=watch_folder, args=(folder, request, restore, planned.append),
        kwargs={"stop": stop, "settle_s": 0.6},
    )  # fmt: skip
    thread.start()
    yield folder, planned
    stop.set()
    thread.join()


def test_only_complete_files_are_taken_and_only_once(watched, second):
    folder, planned = watched
    data = second.read_bytes()
    with (folder / "slow.mp3").open("wb") as file:
        for k in range(8):  # longer than it takes to settle
            file.write(data[k * len(data) // 8 : (k + 1) * len(data) // 8])
            file.flush()
            time.sleep(0.2)
            assert planned == []
    wait_for(lambda: planned)
    shutil.copy(second, folder / "other.mp3")
    wait_for(lambda: len(planned) == 2)
    time.sleep(1.5)
    assert planned == ["slow.mp3", "other.mp3"]  # and not what was written


def test_folders_that_arrive_and_files_that_change(watched, second, tmp_path):
    folder, planned = watched
    album = tmp_path / "album"
    (album / "cd1").mkdir(parents=True)
    for name in ("cd1/a.mp3", "b.mp3"):
        shutil.copy(second, album / name)
    (album / ".hidden.mp3").write_bytes(b"x")
    album.rename(folder / "album")
    wait_for(lambda: sorted(planned) == ["a.mp3", "b.mp3"])
    (folder / "album" / "gone.mp3").write_bytes(b"x")
    (folder / "album" / "gone.mp3").unlink()
    time.sleep(1.2)
    (folder / "album" / "b.mp3").write_bytes(b"another")
    wait_for(lambda: planned.count("b.mp3") == 2)
    assert sorted(planned) == ["a.mp3", "b.mp3", "b.mp3"]


def test_nothing_is_walked_while_nothing_changes(watched, second, monkeypatch):
    folder, planned = watched
    shutil.copy(second, folder / "a.mp3")
    wait_for(lambda: planned == ["a.mp3"])
    time.sleep(1.5)  # the events of what was written have passed
    walks = []
    find = watch.find_sources

    def count(*arguments, **options):
        walks.append(arguments)
        return find(*arguments, **options)

    monkeypatch.setattr(watch, "find_sources", count)
    time.sleep(2.5)
    assert walks == []
    shutil.copy(second, folder / "b.mp3")
    wait_for(lambda: planned == ["a.mp3", "b.mp3"])
    assert walks


def test_a_bad_list_of_results_ends_nothing(tmp_path, second):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (out / MANIFEST_NAME).mkdir(parents=True)
    (out / "a.flac").write_bytes(b"x")
    shutil.copy(second, folder / "a.mp3")
    stop, planned, complaints = threading.Event(), [], []

    def restore(tasks):
        planned.extend(task.job.source.name for task in tasks)

    thread = threading.Thread(
        target=watch_folder, args=(folder, ResultOptions(model=load_model(), output=out), restore, complaints.append),
        kwargs={"stop": stop, "settle_s": 0.3},
    )  # fmt: skip
    thread.start()
    try:
        wait_for(lambda: complaints)
        assert str(complaints[0]).startswith(f"{out / MANIFEST_NAME}: cannot be read: Is a directory")
        assert planned == []
        (out / MANIFEST_NAME).rmdir()
        shutil.copy(second, folder / "b.mp3")
        wait_for(lambda: planned == ["b.mp3"])
    finally:
        stop.set()
        thread.join()


def test_command(tmp_path, second, malformed_asf):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    shutil.move(malformed_asf, folder / "broken.wma")
    (folder / "bad.mp3").write_bytes(b"words")
    process = subprocess.Popen(
        [sys.executable, "-m", "mp3restore", "watch", str(folder), str(out)], stderr=subprocess.PIPE, text=True
    )
    (folder / "sub").mkdir()
    shutil.copy(second, folder / "sub" / "a.mp3")
    limit = threading.Timer(60, process.kill)
    limit.start()
    assert process.stderr is not None
    stderr = ""
    while "a.mp3 -> " not in stderr and (line := process.stderr.readline()):
        stderr += line
    limit.cancel()
    assert (out / "sub" / "a.flac").exists()
    process.send_signal(signal.SIGINT)
    stderr += process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert stderr.count("bad.mp3: no audio found") == 1
    assert "unexpected" not in stderr
    assert "broken" in stderr
    assert stderr.count("a.mp3 -> ") == 1


def test_what_arrives_while_the_watch_begins_is_seen(tmp_path, second, monkeypatch, stop):
    import watchfiles  # noqa: PLC0415 - patched below

    folder = tmp_path / "in"
    folder.mkdir()
    begin = watchfiles.watch

    def late(*arguments, **options):
        shutil.copy(second, folder / "a.mp3")
        yield from begin(*arguments, **options)

    monkeypatch.setattr(watchfiles, "watch", late)
    planned = []

    def restore(tasks):
        planned.extend(task.job.source.name for task in tasks)
        stop.set()

    results = ResultOptions(model=load_model(), output=tmp_path / "out")
    watch_folder(folder, results, restore, planned.append, stop=stop, settle_s=0.3)
    assert planned == ["a.mp3"]


def test_a_source_that_arrives_replaces_no_result_of_another(tmp_path, second, stop):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    shutil.copy(second, folder / "a.mp3")
    assert invoke(folder, "-o", out).exit_code == 0
    (folder / "a.mp3").unlink()
    samples, rate = soundfile.read(second)
    soundfile.write(folder / "a.ogg", samples, rate, format="OGG", subtype="VORBIS")
    planned = []

    def restore(tasks):
        planned.extend(tasks)
        stop.set()

    watch_folder(
        folder, ResultOptions(model=load_model(), output=out), restore, planned.append, stop=stop, settle_s=0.3
    )
    (task,) = planned
    assert task.action == "fail"
    assert f"is the restoration of '{folder / 'a.mp3'}'" in task.reason


def test_without_watchfiles_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mp3restore\[watch\]'"):
        watch_folder(tmp_path, ResultOptions(model=load_model(), output=tmp_path / "out"), print, print)


def test_folders_that_cannot_be_watched(tmp_path):
    model = load_model()
    with pytest.raises(NoInputError):
        watch_folder(tmp_path / "no", ResultOptions(model=model, output=tmp_path), print, print)
    with pytest.raises(UsageError, match="folder of their own"):
        watch_folder(tmp_path, ResultOptions(model=model, output=tmp_path), print, print)
