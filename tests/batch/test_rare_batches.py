"""What seldom happens to a batch: results that appear during it, lists that cannot be written, lost clusters."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import invoke

from mp3restore import ExitCode, UsageError
from mp3restore.batch import cluster, existing
from mp3restore.batch.events import Done, Failed, Left, Skipped, Started
from mp3restore.batch.existing import ExistingResults, make_recipe
from mp3restore.batch.maker import Begun, Failure, Outcome, ResultMaker
from mp3restore.batch.maker import Left as LeftUpdate
from mp3restore.batch.manifest import MANIFEST_NAME, read_manifest
from mp3restore.batch.plan import plan_batch
from mp3restore.batch.run import run_batch
from mp3restore.batch.sources import find_sources
from mp3restore.batch.task import ResultOptions, Task
from mp3restore.errors import MissingExtraError
from mp3restore.files import file_hash
from mp3restore.generator.model import load_model
from mp3restore.job import Job, OutputFormat
from mp3restore.options import RunOptions


@pytest.fixture
def results(tmp_path):
    return ResultOptions(model=load_model(), output=tmp_path / "out")


def some_tasks(folder, *names, manifest=None):
    return [
        Task(Job(folder / f"{name}.mp3", folder / f"{name}.flac", OutputFormat()), "restore", manifest=manifest)
        for name in names
    ]


def carried_out(tasks, results, updates, **options):
    """Carry out a plan whose results are these updates; returns the events and the summary."""
    told = []

    def execute(ready, take):
        for (index, _), update in zip(ready, updates, strict=False):
            take(index, Begun())
            if isinstance(update, BaseException):
                raise update
            if not take(index, update):
                return

    with contextlib.suppress(KeyboardInterrupt):
        run_batch(tasks, results, execute, told.append, **options)
    return told[:-1], told[-1]


def test_a_result_that_another_program_writes_meanwhile_is_skipped(results, tmp_path):
    appeared = Failure("exists already", ExitCode.OUTPUT_EXISTS, exists=True)
    events, summary = carried_out(some_tasks(tmp_path, "a", "b"), results, [appeared, appeared])
    assert [event.reason for event in events if isinstance(event, Skipped)] == ["exists already"] * 2
    assert (summary.skipped, summary.failed) == (2, 0)
    # The only file of a run is asked for by name: that it could not be written is an error.
    events, summary = carried_out(some_tasks(tmp_path, "a"), results, [appeared])
    assert (summary.skipped, summary.failed) == (0, 1)


def test_an_interrupted_run_says_how_far_it_came(results, tmp_path):
    events, summary = carried_out(some_tasks(tmp_path, "a", "b", "c"), results, [LeftUpdate("x"), KeyboardInterrupt()])
    assert [type(event) for event in events] == [Started, Left, Started]
    assert (summary.left, summary.not_started) == (1, 2)


def test_a_result_that_cannot_be_listed_is_a_failure_that_says_so(results, tmp_path):
    (tmp_path / MANIFEST_NAME).mkdir()
    made = Outcome(SimpleNamespace(duration=1.0), "1", "2")
    copied = LeftUpdate("good already", tmp_path / "b.mp3", "3")
    events, summary = carried_out(some_tasks(tmp_path, "a", "b", manifest=tmp_path), results, [made, copied])
    failures = [event for event in events if isinstance(event, Failed)]
    assert len(failures) == 2
    for failure in failures:
        assert "Is a directory" in failure.error
        assert failure.error.endswith("(the result is there, but not listed)")
    assert not [event for event in events if isinstance(event, Done | Left)]
    assert (summary.done, summary.left, summary.failed) == (0, 0, 2)


def test_a_folder_in_the_place_of_a_result_fails_alone(songs, tmp_path):
    out = tmp_path / "out"
    (out / "one.flac").mkdir(parents=True)
    result = invoke(songs, "-o", out)
    assert result.exit_code == ExitCode.FAILED
    assert f"{out / 'one.flac'}: is not an ordinary file" in result.stderr
    assert "2 restored, 1 failed" in result.stderr
    assert (out / "one.flac").is_dir()


def test_a_result_that_cannot_be_compared_fails_alone(songs, results, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert invoke(songs, "-o", out).exit_code == 0
    hash_of = existing.file_hash

    def refuse(path):
        if path == out / "one.flac":
            raise OSError(5, "Input/output error", os.fspath(path))
        return hash_of(path)

    monkeypatch.setattr(existing, "file_hash", refuse)
    tasks = plan_batch(find_sources([str(songs)]), results, into_folder=True)
    assert {task.job.target.relative_to(out).as_posix(): (task.action, task.reason) for task in tasks} == {
        "one.flac": ("fail", f"{out / 'one.flac'}: cannot be read: Input/output error"),
        "sub/one.flac": ("skip", "done already"),
        "sub/two.flac": ("skip", "done already"),
    }


def test_a_result_is_one_line(songs, tmp_path):
    lines = invoke(songs, "-o", tmp_path / "out").stderr.splitlines()
    assert [line.partition(" -> ")[0] for line in lines[:-1]] == ["one.mp3", "one.mp3", "two.mp3"]
    assert lines[-1].startswith("3 restored")


def test_entries_of_a_later_version_do_not_count(songs, tmp_path):
    out = tmp_path / "out"
    assert invoke(songs, "-o", out).exit_code == 0
    lines = [json.loads(line) for line in (out / MANIFEST_NAME).read_text().splitlines()]
    (out / MANIFEST_NAME).write_text("\n".join(json.dumps(line | {"schema": 99}) for line in lines))
    assert read_manifest(out) == {}
    assert "3 skipped (exists already)" in invoke(songs, "-o", out).stderr


def test_a_template_needs_a_folder(songs, tmp_path):
    result = invoke(songs / "one.mp3", "-o", tmp_path / "a.flac", "--template", "{stem}")
    assert result.exit_code == ExitCode.USAGE
    assert "a template needs a folder to write to (end the name after -o in a slash)" in result.stderr
    assert invoke(songs / "one.mp3", "-o", f"{tmp_path / 'a.flac'}/", "--template", "{stem}").exit_code == 0
    assert {path.name for path in (tmp_path / "a.flac").iterdir()} == {"one.flac", MANIFEST_NAME}


def test_what_is_left_is_left_once_however_many_variants(encode, music, results, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.move(encode("lame", music, 44100, "-b", "256"), folder / "good.mp3")
    several = ResultOptions(model=results.model, output=results.output, variants=3)
    (task,) = plan_batch(find_sources([str(folder)]), several, into_folder=True)
    assert (task.action, task.job.target) == ("left", tmp_path / "out" / "good.mp3")


def test_a_source_that_is_copied_already_is_not_written_again(second, tmp_path):
    copy = tmp_path / "out" / "second.mp3"
    job = Job(second, tmp_path / "out" / "second.flac", OutputFormat(), overwrite=True)
    task = Task(job, "left", "good already", copy_to=copy)
    maker = ResultMaker("ember", RunOptions(), 1)
    assert maker.make(task) == LeftUpdate("good already", copy, file_hash(second))
    before = copy.stat()
    assert maker.make(task) == LeftUpdate("good already", copy, file_hash(second))
    assert copy.stat().st_ino == before.st_ino
    gone = Task(Job(tmp_path / "gone.mp3", copy, OutputFormat()), "left", "good already", copy_to=copy)
    assert maker.make(gone).error == f"{tmp_path / 'gone.mp3'}: cannot be read: No such file or directory"
    assert copy.read_bytes() == second.read_bytes()


def test_another_model_on_another_machine_is_refused(second, tmp_path):
    maker = ResultMaker("ember", RunOptions(), 1, model_sha256="0" * 64)
    failure = maker.make(Task(Job(second, tmp_path / "a.flac", OutputFormat()), "restore"))
    assert "the model on this machine is another one (install the same version everywhere)" in failure.error
    assert not (tmp_path / "a.flac").exists()


def test_names_that_cannot_be_looked_at(tmp_path, second, monkeypatch):
    (source,) = find_sources([str(tmp_path / ("n" * 300))])
    assert source.problem == "cannot be looked at: File name too long"
    # What may not be looked at is reported when it is opened.
    lstat = Path.lstat

    def refuse(path):
        if path == second:
            raise PermissionError(13, "Permission denied")
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", refuse)
    (source,) = find_sources([str(second)])
    assert source.problem == ""


def test_a_folder_that_may_not_be_read_is_named_and_stops_no_other(songs, monkeypatch):
    scan = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = {source.path.name: source.problem for source in find_sources([str(songs)])}
    assert found == {"one.mp3": "", "sub": "cannot be looked at: Permission denied"}


def test_a_pattern_leaves_out_earlier_results(songs):
    (songs / "one.restored.flac").write_bytes(b"x")
    names = [source.path.name for source in find_sources([str(songs / "*.*")])]
    assert names == ["one.mp3"]


def test_a_recipe_is_that_of_one_variant(results, second, tmp_path):
    job = Job(second, tmp_path / "a.flac", OutputFormat())
    assert make_recipe(results, job, "1") == make_recipe(results, job, "1")
    assert make_recipe(results, job, "1") != make_recipe(results, job, "2")
    assert ExistingResults(results, "skip", []).settle(Task(job, "restore")).action == "skip"


class Client:
    """A client of Dask whose scheduler answers with what the test says, and is lost after a while."""

    id = "x"

    def __init__(self, answers=()):
        self.answers = list(answers)
        self.asked = 0
        self.cancelled = False

    @property
    def status(self):
        self.asked += 1
        return "running" if self.asked == 1 else "closed"

    def subscribe_topic(self, topic, handler):
        """Nothing is ever told."""

    def unsubscribe_topic(self, topic):
        """Nothing was told."""

    def submit(self, *_, **__):
        return Future(self.answers.pop(0) if self.answers else None)

    def cancel(self, _):
        self.cancelled = True


class Future:
    """An answer, an error, or nothing so far."""

    def __init__(self, answer):
        self._answer = answer
        self.status = "error" if isinstance(answer, Exception) else "finished"

    def add_done_callback(self, call):
        if self._answer is not None:
            call(self)

    def result(self):
        return self._answer

    def exception(self):
        return self._answer


def numbered(tasks):
    return list(enumerate(tasks))


def test_a_scheduler_that_is_lost_ends_the_run(monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "_CONNECT_S", 0.01)
    client = Client()
    with pytest.raises(UsageError, match=r"the Dask scheduler was lost \(run the command again to go on\)"):
        cluster._run(client, None, numbered(some_tasks(tmp_path, "a")), lambda *_: True)
    assert client.asked == 2
    assert client.cancelled


def test_a_result_that_the_cluster_gives_up_fails_and_may_end_the_run(tmp_path):
    taken = []

    def take(index, update):
        taken.append((index, update))
        return isinstance(update, Begun)

    client = Client([RuntimeError("three workers died"), LeftUpdate("x")])
    cluster._run(client, None, numbered(some_tasks(tmp_path, "a", "b")), take)
    assert taken == [(0, Begun()), (0, Failure("the cluster gave up: three workers died", ExitCode.FAILED))]
    assert client.cancelled


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"--cluster needs Dask \(pip install 'mp3restore\[cluster\]'\)"):
        cluster.run_on_cluster("tcp://127.0.0.1:1", None)


def test_a_worker_says_that_a_result_begins_before_it_makes_it(monkeypatch, tmp_path):
    import distributed  # noqa: PLC0415 - an extra

    told = []
    worker = SimpleNamespace(log_event=lambda topic, index: told.append((topic, index)))
    monkeypatch.setattr(distributed, "get_worker", lambda: worker)
    (task,) = some_tasks(tmp_path, "missing")
    failure = cluster._make(ResultMaker("ember", RunOptions(), 1), task, 7, "topic")
    assert told == [("topic", 7)]
    assert failure.exit_code == ExitCode.NO_INPUT
