"""Runs the local page until it is interrupted."""

from __future__ import annotations

import secrets
import shutil
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from mp3restore.errors import UsageError
from mp3restore.generator.restorer import Restorer
from mp3restore.job import Job as FileJob
from mp3restore.pipeline.file import Progress, make_restorer, run_job
from mp3restore.web.app import create_app
from mp3restore.web.folder import private_folder
from mp3restore.web.guard import is_loopback, own_names
from mp3restore.web.jobs import Job, Jobs, Restore

__all__ = ["restore_with", "serve_forever"]

# The advice of the command line, and how to follow it on the page.
_ANYWAY = "--strength restores it anyway"
_ANYWAY_HERE = "'Restore anyway' takes it half of the way"
# Uploads that wait are as large together as so many of the largest.
_MOST_WAITING = 4
# What finished files may take of the free disk, which others need too.
_DISK_SHARE = 0.5


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
        made = FileJob(job.original, job.restored(variant), job.output_format, variant=variant)
        result = run_job(made, lambda: restorer, job.options, progress=progress)
        level = f"the level was lowered by {-result.gain_db:.2f} dB to avoid clipping"
        job.left = result.strength == 0
        remarks = [text.replace(_ANYWAY, _ANYWAY_HERE) for text in result.warnings]
        return [*remarks, *([level] if result.gain_db else [])]

    return restore


def serve_forever(
    *,
    host: str,
    port: int,
    limit_bytes: int,
    model: str | None,
    threads: int | None,
    ready: Callable[[str, bool], None],
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
        Called with the address of the page, and whether other computers can reach it. Then the address ends in a token,
        and the page opens for nobody else.
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
    token = None if is_loopback(host) else secrets.token_urlsafe(16)
    with _listen(host, port) as listener, private_folder() as folder:
        kept_bytes = int(shutil.disk_usage(folder).free * _DISK_SHARE)
        jobs = Jobs(folder, restore_with(restorer), waiting_bytes=_MOST_WAITING * limit_bytes, kept_bytes=kept_bytes)
        try:
            app = create_app(jobs, limit_bytes=limit_bytes, names=own_names(host), note=note, token=token)
            config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
            ready(_address(host, listener.getsockname()[1], token), token is not None)
            with suppress(KeyboardInterrupt):  # which uvicorn raises anew after its own end
                uvicorn.Server(config).run(sockets=[listener])
        finally:
            jobs.close()


def _address(host: str, port: int, token: str | None) -> str:
    """Return the address of the page, for this computer and for others."""
    name = _reachable(host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/{f'?token={token}' if token else ''}"


def _reachable(host: str) -> str:
    """Return an address that others can use, for a host that stands for all addresses of this computer."""
    family, outside = {
        "0.0.0.0": (socket.AF_INET, "192.0.2.1"),  # noqa: S104 - only compared with
        "::": (socket.AF_INET6, "2001:db8::1"),
    }.get(host, (None, ""))
    if family is None:
        return host
    try:
        # Nothing is sent: the system only says from which address it would send.
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((outside, 9))
            return str(asked.getsockname()[0])
    except OSError:  # no network
        return socket.gethostname()
