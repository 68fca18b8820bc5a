"""The application behind the local page.

FastAPI and not Gradio: that one weighs a hundred times as much, asks servers of its maker, and cannot hold the
player of the report. Files come as the bare body of a request: no form has to be parsed, and no name can become a path.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse

from mp3restore.audio.decode import open_audio
from mp3restore.errors import Mp3RestoreError
from mp3restore.report.page import ReportRequest, build_report
from mp3restore.views.render import render
from mp3restore.web.guard import Guard
from mp3restore.web.jobs import BusyError, Job, Jobs

__all__ = ["create_app", "shown_name"]

_LONGEST_NAME = 120
_MOST_VARIANTS = 8  # with the MP3 one for each key of the player


def shown_name(name: str) -> str:
    """Make of the name of an upload what can be shown, and offered as the name of a download."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(c for c in last if c.isprintable())[:_LONGEST_NAME].strip(" .") or "music"


def create_app(jobs: Jobs, *, limit_bytes: int, names: Iterable[str]) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    jobs : Jobs
        What does the work.
    limit_bytes : int
        Largest upload.
    names : iterable of str
        Names under which the server may be addressed.
    """
    app = FastAPI(openapi_url=None)
    app.add_middleware(Guard, names=frozenset(names))
    api = _Api(jobs, limit_bytes)
    app.add_api_route("/", api.start_page, response_class=HTMLResponse)
    app.add_api_route("/jobs", api.upload, methods=["POST"], status_code=201)
    app.add_api_route("/jobs/{identifier}", api.status)
    app.add_api_route("/jobs/{identifier}/variants", api.draw, methods=["POST"], status_code=202)
    app.add_api_route("/jobs/{identifier}/cancel", api.cancel, methods=["POST"], status_code=202)
    app.add_api_route("/jobs/{identifier}/report", api.report, response_class=HTMLResponse)
    app.add_api_route("/jobs/{identifier}/variants/{variant}", api.download, response_class=FileResponse)
    return app


class _Api:
    """What the page can ask for."""

    def __init__(self, jobs: Jobs, limit_bytes: int) -> None:
        self._jobs = jobs
        self._limit = limit_bytes
        self._start_page = render(
            "serve.html", scripts=["serve.js"], data={"limit": limit_bytes}, connects=True,
            title="mp3restore", limit=limit_bytes // 1_000_000,
        )  # fmt: skip

    def start_page(self) -> str:
        return self._start_page

    async def upload(self, request: Request, name: str = "") -> dict[str, Any]:
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._limit:
            raise self._too_large()
        try:
            job = self._jobs.new(shown_name(name))
        except BusyError:
            raise _too_busy() from None
        try:
            await self._receive(request, job.original)
            await run_in_threadpool(_check_audio, job.original)
            return self._queue(job)
        except BaseException:
            self._jobs.discard(job)
            raise

    def status(self, identifier: str) -> dict[str, Any]:
        return _status(self._find(identifier))

    def draw(self, identifier: str) -> dict[str, Any]:
        job = self._find(identifier)
        if job.variants >= _MOST_VARIANTS:
            raise HTTPException(409, f"There are {_MOST_VARIANTS} variants already.")
        return self._queue(job)

    def cancel(self, identifier: str) -> dict[str, Any]:
        job = self._find(identifier)
        self._jobs.cancel(job)
        return _status(job)

    def report(self, identifier: str) -> str:
        job = self._find(identifier)
        if not job.variants:
            raise HTTPException(404, "There is no restoration yet.")
        return _report(job)

    def download(self, identifier: str, variant: int) -> FileResponse:
        job = self._find(identifier)
        if not 1 <= variant <= job.variants:
            raise HTTPException(404, "There is no such variant.")
        stem = PurePosixPath(job.name).stem
        return FileResponse(job.restored(variant), media_type="audio/flac", filename=f"{stem}.v{variant}.flac")

    def _find(self, identifier: str) -> Job:
        job = self._jobs.get(identifier)
        if job is None:
            raise HTTPException(404, "There is no such job.")
        return job

    def _queue(self, job: Job) -> dict[str, Any]:
        try:
            self._jobs.add(job)
        except BusyError:
            raise _too_busy() from None
        return _status(job)

    async def _receive(self, request: Request, target: Path) -> None:
        """Write the body of a request to a file; its stated length may be missing or wrong."""
        size = 0
        with target.open("xb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > self._limit:
                    raise self._too_large()
                file.write(chunk)

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"The file is larger than {self._limit // 1_000_000} MB.")


def _too_busy() -> HTTPException:
    return HTTPException(503, "Too many files are waiting; try again later.")


def _status(job: Job) -> dict[str, Any]:
    return {
        "id": job.identifier, "name": job.name, "state": job.state, "variants": job.variants,
        "progress": job.progress, "error": job.error,
    }  # fmt: skip


def _check_audio(path: Path) -> None:
    try:
        with open_audio(path) as source:
            next(source.blocks())
    except Mp3RestoreError as error:
        raise HTTPException(415, f"This file cannot be restored: {error.message}.") from error


def _report(job: Job) -> str:
    """Make the page of all variants, or take the one that was made."""
    with job.reading:
        count = job.variants
        target = job.folder / f"report-{count}.html"
        if not target.exists():
            paths = [job.restored(k + 1) for k in range(count)]
            request = ReportRequest(
                job.original,
                paths,
                command=shlex.join(["mp3restore", "report", job.name, *(path.name for path in paths)]),
                name=job.name,
            )
            target.write_text(build_report(request), encoding="utf-8")
        return target.read_text(encoding="utf-8")
