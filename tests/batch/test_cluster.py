"""A real Dask cluster on this machine: a scheduler, two workers of which one is killed, and files on S3."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from support import invoke

from mp3restore import ExitCode
from mp3restore.batch.events import Progressed, Skipped, Started
from mp3restore.batch.urls import is_url, url_path
from mp3restore.cli.bars import Bars

TIMEOUT_S = 180


@pytest.fixture
def bucket(monkeypatch):
    """A server that speaks S3, with a bucket; what is started from here on uses it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    values = {"ENDPOINT_URL": f"http://{host}:{port}", "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}
    values |= {"DEFAULT_REGION": "us-east-1"}
    for name, value in values.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    yield "s3://music"
    server.stop()


@pytest.fixture
def cluster(tmp_path):
    """Address of a scheduler, and its two workers."""
    processes = []

    def start(module, *arguments):
        command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments]
        processes.append(
            subprocess.Popen(
                command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
            )
        )  # fmt: skip
        return processes[-1]

    file = tmp_path / "scheduler.json"
    start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    deadline = time.monotonic() + TIMEOUT_S
    while not file.exists() or not file.read_text().endswith("}"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    address = json.loads(file.read_text())["address"]
    options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", str(TIMEOUT_S))
    workers = [start("dask_worker", address, *options) for _ in range(2)]
    yield address, workers
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()


def run(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "mp3restore", *map(str, arguments), "--json"], stdout=subprocess.PIPE, text=True
    )


def test_same_bytes_though_a_worker_is_lost(cluster, songs, second, tmp_path):
    address, workers = cluster
    for k in range(5):
        shutil.copy(second, songs / f"more{k}.mp3")
    (songs / "bad.mp3").write_bytes(b"words")
    process = run(songs, "-o", tmp_path / "there", "--cluster", address)
    for line in process.stdout:
        if json.loads(line)["event"] == "done":
            break
    workers[0].send_signal(signal.SIGKILL)
    stdout, _ = process.communicate(timeout=TIMEOUT_S)
    summary = json.loads(stdout.splitlines()[-1])
    assert stdout.count('"event": "start"') <= 9
    assert (summary["done"], summary["failed"], process.returncode) == (8, 1, ExitCode.FAILED)
    assert summary["failures"][0]["source"] == str(songs / "bad.mp3")
    assert invoke(songs, "-o", tmp_path / "here", "-j", 2).exit_code == ExitCode.FAILED
    names = [path.relative_to(tmp_path / "here") for path in (tmp_path / "here").rglob("*.flac")]
    assert len(names) == 8
    for name in names:
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
    assert not list((tmp_path / "there").rglob(".mp3restore-*"))
    again = invoke(songs, "-o", tmp_path / "there", "--cluster", address)
    assert "8 skipped (done already)" in again.stderr


def test_files_on_s3(bucket, cluster, songs, tmp_path):
    import s3fs  # noqa: PLC0415 - it reads the environment

    address, _ = cluster
    storage = s3fs.S3FileSystem()
    storage.mkdir("music")
    storage.put(str(songs), "music/in", recursive=True)
    process = run(f"{bucket}/in", "-o", f"{bucket}/out", "--cluster", address)
    stdout, _ = process.communicate(timeout=TIMEOUT_S)
    events = [json.loads(line) for line in stdout.splitlines()]
    assert process.returncode == 0, stdout
    assert {event["target"] for event in events if event["event"] == "done"} == {
        f"{bucket}/out/{name}.flac" for name in ("one", "sub/one", "sub/two")
    }
    storage.invalidate_cache()
    assert sorted(storage.find("music/out")) == [f"music/out/{name}.flac" for name in ("one", "sub/one", "sub/two")]
    assert invoke(songs / "one.mp3", "-o", tmp_path / "one.flac", "--max-bitrate", 320).exit_code == 0
    assert storage.cat("music/out/one.flac") == (tmp_path / "one.flac").read_bytes()
    again = run(f"{bucket}/in", "-o", f"{bucket}/out", "--cluster", address)
    assert json.loads(again.communicate(timeout=TIMEOUT_S)[0].splitlines()[-1])["skipped"] == 3


def test_urls(tmp_path, songs):
    assert str(url_path("s3://bucket/a") / "b.mp3") == "s3://bucket/a/b.mp3"
    assert str(url_path("file:///a/b").with_suffix(".flac")) == "file:///a/b.flac"
    assert is_url("sftp://host/a")
    assert not is_url("C:/music")
    for arguments, words in {
        (f"file://{songs}", "-o", f"file://{tmp_path}/out"): "URLs need --cluster",
        (str(songs), "-o", f"file://{tmp_path}/out", "--cluster", "tcp://127.0.0.1:1"): "cannot be mixed",
        (f"file://{songs}", "--cluster", "tcp://127.0.0.1:1"): "need a place to write to",
        (str(songs), "-o", str(tmp_path / "out"), "--cluster", "tcp://127.0.0.1:1"): "no Dask scheduler answers",
    }.items():
        result = invoke(*arguments)
        assert result.exit_code == ExitCode.USAGE
        assert words in result.stderr


def test_results_begin_when_they_begin(cluster, songs, second, tmp_path):
    """Two workers of one thread each never have more than two results at hand."""
    address, _ = cluster
    for k in range(5):
        shutil.copy(second, songs / f"more{k}.mp3")
    process = run(songs, "-o", tmp_path / "out", "--cluster", address)
    stdout, _ = process.communicate(timeout=TIMEOUT_S)
    events = [json.loads(line) for line in stdout.splitlines()]
    at_hand, most = set(), 0
    for event in events:
        if event["event"] == "start":
            at_hand.add(event["index"])
        elif event["event"] == "done":
            assert event["index"] in at_hand
            at_hand.remove(event["index"])
        most = max(most, len(at_hand))
    assert sum(event["event"] == "start" for event in events) == events[-1]["done"] == 8
    # The word that one begins may overtake the word that another has ended, but never by eight.
    assert 1 <= most <= 4


def test_one_line_of_progress_for_ten_thousand_files():
    bars = Bars(of_files=False)
    song, total = Path("a.mp3"), 10_000
    for index in range(total // 2):
        bars.take(Started(song, song, index, total))
        bars.take(Progressed(song, index, 1.0, 2.0))
        if index % 2:
            bars.take(Skipped(song, song, index, "exists already"))
    (line,) = bars._total.tasks
    assert (line.description, line.completed, line.total) == ("2500/10000", 2500, total)
