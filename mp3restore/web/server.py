"""Runs the local page until it is interrupted."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from mp3restore.errors import UsageError
from mp3restore.generator.restorer import Restorer
from mp3restore.job import Job as FileJob
from mp3restore.job import OutputFormat
from mp3restore.pipeline.file import Progress, make_restorer, run_job
from mp3restore.web.app import create_app
from mp3restore.web.folder import private_folder
from mp3restore.web.guard import own_names
from mp3restore.web.jobs import Job, Jobs, Restore

__all__ = ["restore_with", "serve_forever"]


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {host}, port {port}: {error.strerror}", hint="choose another with --host or --port"
        ) from error
    return listener


def restore_with(restorer: Restorer) -> Restore:
    """Make the function that restores jobs, all with one loaded model."""

    def restore(job: Job, variant: int, progress: Progress) -> list[str]:
        made = FileJob(job.original, job.restored(variant), OutputFormat(job.container), variant=variant)
        result = run_job(made, lambda: restorer, job.options, progress=progress)
        level = f"the level was lowered by {-result.gain_db:.2f} dB to avoid clipping"
        return [*result.warnings, *([level] if result.gain_db else [])]

    return restore


def serve_forever(
    *,
    host: str,
    port: int,
    limit_bytes: int,
    model: str | None,
    threads: int | None,
    ready: Callable[[str], None],
    note: Callable[[str], None],
) -> None:
    """Serve the page until SIGINT or SIGTERM; all files of its users are removed then.

    Parameters
    ----------
    host, port : str, int
        Where to listen; port 0 takes a free one.
    limit_bytes : int
        Largest upload in bytes.
    model : str or None
        As for `restore_file`.
    threads : int or None
        As for `restore_file`.
    ready : callable
        Called with the address of the page.
    note : callable
        Called with a line about what went wrong between the page and a browser.

    Raises
    ------
    UsageError
        If that cannot be listened on.
    ModelError
        If the model cannot be loaded.
    """
    restorer = make_restorer(model, threads=threads)
    with _listen(host, port) as listener, private_folder() as folder:
        shown = f"[{host}]" if ":" in host else host
        jobs = Jobs(folder, restore_with(restorer))
        try:
            app = create_app(jobs, limit_bytes=limit_bytes, names=own_names(host), note=note)
            config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
            ready(f"http://{shown}:{listener.getsockname()[1]}/")
            with suppress(KeyboardInterrupt):  # which uvicorn raises anew after its own end
                uvicorn.Server(config).run(sockets=[listener])
        finally:
            jobs.close()
