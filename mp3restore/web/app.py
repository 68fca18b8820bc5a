"""The application behind the local page.

FastAPI and not Gradio: that one weighs a hundred times as much, asks servers of its maker, and cannot hold the
player of the report. Files come as the bare body of a request: no form has to be parsed, and no name can become a path.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, TypeVar, get_args

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, StreamingResponse

from mp3restore.errors import Mp3RestoreError, UsageError
from mp3restore.job import AUDIO_SUFFIXES, CONTAINERS, DEFAULT_BIT_DEPTH, BitDepth
from mp3restore.views.render import render
from mp3restore.web.archive import stream_zip
from mp3restore.web.comparison import comparison_audio, comparison_page, comparison_part
from mp3restore.web.guard import Guard, cookie_name, keep_cookie
from mp3restore.web.jobs import BusyError, Job, Jobs
from mp3restore.web.limits import read_format, read_options
from mp3restore.web.upload import Intake

__all__ = ["create_app", "shown_name"]

_LONGEST_NAME = 120
_LONGEST_OWNER = 40  # ours are shorter; what a browser sends may be anything
_MOST_VARIANTS = 8  # with the MP3 one for each key of the player
_MEDIA_TYPES = {"opus": "audio/ogg", "mp3": "audio/mpeg"}
_DEPTHS = {"16": "16", "24": "24", "32f": "32, floating point (WAV)"}
_T = TypeVar("_T")


def shown_name(name: str) -> str:
    """Make of the name of an upload what can be shown, and offered as the name of a download."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(c for c in last if c.isprintable())[:_LONGEST_NAME].strip(" .") or "music"


