"""The local page: used in a real browser, and attacked."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import socket
import threading
import time
from html import unescape
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import soundfile
import uvicorn
from pages import LIMIT, Server, run_in_shell
from typer.testing import CliRunner

from mp3restore.cli.app import app
from mp3restore.errors import ExitCode
from mp3restore.generator import session
from mp3restore.generator.model import load_model
from mp3restore.generator.restorer import Restorer
from mp3restore.web import app as web_app
from mp3restore.web import folder as web_folder
from mp3restore.web.app import create_app, shown_name
from mp3restore.web.guard import own_names
from mp3restore.web.jobs import BusyError, Jobs
from mp3restore.web.limits import LONGEST_SECONDS, TooLongError, check_upload
from mp3restore.web.server import restore_with


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
    made = [unescape(each) for each in re.findall("<pre>(mp3restore .*)</pre>", source)]
    assert made[1].startswith(
        "mp3restore francium-32k.mp3 -o francium-32k.v2.flac --force --model ember --seed 0 --var"
    )
    assert made[2] == (
        "mp3restore report francium-32k.mp3 francium-32k.v1.flac francium-32k.v2.flac -o francium-32k.html --force"
    )
    assert str(server.folder) not in source
    assert "variant-1" not in source
    # They run where the downloads are.
    shutil.copy(sample, tmp_path)
    before = [soundfile.read(path)[0] for path in files]
    for command in made[1:]:
        run_in_shell(command, tmp_path)
    for path, samples in zip(files, before, strict=True):
        np.testing.assert_array_equal(soundfile.read(path)[0], samples)
    assert (tmp_path / "francium-32k.html").exists()


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
        {"Host": "["},
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

    def restore(self, job, variant, progress):
        self.calls.append((job, variant))
        self.begun.set()
        while not self.go.wait(0.01):
            progress(1.0, 4.0)
        if job.original.read_bytes() == b"bad":
            raise ZeroDivisionError("division")
        if job.original.read_bytes() == b"long":
            progress(7201.0, 10.0)
        job.restored(variant).write_bytes(b"done")
        return ["odd", f"variant {variant}"]

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


def test_what_a_run_says_is_kept_once(workshop):
    workshop.go.set()
    job = workshop.add()
    workshop.finish(job)
    workshop.jobs.add(job)
    workshop.finish(job)
    assert job.remarks == ["odd", "variant 1", "variant 2"]


def test_music_that_is_longer_than_its_head_says_is_stopped(workshop):
    workshop.go.set()
    job = workshop.jobs.new("a")
    job.original.write_bytes(b"long")
    job.longest_s = 7200.0
    workshop.jobs.add(job)
    assert workshop.finish(job) == "failed"
    assert job.error == "is longer than 120 minutes, the most that this page takes (the command line has no limit)"


def test_uploads_in_progress_count(workshop):
    """Each may become as large as the limit: fifty at once would fill the disk."""
    jobs = [workshop.jobs.new("a") for _ in range(4)]
    with pytest.raises(BusyError):
        workshop.jobs.new("a")
    workshop.jobs.discard(jobs[0])
    assert not jobs[0].folder.exists()
    assert workshop.jobs.new("a").folder.exists()
    with pytest.raises(BusyError):
        workshop.jobs.new("a")


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


class LocalApp:
    """The application in this process, with work of the test's."""

    def __init__(self, jobs, notes):
        self.port = 0
        config = uvicorn.Config(
            create_app(jobs, limit_bytes=LIMIT, names=own_names("127.0.0.1"), note=notes.append),
            log_level="warning", access_log=False,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})
        self._thread.start()

    def begin_upload(self, body=b"x" * 1000, **parameters):
        """Begin an upload that does not end by itself."""
        words = "&".join(f"{name}={value}" for name, value in {"name": "a.mp3", **parameters}.items())
        connection = socket.create_connection(("127.0.0.1", self.port))
        head = f"POST /jobs?{words} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {LIMIT}\r\n\r\n"
        connection.sendall(head.encode() + body)
        return connection

    def close(self):
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()


@pytest.fixture
def notes():
    return []


@pytest.fixture
def local(workshop, notes):
    local = LocalApp(workshop.jobs, notes)
    yield local
    local.close()


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def answer_to(connection):
    connection.settimeout(30)
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.read().decode()


def test_uploads_that_are_broken_off_are_one_line_and_leave_nothing(local, notes, tmp_path, caplog):
    for count in range(1, 4):
        connection = local.begin_upload()
        wait_for(lambda: len(list(tmp_path.glob("*/original"))) == 1)
        connection.close()
        wait_for(lambda count=count: len(notes) == count)
        wait_for(lambda: not list(tmp_path.iterdir()))
    assert notes == ["a.mp3: the upload was broken off"] * 3
    assert caplog.records == []


def test_many_uploads_at_once_are_refused_while_they_arrive(local, tmp_path):
    connections = [local.begin_upload() for _ in range(4)]
    wait_for(lambda: len(list(tmp_path.glob("*/original"))) == 4)
    with local.begin_upload() as refused:
        assert answer_to(refused)[0] == 503
    assert len(list(tmp_path.iterdir())) == 4
    connections.pop().close()
    wait_for(lambda: len(list(tmp_path.iterdir())) == 3)
    connections.append(local.begin_upload())
    wait_for(lambda: len(list(tmp_path.glob("*/original"))) == 4)
    for connection in connections:
        connection.close()


