"""Takes uploads, within their limits, and looks at what they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from mp3restore.errors import Mp3RestoreError
from mp3restore.web.jobs import Job, Jobs
from mp3restore.web.limits import check_upload

__all__ = ["Intake"]

_LONGEST_PAUSE_S = 30.0  # an upload that stands still keeps the place of another one
_LOOK_S = 0.1  # how often to look whether somebody still waits for an answer


class Intake:
    """Receives the files of jobs.

    Parameters
    ----------
    jobs : Jobs
        Where jobs are discarded whose files are refused.
    limit_bytes : int
        Largest upload in bytes.
    note : callable
        Called with a line about an upload that was broken off.
    """

    def __init__(self, jobs: Jobs, limit_bytes: int, note: Callable[[str], None]) -> None:
        self._jobs = jobs
        self._limit = limit_bytes
        self._note = note

    def stated_size(self, request: Request) -> int:
        """Return the most bytes that an upload may have: those that it states, if it does.

        Raises
        ------
        HTTPException
            If they are too many.
        """
        length = request.headers.get("content-length", str(self._limit))
        # int() takes no longer number than so, and nothing so long is meant.
        if not length.isdecimal() or len(length) > 20 or int(length) > self._limit:
            raise self._too_large()
        return int(length)

    async def take(self, request: Request, job: Job) -> None:
        """Receive the file of a job and examine it; whatever goes wrong, or breaks off, leaves nothing.

        Raises
        ------
        HTTPException
            If the file is refused.
        """
        try:
            await self._receive(request, job.original, job.size)
            job.longest_s = await _examine(request, job.original)
        except ClientDisconnect:
            self._jobs.discard(job)
            self._note(f"{job.name}: the upload was broken off")
            raise HTTPException(400, "The upload was broken off.") from None
        except BaseException:
            self._jobs.discard(job)
            raise

    async def _receive(self, request: Request, target: Path, most: int) -> None:
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
                    if size > most:
                        raise self._too_large()
                    file.write(chunk)
        except TimeoutError:
            raise HTTPException(408, f"Nothing has come for {_LONGEST_PAUSE_S:.0f} seconds.") from None
        except OSError as error:
            raise HTTPException(507, f"The file cannot be kept: {error.strerror}.") from None

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"The file is larger than {self._limit // 1_000_000} MB.")


async def _examine(request: Request, path: Path) -> float:
    """Examine an upload while somebody waits for the answer: who cancels it, does not."""
    task = asyncio.ensure_future(run_in_threadpool(_check_audio, path))
    while not (await asyncio.wait({task}, timeout=_LOOK_S))[0]:
        if await request.is_disconnected():
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody needs it any more
            raise ClientDisconnect
    if await request.is_disconnected():
        raise ClientDisconnect
    return task.result()


def _check_audio(path: Path) -> float:
    try:
        return check_upload(path)
    except Mp3RestoreError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise HTTPException(415, f"This file cannot be restored: {error.message}{hint}.") from error
