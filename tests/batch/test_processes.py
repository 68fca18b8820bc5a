"""Results that are made in processes of their own, some of which die."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from fragile_maker import FragileMaker

from mp3restore.batch.maker import Advanced, Begun, Failure, Left
from mp3restore.batch.processes import run_in_processes, run_locally
from mp3restore.batch.task import Task
from mp3restore.job import Job, OutputFormat


def tasks(*names):
    return [
        (index, Task(Job(Path(f"{name}.mp3"), Path(f"{name}.flac"), OutputFormat()), "restore"))
        for index, name in enumerate(names)
    ]


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A folder for temporary files, in which none is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


def test_a_process_that_dies_costs_its_result_and_is_replaced():
    updates = list(run_in_processes(tasks("SIGKILL", "a", "crash", "b"), FragileMaker(), 2))
    assert sorted(index for index, update in updates if isinstance(update, Begun)) == [0, 1, 2, 3]
    assert sorted(index for index, update in updates if isinstance(update, Advanced)) == [0, 1, 2, 3]
    assert sorted(index for index, update in updates if isinstance(update, Left)) == [1, 3]
    killed, crashed = (update for _, update in sorted(updates, key=lambda each: each[0]) if isinstance(update, Failure))
    assert killed.error == (
        "SIGKILL.mp3: the process that restored it has died: SIGKILL "
        "(-vv shows its last words; if memory ran out, -j 1 needs less)"
    )
    assert killed.trace == "these are the last words\n"
    assert "has died: SIGSEGV" in crashed.error
    # A crash in native code says where it happened.
    assert "Segmentation fault" in crashed.trace
    assert "fragile_maker.py" in crashed.trace


def test_the_last_one_that_dies_needs_no_other():
    (begun, _, failure) = [update for _, update in run_in_processes(tasks("exit"), FragileMaker(), 4)]
    assert begun == Begun()
    assert "has died: exit code 3" in failure.error


def test_who_is_told_to_stop_stops():
    taken = []

    def take(index, update):
        taken.append((index, update))
        return not isinstance(update, Left)

    run_locally(FragileMaker(), 2)(tasks(*"abcdefgh"), take)
    assert [isinstance(update, Left) for _, update in taken].count(True) == 1
    assert isinstance(taken[-1][1], Left)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_processes_end_with_the_one_that_started_them(tmp_path):
    """The parent is killed; its worker, which waits for work, does not stay."""
    code = """
import time
from fragile_maker import FragileMaker
from mp3restore.batch.processes import _Worker
if __name__ == "__main__":
    worker = _Worker(FragileMaker())
    print(worker.process.pid, flush=True)
    time.sleep(60)
"""
    script = tmp_path / "parent.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_crash_in_the_command_itself_says_where_it_happened():
    code = """
import ctypes, os
from mp3restore.cli.terminal import quiet_decoders
def restore():
    os.write(2, b"what a decoder says")
    ctypes.string_at(0)
with quiet_decoders():
    restore()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode < 0
    assert "Segmentation fault" in done.stderr
    assert "in restore" in done.stderr
    assert "what a decoder says" not in done.stderr