def test_an_upload_that_stands_still_loses_its_place(local, tmp_path, monkeypatch):
    monkeypatch.setattr(web_app, "_LONGEST_PAUSE_S", 0.2)
    with local.begin_upload() as connection:
        assert answer_to(connection)[0] == 408
    wait_for(lambda: not list(tmp_path.iterdir()))


@pytest.mark.parametrize(
    "option", ["strength=2", "strength=x", "strength=nan", "seed=-1", "seed=1.5", "container=mp3", "container=../x"]
)
def test_options_that_make_no_sense_are_refused_in_a_sentence(local, option):
    name, value = option.split("=")
    with local.begin_upload(**{name: value}) as connection:
        status, answer = answer_to(connection)
    assert status == 422
    assert re.fullmatch(r'{"detail":"the [a-z ,0-9^]+ must be [^"{]*\."}|{"detail":"the strength .* number\."}', answer)


@pytest.mark.parametrize("head", ["Cookie: " + "x" * 200_000, "X: y\r\n" * 50_000, "x" * 200_000])
def test_long_heads_of_requests_are_refused(local, head):
    with socket.create_connection(("127.0.0.1", local.port)) as connection:
        try:
            connection.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}".encode())
            assert 400 <= answer_to(connection)[0] < 500
        except (ConnectionError, http.client.BadStatusLine):
            pass  # it does not even read all of it
    with socket.create_connection(("127.0.0.1", local.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert answer_to(connection)[0] == 200


@pytest.mark.parametrize(
    ("channels", "rate", "seconds", "fits"),
    [(1, 8000, LONGEST_SECONDS, True), (1, 8000, LONGEST_SECONDS + 1, False), (8, 8000, LONGEST_SECONDS / 3, False)],
)
def test_hours_in_a_small_file_are_refused(tmp_path, channels, rate, seconds, fits):
    """Silence: hours of it take kilobytes, and would keep everybody else waiting."""
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", rate, channels, "PCM_16", format="FLAC") as file:
        rest = int(seconds * rate)
        while rest:
            block = min(rest, 1 << 20)
            file.write(np.zeros((block, channels), np.int16))
            rest -= block
    if fits:
        assert check_upload(path) == LONGEST_SECONDS
    else:
        with pytest.raises(TooLongError, match="minutes"):
            check_upload(path)


def test_one_model_for_all_jobs(tmp_path, second, monkeypatch):
    """A session for each job and variant would load the network again and again."""
    made = []
    monkeypatch.setattr(
        session.ort,
        "InferenceSession",
        lambda *a, _made=session.ort.InferenceSession, **k: made.append(1) or _made(*a, **k),
    )
    jobs = Jobs(tmp_path, restore_with(Restorer(load_model(), threads=1)))
    try:
        for container in ("flac", "wav"):
            job = jobs.new("a.mp3", container=container)
            shutil.copy(second, job.original)
            for count in (1, 2):
                jobs.add(job)
                wait_for(lambda job=job: job.state not in ("waiting", "running"))
                assert (job.state, job.variants) == ("done", count)
            assert soundfile.info(job.restored(2)).format == container.upper()
    finally:
        jobs.close()
    assert made == [1]


def test_files_of_a_killed_server_go_at_the_next_start(tmp_path, sample):
    """And those of one that is still running, or of somebody else's, stay."""
    killed = Server(tmp_path)
    job = json.loads(killed.ask("POST", "/jobs?name=a.mp3", sample.read_bytes())[1])
    assert job["name"] == "a.mp3"
    killed.process.kill()
    killed.process.communicate(timeout=60)
    (left,) = tmp_path.iterdir()
    assert len(killed.files()) >= 2
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "lock").write_bytes(b"")
    (tmp_path / "mp3restore-serve-link").symlink_to(outside)
    (tmp_path / "mp3restore-serve-no-lock").mkdir()
    servers = [Server(tmp_path), Server(tmp_path)]
    assert not left.exists()
    assert sum(path.name == "lock" for path in killed.files()) == 2 + 1
    assert (outside / "lock").exists()
    for server in servers:
        server.process.send_signal(signal.SIGTERM)
        server.process.communicate(timeout=60)
    assert {path.name for path in tmp_path.iterdir()} == {
        "outside",
        "mp3restore-serve-link",
        "mp3restore-serve-no-lock",
    }


def test_folders_of_other_users_are_left(tmp_path, monkeypatch):
    folder = tmp_path / "mp3restore-serve-x"
    folder.mkdir()
    (folder / "lock").write_bytes(b"")
    monkeypatch.setattr(web_folder.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(web_folder.os, "getuid", lambda: 12345)
    web_folder.remove_left_folders()
    assert folder.exists()
    monkeypatch.undo()
    monkeypatch.setattr(web_folder.tempfile, "gettempdir", lambda: str(tmp_path))
    web_folder.remove_left_folders()
    assert not folder.exists()
