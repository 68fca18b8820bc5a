"""The application behind the local page.

FastAPI and not Gradio: that one weighs a hundred times as much, asks servers of its maker, and cannot hold the
player of the report. Files come as the bare body of a request: no form has to be parsed, and no name can become a path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Final

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse
from starlette.requests import ClientDisconnect

from mp3restore.errors import Mp3RestoreError, UsageError
from mp3restore.report.page import ReportRequest, write_report
from mp3restore.views.render import render
from mp3restore.web.guard import Guard
from mp3restore.web.jobs import BusyError, Job, Jobs
from mp3restore.web.limits import check_upload, read_container, read_options

__all__ = ["create_app", "shown_name"]

_LONGEST_NAME = 120
_MOST_VARIANTS = 8  # with the MP3 one for each key of the player
_LONGEST_PAUSE_S = 30.0  # an upload that stands still keeps the place of another one
_MEDIA_TYPES: Final = {"flac": "audio/flac", "wav": "audio/wav"}


def shown_name(name: str) -> str:
    """Make of the name of an upload what can be shown, and offered as the name of a download."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(c for c in last if c.isprintable())[:_LONGEST_NAME].strip(" .") or "music"


def create_app(jobs: Jobs, *, limit_bytes: int, names: Iterable[str], note: Callable[[str], None]) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    jobs : Jobs
        What does the work.
    limit_bytes : int
        Largest upload in bytes.
    names : iterable of str
        Names under which the server may be addressed.
    note : callable
        Called with a line about an upload that was broken off.
    """
    app = FastAPI(openapi_url=None)
    app.add_middleware(Guard, names=frozenset(names))
    api = _Api(jobs, limit_bytes, note)
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

    def __init__(self, jobs: Jobs, limit_bytes: int, note: Callable[[str], None]) -> None:
        self._jobs = jobs
        self._limit = limit_bytes
        self._note = note
        self._start_page = render(
            "serve.html", scripts=["serve.js"], data={"limit": limit_bytes}, connects=True,
            title="mp3restore", limit=limit_bytes // 1_000_000,
        )  # fmt: skip

    def start_page(self) -> str:
        return self._start_page

    async def upload(
        self, request: Request, name: str = "", strength: str = "", seed: str = "", container: str = ""
    ) -> dict[str, Any]:
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._limit:
            raise self._too_large()
        try:
            options, kind = read_options(strength, seed), read_container(container)
            job = self._jobs.new(shown_name(name), options=options, container=kind)
        except UsageError as error:
            raise HTTPException(422, f"{error.message}.") from None
        except BusyError:
            raise _too_busy() from None
        try:
            await self._receive(request, job.original)
            job.longest_s = await run_in_threadpool(_check_audio, job.original)
            return self._queue(job)
        except ClientDisconnect:
            self._jobs.discard(job)
            self._note(f"{job.name}: the upload was broken off")
            raise HTTPException(400, "The upload was broken off.") from None
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
        kind = _MEDIA_TYPES[job.container]
        return FileResponse(job.restored(variant), media_type=kind, filename=job.shown(variant))

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
        stream = aiter(request.stream())
        try:
            with target.open("xb") as file:
                while True:
                    chunk = await asyncio.wait_for(anext(stream, None), _LONGEST_PAUSE_S)
                    if chunk is None:
                        return
                    size += len(chunk)
                    if size > self._limit:
                        raise self._too_large()
                    file.write(chunk)
        except TimeoutError:
            raise HTTPException(408, f"Nothing has come for {_LONGEST_PAUSE_S:.0f} seconds.") from None
        except OSError as error:
            raise HTTPException(507, f"The file cannot be kept: {error.strerror}.") from None

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"The file is larger than {self._limit // 1_000_000} MB.")


def _too_busy() -> HTTPException:
    return HTTPException(503, "Too many files are waiting; try again later.")


def _status(job: Job) -> dict[str, Any]:
    return {
        "id": job.identifier, "name": job.name, "state": job.state, "progress": job.progress, "error": job.error,
        "remarks": job.remarks, "downloads": [job.shown(k + 1) for k in range(job.variants)],
    }  # fmt: skip


def _check_audio(path: Path) -> float:
    try:
        return check_upload(path)
    except Mp3RestoreError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise HTTPException(415, f"This file cannot be restored: {error.message}{hint}.") from error


def _report(job: Job) -> str:
    """Make the page of all variants, or take the one that was made."""
    with job.reading:
        count = job.variants
        target = job.folder / f"report-{count}.html"
        if not target.exists():
            restored = {job.restored(k + 1): job.shown(k + 1) for k in range(count)}
            names = {job.original: job.name, **restored, target: f"{job.stem}.html"}
            write_report(ReportRequest(job.original, list(restored), names=names), target)
        return target.read_text(encoding="utf-8")
