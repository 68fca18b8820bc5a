"""The local page: used in a real browser, and attacked."""

from __future__ import annotations

import http.client
import io
import json
import re
import shutil
import signal
import socket
import threading
import time
import tracemalloc
import zipfile
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import soundfile
import uvicorn
from pages import LIMIT, Server, commands_of, run_in_shell
from support import DATA
from typer.testing import CliRunner

from mp3restore.cli.app import app
from mp3restore.errors import ExitCode
from mp3restore.generator import session
from mp3restore.generator.model import load_model
from mp3restore.generator.restorer import Restorer
from mp3restore.job import OutputFormat
from mp3restore.web import folder as web_folder
from mp3restore.web import upload as web_upload
from mp3restore.web.app import create_app, shown_name
from mp3restore.web.archive import stream_zip
from mp3restore.web.guard import is_loopback, own_names
from mp3restore.web.jobs import BusyError, Jobs
from mp3restore.web.limits import LONGEST_SECONDS, TooLongError, check_upload
from mp3restore.web.server import restore_with

TOKEN = "sesame-0123456789abcdef"  # noqa: S105 - opens nothing


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
    page.wait_for_selector("body[data-drawn]", timeout=120_000)
    assert page.inner_text("#name") == "francium-32k.mp3"
    assert page.locator(".track").all_inner_texts() == ["1 MP3", "2 Restoration"]
    page.click("#play")
    wait_for(lambda: page.evaluate("player.position > 0.3"))
    check_accessible()
    page.get_by_role("button", name="Another version").click()
    page.wait_for_selector("a[href$='/variants/2']", timeout=120_000)
    page.locator(".track").nth(2).wait_for()
    files = []
    for link in page.locator(".acts a").all():
        with page.expect_download() as info:
            link.click()
        path = tmp_path / info.value.suggested_filename
        info.value.save_as(path)
        files.append(path)
    assert [path.name for path in files] == ["francium-32k.v1.flac", "francium-32k.v2.flac"]
    assert files[0].read_bytes() != files[1].read_bytes()
    info = soundfile.info(files[0])
    assert (info.format, info.frames) == ("FLAC", soundfile.info(sample).frames)
    page.wait_for_selector("body[data-drawn]")
    with page.expect_download() as info:
        page.click("#page")
    saved = tmp_path / info.value.suggested_filename
    info.value.save_as(saved)
    assert saved.name == "francium-32k.html"
    source = saved.read_text()
    made = commands_of(source)
    assert commands_of(page.inner_html("#song")) == made[:2]
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
    assert saved.read_text() == source


def test_page_says_why_a_file_is_refused(page, server, tmp_path, complaints):
    page.goto(server.url)
    large = tmp_path / "large.mp3"
    large.write_bytes(b"x" * (LIMIT + 1))
    page.set_input_files("#file", large)
    page.get_by_text("larger than 1 MB").wait_for()
    assert page.get_by_role("button", name="Retry").count() == 0
    text = tmp_path / "text.mp3"
    text.write_text("This is no music. " * 100)
    page.set_input_files("#file", text)
    page.get_by_text("This file cannot be restored").wait_for()
    assert page.locator(".job .state").all_inner_texts() == ["refused", "refused"]
    assert page.locator(".job", has_text="text.mp3").get_by_role("button").all_inner_texts() == ["Retry", "Remove"]
    page.click("#clear")
    wait_for(lambda: page.is_hidden("#queue"))
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
    before = {path.relative_to(server.folder).parts[:2] for path in server.files()}
    answer, content = server.ask("POST", f"/jobs?name={quote(name)}", sample.read_bytes())
    job = json.loads(content)
    assert answer.status == 201
    assert not set(job["name"]) & set("/\\\0")
    server.ask("POST", f"/jobs/{job['id']}/cancel")
    server.wait(job["id"])

    def new():
        return [path.name for path in server.files() if path.relative_to(server.folder).parts[:2] not in before]

    wait_for(lambda: new() == ["original"])  # until the work has noticed that it was cancelled


