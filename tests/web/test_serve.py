"""The local page: used in a real browser, and attacked."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest
import soundfile
from typer.testing import CliRunner

from mp3restore.cli.app import app
from mp3restore.errors import ExitCode
from mp3restore.web.app import shown_name
from mp3restore.web.guard import own_names
from mp3restore.web.jobs import BusyError, Jobs

LIMIT = 1_000_000


class Server:
    """A running ``mp3restore serve``."""

    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mp3restore", "serve", "--port", "0", "--max-upload", "1", "--threads", "1"],
            stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(folder), "PYTHONWARNINGS": "error"},
        )  # fmt: skip
        self.url = self.process.stderr.readline().split()[0]
        self.port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", self.url)[1])

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def files(self):
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def wait(self, identifier):
        deadline = time.monotonic() + 120
        while True:
            job = json.loads(self.ask("GET", f"/jobs/{identifier}")[1])
            if job["state"] not in ("waiting", "running"):
                return job
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.process.send_signal(signal.SIGINT)
    _, rest = server.process.communicate(timeout=60)
    assert rest == ""
    assert server.process.returncode == 0
    assert list(server.folder.iterdir()) == []


def test_drop_listen_draw_download(page, server, sample, tmp_path, check_accessible):
    page.goto(server.url)
    check_accessible()
    page.set_input_files("#file", sample)
    page.wait_for_selector("#result:not([hidden])", timeout=120_000)
    assert page.inner_text("#name") == "francium-32k.mp3"
    report = page.frame_locator("#report")
    report.locator("body[data-drawn]").wait_for()
    assert report.locator(".track").count() == 2
    report.locator("#play").click()
    frame = page.frames[1]
    deadline = time.monotonic() + 30
    while not frame.evaluate("player.position > 0.3"):
        assert time.monotonic() < deadline
    check_accessible()
    page.click("#draw")
    page.wait_for_selector("a[href$='/variants/2']", timeout=120_000)
    report = page.frame_locator("#report")
    report.locator(".track").nth(2).wait_for()
    files = []
    for link in page.locator("#downloads a").all():
        with page.expect_download() as info:
            link.click()
        path = tmp_path / info.value.suggested_filename
        info.value.save_as(path)
        files.append(path)
    assert [path.name for path in files] == ["francium-32k.v1.flac", "francium-32k.v2.flac"]
    assert files[0].read_bytes() != files[1].read_bytes()
    info = soundfile.info(files[0])
    assert (info.format, info.frames) == ("FLAC", soundfile.info(sample).frames)
    source = page.frames[1].content()
    assert "mp3restore francium-32k.mp3 --model ember --variants 2 --seed 0" in source
    assert str(server.folder) not in source


def test_page_says_why_a_file_is_refused(page, server, tmp_path, complaints):
    page.goto(server.url)
    large = tmp_path / "large.mp3"
    large.write_bytes(b"x" * (LIMIT + 1))
    page.set_input_files("#file", large)
    page.get_by_role("alert").wait_for()
    assert "larger than 1 MB" in page.inner_text("#error")
    text = tmp_path / "text.mp3"
    text.write_text("This is no music. " * 100)
    page.set_input_files("#file", text)
    page.get_by_text("This file cannot be restored").wait_for()
    assert page.is_hidden("#work")
    # Chromium itself writes refusals to the console.
    (complaint,) = complaints
    assert "415" in complaint
    complaints.clear()


def test_uploads_that_are_refused_leave_nothing(server):
    before = server.files()
    for body in (b"", b"This is no music. " * 1000, b"\xff\xfb\x90\x00" * 10):
        answer, content = server.ask("POST", "/jobs?name=a.mp3", body)
        assert answer.status == 415
        assert str(server.folder).encode() not in content
    assert server.files() == before


def test_large_uploads_are_refused_before_and_while_they_come(server):
    before = server.files()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("POST", "/jobs?name=a.mp3")
    connection.putheader("Content-Length", str(5_000_000_000))
    connection.endheaders()
    assert connection.getresponse().status == 413  # without a byte of the body
    connection.close()
    # Without a length: refused as soon as too much has come.
    answer, _ = server.ask("POST", "/jobs?name=a.mp3", iter([b"x" * 65536] * 17))
    assert answer.status == 413
    assert server.files() == before


@pytest.mark.parametrize(
    "name", ["../../../../tmp/evil.mp3", "..\\..\\evil.mp3", "/etc/passwd", "a/../../b.mp3", "..", "\0"]
)
def test_names_are_never_paths(server, sample, name):
    before = set(server.files())
    answer, content = server.ask("POST", f"/jobs?name={quote(name)}", sample.read_bytes())
    job = json.loads(content)
    assert answer.status == 201
    assert not set(job["name"]) & set("/\\\0")
    server.ask("POST", f"/jobs/{job['id']}/cancel")
    server.wait(job["id"])
    (new,) = {path.name for path in set(server.files()) - before}
    assert new == "original"


@pytest.mark.parametrize(
    "path", ["/jobs/..%2f..%2fetc%2fpasswd", "/jobs/../../etc/passwd", "/jobs/%2e%2e/report", "/docs", "/openapi.json"]
)
def test_nothing_else_can_be_reached(server, path):
    assert server.ask("GET", path)[0].status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "192.168.1.1"},
    ],
)
def test_other_sites_are_refused(server, sample, headers):
    before = server.files()
    answer, _ = server.ask("POST", "/jobs?name=a.mp3", sample.read_bytes(), **headers)
    assert answer.status == 403
    assert server.files() == before
    if "Host" in headers:
        assert server.ask("GET", "/", **headers)[0].status == 403


def test_own_page_and_links_to_it_are_let_in(server):
    origin = f"http://localhost:{server.port}"
    answer, _ = server.ask("POST", "/jobs?name=a.mp3", b"no music", Origin=origin, Host=f"localhost:{server.port}")
    assert answer.status == 415
    answer, _ = server.ask("GET", "/", Sec_Fetch_Site="cross-site")
    assert answer.status == 200
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert own_names("0.0.0.0") >= {"localhost"}  # noqa: S104


def test_unknown_jobs_and_variants(server, sample):
    assert server.ask("GET", "/jobs/unknown")[0].status == 404
    job = json.loads(server.ask("POST", "/jobs?name=a.mp3", sample.read_bytes())[1])
    server.ask("POST", f"/jobs/{job['id']}/cancel")
    assert server.wait(job["id"])["state"] == "cancelled"
    for path in ("report", "variants/1", "variants/0", "variants/-1"):
        assert server.ask("GET", f"/jobs/{job['id']}/{path}")[0].status == 404


def test_port_that_is_taken(server):
    result = CliRunner().invoke(app, ["serve", "--port", str(server.port)])
    assert result.exit_code == ExitCode.USAGE
    assert "choose another" in result.stderr


def test_without_the_extra(monkeypatch):
    monkeypatch.setattr("mp3restore.cli.services.find_spec", lambda _: None)
    result = CliRunner().invoke(app, ["serve"])
    assert result.exit_code == ExitCode.FAILED
    assert "pip install 'mp3restore[web]'" in result.stderr


def test_names_that_are_shown():
    assert shown_name("C:\\Music\\song.mp3") == "song.mp3"
    assert shown_name("../..") == "music"
    assert shown_name("") == "music"
    assert len(shown_name("x" * 1000)) == 120


class Workshop:
    """Jobs whose work the test lets go on."""

    def __init__(self, folder: Path):
        self.go, self.begun, self.calls = threading.Event(), threading.Event(), []
        self.jobs = Jobs(folder, self.restore)

    def restore(self, source, target, variant, progress):
        self.calls.append((source, variant))
        self.begun.set()
        while not self.go.wait(0.01):
            progress(1.0, 4.0)
        if source.read_bytes() == b"bad":
            raise ZeroDivisionError("division")
        target.write_bytes(b"done")

    def add(self, content=b"music"):
        job = self.jobs.new("a")
        job.original.write_bytes(content)
        self.jobs.add(job)
        return job

    def finish(self, job):
        deadline = time.monotonic() + 10
        while job.state in ("waiting", "running"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return job.state


@pytest.fixture
def workshop(tmp_path):
    workshop = Workshop(tmp_path)
    yield workshop
    workshop.jobs.close()


def test_one_job_at_a_time_and_few_waiting(workshop):
    jobs = [workshop.add()]
    assert workshop.begun.wait(10)
    jobs += [workshop.add() for _ in range(4)]
    with pytest.raises(BusyError):
        workshop.add()
    assert [job.state for job in jobs] == ["running"] + ["waiting"] * 4
    assert len(workshop.calls) == 1
    workshop.go.set()
    assert {workshop.finish(job) for job in jobs} == {"done"}
    assert len(workshop.calls) == 5


def test_cancelling(workshop):
    running = workshop.add()
    assert workshop.begun.wait(10)
    waiting = workshop.add()
    for job in (waiting, running):
        workshop.jobs.cancel(job)
        assert workshop.finish(job) == "cancelled"
    assert len(workshop.calls) == 1
    workshop.go.set()
    workshop.jobs.add(running)  # may be tried again
    assert workshop.finish(running) == "done"
    workshop.go.clear()
    workshop.jobs.add(running)
    workshop.jobs.cancel(running)
    assert (workshop.finish(running), running.variants) == ("done", 1)  # what there was stays


def test_unexpected_failure_is_told_and_the_next_job_runs(workshop):
    workshop.go.set()
    bad = workshop.add(b"bad")
    assert workshop.finish(bad) == "failed"
    assert "ZeroDivisionError" in bad.error
    assert workshop.finish(workshop.add()) == "done"


def test_old_jobs_make_room(workshop):
    workshop.go.set()
    jobs = []
    for _ in range(10):
        jobs.append(workshop.add())
        workshop.finish(jobs[-1])
    there = [job.folder.exists() for job in jobs]
    assert there == [False] * 2 + [True] * 8
    assert [workshop.jobs.get(job.identifier) is not None for job in jobs] == there