def create_app(
    jobs: Jobs, *, limit_bytes: int, names: Iterable[str], note: Callable[[str], None], token: str | None = None
) -> FastAPI:
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
    token : str, optional
        What every request must bring; by default nothing.
    """
    app = FastAPI(openapi_url=None)
    app.add_middleware(Guard, names=frozenset(names), token=token)
    api = _Api(jobs, limit_bytes, note)
    app.add_api_route("/", api.start_page, response_class=HTMLResponse)
    app.add_api_route("/jobs", api.queue)
    app.add_api_route("/jobs", api.upload, methods=["POST"], status_code=201)
    app.add_api_route("/archive", api.archive, response_class=StreamingResponse)
    app.add_api_route("/jobs/{identifier}", api.status)
    app.add_api_route("/jobs/{identifier}", api.remove, methods=["DELETE"])
    app.add_api_route("/jobs/{identifier}/variants", api.draw, methods=["POST"], status_code=202)
    app.add_api_route("/jobs/{identifier}/cancel", api.cancel, methods=["POST"], status_code=202)
    app.add_api_route("/jobs/{identifier}/comparison", api.comparison)
    app.add_api_route("/jobs/{identifier}/comparison/{audio}", api.audio, response_class=FileResponse)
    app.add_api_route("/jobs/{identifier}/page", api.page, response_class=FileResponse)
    app.add_api_route("/jobs/{identifier}/variants/{variant}", api.download, response_class=FileResponse)
    return app


class _Api:
    """What the page can ask for."""

    def __init__(self, jobs: Jobs, limit_bytes: int, note: Callable[[str], None]) -> None:
        self._jobs = jobs
        self._limit = limit_bytes
        self._intake = Intake(jobs, limit_bytes, note)
        self._start_page = render(
            "serve.html", scripts=["player.js", "spectrogram.js", "compare.js", "serve.js"],
            data={"limit": limit_bytes, "suffixes": sorted(AUDIO_SUFFIXES), "variants": _MOST_VARIANTS}, connects=True,
            title="mp3restore", limit=limit_bytes // 1_000_000, suffixes=sorted(AUDIO_SUFFIXES),
            containers=sorted(dict.fromkeys(CONTAINERS.values())),
            depths=[(each, _DEPTHS[each]) for each in get_args(BitDepth)], depth=DEFAULT_BIT_DEPTH,
        )  # fmt: skip

    def start_page(self, request: Request) -> HTMLResponse:
        answer = HTMLResponse(self._start_page)
        if not _owner(request):
            keep_cookie(answer, cookie_name(request.scope, "queue"), secrets.token_urlsafe(16))
        return answer

    def queue(self, request: Request) -> list[dict[str, Any]]:
        return [_status(job) for job in self._jobs.of(_owner(request))]

    async def upload(  # noqa: PLR0917 - one parameter per option
        self, request: Request, name: str = "", strength: str = "", seed: str = "", container: str = "", depth: str = ""
    ) -> dict[str, Any]:
        size = self._intake.stated_size(request)
        try:
            job = self._jobs.new(
                shown_name(name), size, owner=_owner(request), options=read_options(strength, seed),
                output_format=read_format(container, depth),
            )  # fmt: skip
        except UsageError as error:
            raise HTTPException(422, f"{error.message}.") from None
        except BusyError:
            raise _too_busy() from None
        await self._intake.take(request, job)
        return self._queue(job)

    def status(self, identifier: str) -> dict[str, Any]:
        return _status(self._find(identifier))

    def draw(self, identifier: str, strength: str = "") -> dict[str, Any]:
        job = self._find(identifier)
        if job.state == "uploading":
            raise HTTPException(409, "The file is not complete.")
        if job.state == "removed":
            raise HTTPException(410, "Its file made room for newer ones: add it again.")
        if job.variants >= _MOST_VARIANTS:
            raise HTTPException(409, f"There are {_MOST_VARIANTS} variants already.")
        if not strength:
            return self._queue(job)
        if not job.left:
            raise HTTPException(409, "The file is restored already.")
        try:
            wanted = read_options(strength, "").strength
        except UsageError as error:
            raise HTTPException(422, f"{error.message}.") from None
        return self._queue(job, wanted)

    def cancel(self, identifier: str) -> dict[str, Any]:
        job = self._find(identifier)
        self._jobs.cancel(job)
        return _status(job)

    def remove(self, identifier: str) -> dict[str, Any]:
        job = self._find(identifier)
        self._jobs.discard(job)
        return _status(job)

    def comparison(self, identifier: str) -> dict[str, Any]:
        return _read(self._find_done(identifier), comparison_part)

    def page(self, identifier: str) -> FileResponse:
        job = self._find_done(identifier)
        return FileResponse(_read(job, comparison_page), media_type="text/html", filename=f"{job.stem}.html")

    def audio(self, identifier: str, audio: str) -> FileResponse:
        path = _read(self._find_done(identifier), lambda job: comparison_audio(job, audio))
        if path is None:
            raise HTTPException(404, "There is no such recording.")
        return FileResponse(path, media_type="audio/flac")

    def download(self, identifier: str, variant: int) -> FileResponse:
        job = self._find(identifier)
        if not 1 <= variant <= job.variants:
            raise HTTPException(404, "There is no such variant.")
        kind = job.output_format.container
        return FileResponse(
            job.restored(variant), media_type=_MEDIA_TYPES.get(kind, f"audio/{kind}"), filename=job.shown(variant)
        )

    def archive(self, request: Request) -> StreamingResponse:
        jobs = [job for job in self._jobs.of(_owner(request)) if job.variants]
        if not jobs:
            raise HTTPException(404, "There is nothing to download yet.")
        head = {"Content-Disposition": 'attachment; filename="mp3restore.zip"'}
        return StreamingResponse(stream_zip(_results(jobs)), media_type="application/zip", headers=head)

    def _find(self, identifier: str) -> Job:
        job = self._jobs.get(identifier)
        if job is None:
            raise HTTPException(404, "There is no such job.")
        return job

    def _find_done(self, identifier: str) -> Job:
        job = self._find(identifier)
        if not job.variants:
            raise HTTPException(404, "There is no restoration yet.")
        return job

    def _queue(self, job: Job, strength: float | None = None) -> dict[str, Any]:
        try:
            self._jobs.add(job, strength)
        except BusyError:
            raise _too_busy() from None
        return _status(job)


def _owner(request: Request) -> str:
    """Return the secret name of a browser: each sees its own files alone."""
    return request.cookies.get(cookie_name(request.scope, "queue"), "")[:_LONGEST_OWNER]


def _results(jobs: Iterable[Job]) -> Iterator[tuple[Any, str]]:
    for job in jobs:
        for variant in range(1, job.variants + 1):
            yield job.restored(variant), job.shown(variant)


def _too_busy() -> HTTPException:
    return HTTPException(503, "Too many files are waiting; try again later.")


def _status(job: Job) -> dict[str, Any]:
    return {
        "id": job.identifier, "name": job.name, "state": job.state, "progress": job.progress, "error": job.error,
        "remarks": job.remarks, "left": job.left, "downloads": [job.shown(k + 1) for k in range(job.variants)],
    }  # fmt: skip


def _read(job: Job, read: Callable[[Job], _T]) -> _T:
    """Read something of the files of a job, which may be removed meanwhile."""
    try:
        return read(job)
    except (Mp3RestoreError, OSError) as error:
        raise HTTPException(410, "The files of this job are gone, or cannot be read.") from error