@pytest.mark.parametrize(
    "path", ["/jobs/..%2f..%2fetc%2fpasswd", "/jobs/../../etc/passwd", "/jobs/%2e%2e/page", "/docs", "/openapi.json"]
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
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert own_names("0.0.0.0") >= {"localhost"}  # noqa: S104


def test_unknown_jobs_and_variants(server, sample):
    assert server.ask("GET", "/jobs/unknown")[0].status == 404
    job = json.loads(server.ask("POST", "/jobs?name=a.mp3", sample.read_bytes())[1])
    server.ask("POST", f"/jobs/{job['id']}/cancel")
    assert server.wait(job["id"])["state"] == "cancelled"
    for path in ("comparison", "comparison/audio-1", "page", "variants/1", "variants/0", "variants/-1"):
        assert server.ask("GET", f"/jobs/{job['id']}/{path}")[0].status == 404
    # Only what was left as it is can be restored anyway.
    assert server.ask("POST", f"/jobs/{job['id']}/variants?strength=0.5")[0].status == 409


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
        self.jobs = Jobs(folder, self.restore, waiting_bytes=4 * LIMIT, kept_bytes=1000)

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

    def add(self, content=b"music", owner=""):
        job = self.jobs.new("a.mp3", LIMIT, owner=owner)
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


def test_with_a_strength_a_job_begins_anew_however_soon_the_work_begins(workshop):
    workshop.go.set()
    job = workshop.add()
    workshop.finish(job)
    for strength in (0.1, 0.2, 0.5):
        workshop.jobs.add(job, strength)
        workshop.finish(job)
        assert (job.options.strength, job.variants, job.remarks) == (strength, 1, ["odd", "variant 1"])
    assert [variant for _, variant in workshop.calls] == [1, 1, 1, 1]


def test_music_that_is_longer_than_its_head_says_is_stopped(workshop):
    workshop.go.set()
    job = workshop.jobs.new("a", LIMIT)
    job.original.write_bytes(b"long")
    job.longest_s = 7200.0
    workshop.jobs.add(job)
    assert workshop.finish(job) == "failed"
    assert job.error == "is longer than 120 minutes, the most that this page takes (the command line has no limit)"


def test_uploads_in_progress_count(workshop):
    """Each may become as large as the limit: fifty at once would fill the disk."""
    jobs = [workshop.jobs.new("a", LIMIT) for _ in range(4)]
    with pytest.raises(BusyError):
        workshop.jobs.new("a", 1)
    workshop.jobs.discard(jobs[0])
    assert not jobs[0].folder.exists()
    small = [workshop.jobs.new("a", LIMIT // 100) for _ in range(100)]  # as many as are as large together
    assert small[0].folder.exists()
    with pytest.raises(BusyError):
        workshop.jobs.new("a", 1)


def test_one_job_at_a_time_and_little_waiting(workshop):
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


def test_old_jobs_make_room_and_say_so(workshop):
    """Each takes 204 bytes, and there is room for 1000; the list keeps their names."""
    workshop.go.set()
    jobs = []
    for _ in range(7):
        jobs.append(workshop.add(b"x" * 200))
        assert workshop.finish(jobs[-1]) == "done"
    assert [job.folder.exists() for job in jobs] == [False] * 3 + [True] * 4
    assert [job.state for job in jobs] == ["removed"] * 3 + ["done"] * 4
    assert jobs[0].error == "its files made room for newer ones"
    with pytest.raises(BusyError):
        workshop.jobs.add(jobs[0])
    large = workshop.add(b"x" * 2000)  # the last one stays, however large it is
    assert workshop.finish(large) == "done"
    wait_for(lambda: [job.state for job in jobs] == ["removed"] * 7)
    assert large.original.exists()


def test_cancelled_and_queued_again_at_once(workshop):
    """The work on the first turn has not noticed yet; the second turn does all of it."""
    job = workshop.add()
    assert workshop.begun.wait(10)
    workshop.jobs.cancel(job)
    assert job.state == "cancelled"
    workshop.jobs.add(job)
    assert job.state == "waiting"
    workshop.go.set()
    assert workshop.finish(job) == "done"
    assert (job.variants, [variant for _, variant in workshop.calls]) == (1, [1, 1])


def test_a_job_that_is_removed_while_it_runs_leaves_nothing(workshop, tmp_path):
    job = workshop.add()
    assert workshop.begun.wait(10)
    workshop.jobs.discard(job)
    assert workshop.jobs.get(job.identifier) is None
    workshop.go.set()
    assert workshop.finish(workshop.add()) == "done"  # and the next one has its turn
    assert not job.folder.exists()
    assert len(list(tmp_path.iterdir())) == 1


def test_everybody_sees_their_own_jobs(workshop):
    one, other = workshop.add(owner="one"), workshop.add(owner="other")
    nobodys = workshop.add()
    assert workshop.jobs.of("one") == [one]
    assert workshop.jobs.of("other") == [other]
    assert workshop.jobs.of("") == []
    assert workshop.jobs.get(nobodys.identifier) is nobodys


class LocalApp:
    """The application in this process, with work of the test's."""

    def __init__(self, jobs, notes, token=None):
        self.port = 0
        config = uvicorn.Config(
            create_app(jobs, limit_bytes=LIMIT, names=own_names("127.0.0.1"), note=notes.append, token=token),
            log_level="warning", access_log=False,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})
        self._thread.start()

    def ask(self, path, method="GET", body=None, **headers):
        """The status, the headers and the content of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

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
    monkeypatch.setattr(web_upload, "_LONGEST_PAUSE_S", 0.2)
    with local.begin_upload() as connection:
        assert answer_to(connection)[0] == 408
    wait_for(lambda: not list(tmp_path.iterdir()))


@pytest.mark.parametrize(
    "option",
    [
        "strength=2",
        "strength=x",
        "strength=nan",
        "seed=-1",
        "seed=1.5",
        "container=exe",
        "container=../x",
        "depth=99",
        "depth=32f",
    ],
)
def test_options_that_make_no_sense_are_refused_in_a_sentence(local, option):
    name, value = option.split("=")
    with local.begin_upload(**{name: value}) as connection:
        status, answer = answer_to(connection)
    assert status == 422
    detail = json.loads(answer)["detail"]
    assert re.fullmatch(r"the [a-z ,0-9^]+ must be [^{]*\.|unknown [a-z ]+ '[^']*'\.|FLAC cannot hold .*\.", detail)


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
    restore = restore_with(Restorer(load_model(), threads=1))
    jobs = Jobs(tmp_path, restore, waiting_bytes=LIMIT, kept_bytes=100 * LIMIT)
    try:
        for container, depth in (("flac", "16"), ("wav", "32f")):
            job = jobs.new("a.mp3", LIMIT, output_format=OutputFormat(container, depth))
            shutil.copy(second, job.original)
            for count in (1, 2):
                jobs.add(job)
                wait_for(lambda job=job: job.state not in ("waiting", "running"))
                assert (job.state, job.variants) == ("done", count)
            made_file = soundfile.info(job.restored(2))
            assert (made_file.format, made_file.subtype) == (container.upper(), {"16": "PCM_16", "32f": "FLOAT"}[depth])
    finally:
        jobs.close()
    assert made == [1]


def finish_upload(local, workshop, name="a.mp3", **headers):
    """Upload the sample, and wait until the test's work is done."""
    path = f"/jobs?name={quote(name)}"
    status, _, content = local.ask(path, "POST", (DATA / "francium-32k.mp3").read_bytes(), **headers)
    assert status == 201
    job = workshop.jobs.get(json.loads(content)["id"])
    assert workshop.finish(job) == "done"
    return job


def cookie_of(headers):
    """What a browser would send back; scripts and other sites get nothing."""
    value = headers["Set-Cookie"]
    assert "HttpOnly" in value
    assert "SameSite=lax" in value
    return value.split(";")[0]


def test_a_browser_finds_its_files_again_and_no_others(local, workshop):
    workshop.go.set()
    one, other = (cookie_of(local.ask("/")[1]) for _ in range(2))
    assert one != other
    job = finish_upload(local, workshop, Cookie=one)
    assert [each["id"] for each in json.loads(local.ask("/jobs", Cookie=one)[2])] == [job.identifier]
    assert local.ask("/", Cookie=one)[1]["Set-Cookie"] is None
    for headers in ({}, {"Cookie": other}, {"Cookie": one.split("=")[0] + "="}):
        assert local.ask("/jobs", **headers)[2] == b"[]"
        assert local.ask("/archive", **headers)[0] == 404
    assert local.ask(f"/jobs/{job.identifier}", "DELETE", Cookie=one)[0] == 200
    assert local.ask("/jobs", Cookie=one)[2] == b"[]"
    assert not job.folder.exists()


def test_all_results_as_one_zip(local, workshop):
    """Two of the same name, and one whose name would lead elsewhere; stored, and whole."""
    workshop.go.set()
    workshop.jobs._kept_bytes = LIMIT
    cookie = cookie_of(local.ask("/")[1])
    for name in ("a.mp3", "A.mp3", "../../evil/\x00b.mp3"):
        finish_upload(local, workshop, name, Cookie=cookie)
    status, headers, content = local.ask("/archive", Cookie=cookie)
    assert (status, headers["Content-Type"]) == (200, "application/zip")
    assert headers["Content-Disposition"] == 'attachment; filename="mp3restore.zip"'
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.v1.flac", "A.v1 (2).flac", "b.v1.flac"]
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.read("b.v1.flac") == b"done"


def test_a_zip_is_made_while_it_is_sent(tmp_path):
    """Never more than a piece of it is in memory, and what is removed meanwhile is left out."""
    paths = [tmp_path / str(k) for k in range(3)]
    for path in paths:
        path.write_bytes(bytes(5_000_000))
    tracemalloc.start()
    pieces = stream_zip((path, f"{path.name}.flac") for path in paths)
    first = next(pieces)
    paths[1].unlink()
    sizes = [len(first), *map(len, pieces)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(sizes) == pytest.approx(10_000_000, abs=1000)
    assert max(sizes) < 1_100_000
    assert peak < 5_000_000


def test_cancelling_while_a_file_is_examined(local, notes, tmp_path, monkeypatch):
    """Who breaks off then has sent all of the file already; nobody waits for the result."""
    looking, go = threading.Event(), threading.Event()
    monkeypatch.setattr(web_upload, "check_upload", lambda _: looking.set() or go.wait(30) or 10.0)
    connection = local.begin_upload(b"x" * LIMIT)
    assert looking.wait(30)
    connection.close()
    wait_for(lambda: notes == ["a.mp3: the upload was broken off"])
    go.set()
    wait_for(lambda: not list(tmp_path.iterdir()))


@pytest.fixture
def shared(workshop, notes):
    local = LocalApp(workshop.jobs, notes, token=TOKEN)
    yield local
    local.close()


def test_without_the_token_nothing_is_reached(shared, workshop, tmp_path):
    job = workshop.add()
    sample = (DATA / "francium-32k.mp3").read_bytes()
    tries = ("", "x", TOKEN[:-1], TOKEN + "x", "\u00fc", TOKEN.upper())
    for path in ("/", "/jobs", "/archive", f"/jobs/{job.identifier}", f"/jobs/{job.identifier}/page", "/nowhere"):
        for token in tries:
            status, headers, content = shared.ask(f"{path}?token={quote(token)}")
            assert (status, headers["Set-Cookie"]) == (401, None)
            assert b"token" in content
        assert shared.ask(path, Cookie=f"mp3restore-token-{shared.port}=x")[0] == 401
    before = list(tmp_path.iterdir())
    assert shared.ask("/jobs?name=a.mp3", "POST", sample)[0] == 401
    assert shared.ask(f"/jobs?name=a.mp3&token={TOKEN}", "POST", sample)[0] == 401  # only the start page takes it
    assert shared.ask(f"/jobs/{job.identifier}", "DELETE")[0] == 401
    assert list(tmp_path.iterdir()) == before


def test_the_token_becomes_a_cookie_and_leaves_the_address(shared):
    status, headers, _ = shared.ask(f"/?token={TOKEN}", Sec_Fetch_Site="cross-site")
    assert (status, headers["Location"]) == (303, "/")
    cookie = cookie_of(headers)
    status, headers, _ = shared.ask("/", Cookie=cookie)
    assert status == 200
    assert headers["Referrer-Policy"] == "no-referrer"
    assert shared.ask("/jobs", Cookie=f"{cookie}; {cookie_of(headers)}")[0] == 200
    # A page of another site gets no further with it, should the browser send it along.
    assert shared.ask("/jobs", "POST", b"", Cookie=cookie, Origin="http://evil.example")[0] == 403


def test_beyond_this_computer_with_a_warning_and_a_token(tmp_path):
    server = Server(tmp_path, "--host", "0.0.0.0")  # noqa: S104
    warning = server.process.stderr.readline()
    token = server.url.split("/?token=")[1]
    assert len(token) >= 20
    assert "whoever knows this whole address" in warning
    assert "nothing is encrypted" in warning
    assert "0.0.0.0" not in server.url  # noqa: S104 - nobody could open that
    assert server.ask("GET", "/")[0].status == 401
    assert server.ask("GET", f"/?token={token}")[0].status == 303
    server.process.send_signal(signal.SIGINT)
    server.process.communicate(timeout=60)
    assert server.process.returncode == 0


def test_which_hosts_are_this_computer_alone():
    assert all(map(is_loopback, ("127.0.0.1", "127.0.0.2", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "music.example")))  # noqa: S104


def test_opening_the_browser(tmp_path):
    """``BROWSER`` names the program that opens pages."""
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    folder = tmp_path / "server"
    folder.mkdir()
    server = Server(folder, "--open", BROWSER=str(browser))
    wait_for(lambda: opened.exists() and opened.read_text().strip() == server.url)
    server.process.send_signal(signal.SIGINT)
    assert server.process.communicate(timeout=60)[1] == ""


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
