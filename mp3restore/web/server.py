"""Runs the local page until it is interrupted."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import uvicorn

from mp3restore.api import restore_file
from mp3restore.errors import UsageError
from mp3restore.generator.model import load_model
from mp3restore.web.app import create_app
from mp3restore.web.guard import own_names
from mp3restore.web.jobs import Jobs

__all__ = ["serve_forever"]


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


def serve_forever(
    *,
    host: str,
    port: int,
    limit_bytes: int,
    model: str | None,
    threads: int | None,
    ready: Callable[[str], None],
) -> None:
    """Serve the page until SIGINT or SIGTERM; all files of its users are removed then.

    Parameters
    ----------
    host, port : str, int
        Where to listen; port 0 takes a free one.
    limit_bytes : int
        Largest upload.
    model : str or None
        As for `restore_file`.
    threads : int or None
        As for `restore_file`.
    ready : callable
        Called with the address of the page.

    Raises
    ------
    UsageError
        If that cannot be listened on.
    ModelError
        If the model cannot be loaded.
    """
    verified = load_model(model)

    def restore(source: Path, target: Path, variant: int, progress: Callable[[float, float | None], None]) -> None:
        restore_file(source, target, model=verified, variant=variant, threads=threads, progress=progress)

    with _listen(host, port) as listener, tempfile.TemporaryDirectory(prefix="mp3restore-") as folder:
        shown = f"[{host}]" if ":" in host else host
        jobs = Jobs(Path(folder), restore)
        try:
            app = create_app(jobs, limit_bytes=limit_bytes, names=own_names(host))
            config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
            ready(f"http://{shown}:{listener.getsockname()[1]}/")
            with suppress(KeyboardInterrupt):  # which uvicorn raises anew after its own end
                uvicorn.Server(config).run(sockets=[listener])
        finally:
            jobs.close()
