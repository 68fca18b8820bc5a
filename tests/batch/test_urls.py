"""Results at URLs, without a cluster: the plan, and what one worker does."""

from __future__ import annotations

import shutil
from pathlib import Path

import fsspec
import pytest
import soundfile
from support import invoke

from mp3restore import ExitCode, UsageError
from mp3restore.batch.maker import Left, Outcome, ResultMaker
from mp3restore.batch.task import ResultOptions
from mp3restore.batch.urls import is_url, plan_remote, url_path
from mp3restore.errors import InputError, MissingExtraError, NoInputError
from mp3restore.generator.model import load_model
from mp3restore.options import RunOptions


@pytest.fixture
def memory(second):
    """A file system in memory with two MP3s, and a file in which there is nothing to restore."""
    system = fsspec.filesystem("memory")
    for name in ("/in/one.mp3", "/in/sub/two.mp3"):
        system.pipe(name, second.read_bytes())
    yield system
    system.rm("/", recursive=True)


def plan(*names, output="memory://out", **options):
    results = ResultOptions(model=load_model(), output=url_path(output), **options)
    return plan_remote(names, results, recursive=True, include=[], exclude=[])


def make(task):
    return ResultMaker("ember", RunOptions(), 1).make(task)


def test_a_folder_is_mirrored_and_made(memory, second, tmp_path):
    for name in ("memory://in", "memory://in/"):
        tasks = plan(name)
        targets = [str(task.job.target) for task in tasks]
        assert targets == ["memory://out/one.flac", "memory://out/sub/two.flac"]
    outcome = make(tasks[1])
    assert isinstance(outcome, Outcome), outcome
    assert str(outcome.result.target) == "memory://out/sub/two.flac"
    assert invoke(second, "-o", tmp_path / "here.flac").exit_code == 0
    assert memory.cat("/out/sub/two.flac") == (tmp_path / "here.flac").read_bytes()
    assert [task.action for task in plan("memory://in")] == ["restore", "skip"]


def test_what_has_nothing_to_restore_is_copied(memory, tmp_path):
    soundfile.write(tmp_path / "short.wav", [0.1, -0.1] * 4000, 44100)
    memory.pipe("/short/short.wav", (tmp_path / "short.wav").read_bytes())
    (task,) = plan("memory://short")
    left = make(task)
    assert isinstance(left, Left), left
    assert str(left.copy) == "memory://out/short.wav"
    assert memory.cat("/out/short.wav") == (tmp_path / "short.wav").read_bytes()


@pytest.mark.usefixtures("memory")
def test_what_cannot_be_reached_is_one_line():
    for name, error in {"nobody://a/b": UsageError, "gs://bucket/a": MissingExtraError}.items():
        with pytest.raises(error, match="cannot be opened"):
            url_path(name)
    (task,) = plan("memory://in/none.mp3")
    assert make(task).exit_code == ExitCode.NO_INPUT
    assert not is_url("C:/music")


def test_urls_are_never_taken_for_folders_of_this_machine(tmp_path, monkeypatch, second):
    monkeypatch.chdir(tmp_path)
    shutil.copy(second, "a.mp3")
    for arguments in (
        ["a.mp3", "--report", "s3://bucket/pages"],
        ["a.mp3", "--log-file", "s3://bucket/log"],
        ["--files-from", "s3://bucket/list"],
        ["a.mp3", "-o", "s3://bucket/a.flac"],
        ["watch", "s3://bucket/in", "out"],
        ["watch", ".", "s3://bucket/out"],
    ):
        result = invoke(*arguments)
        assert result.exit_code == ExitCode.USAGE, arguments
        assert "URL" in result.stderr
        assert [path.name for path in Path().iterdir()] == ["a.mp3"]


def test_plans_that_make_no_sense_for_urls(memory):
    memory.pipe("/words/cover.jpg", b"x")
    memory.pipe("/words/.hidden.mp3", b"x")
    with pytest.raises(NoInputError, match="no audio files found"):
        plan("memory://words")
    with pytest.raises(UsageError, match="rename is for files"):
        plan("memory://in", on_exists="rename")


def refuse(*_, **__):
    raise OSError("connection lost")


def test_a_place_that_cannot_be_listed_is_named(memory, monkeypatch):
    monkeypatch.setattr(type(memory), "find", refuse)
    with pytest.raises(InputError, match=r"memory://in: cannot be listed: connection lost"):
        plan("memory://in")


def test_a_file_that_cannot_be_fetched_fails_alone(memory, monkeypatch):
    tasks = plan("memory://in")
    monkeypatch.setattr(type(memory), "get_file", refuse)
    failure = make(tasks[0])
    assert failure.error.startswith("memory://in/one.mp3: cannot be fetched: connection lost")
    assert not memory.exists("/out")


def test_a_result_that_cannot_be_stored_leaves_no_part(memory, monkeypatch):
    tasks = plan("memory://in")
    monkeypatch.setattr(type(memory), "mv", refuse)
    failure = make(tasks[0])
    assert failure.error.startswith("memory://out/one.flac: cannot be stored: connection lost")
    assert memory.find("/out") == []
