"""``mp3restore serve``: a local web page to restore files with."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from mp3restore.cli.terminal import message, quiet_decoders, user_errors
from mp3restore.errors import MissingExtraError

__all__ = ["serve"]


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 opens the page to the network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8765,
    max_upload: Annotated[int, typer.Option(min=1, metavar="MB", help="Largest file that is taken.")] = 200,
    model: Annotated[str | None, typer.Option(help="Name of a model, or its folder.", show_default=False)] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the generator (default: all cores).", show_default=False)
    ] = None,
) -> None:
    """Serve a web page, on this computer only, to restore files with: drop one, listen, download."""
    with user_errors(), quiet_decoders():
        for name in ("fastapi", "uvicorn"):
            if find_spec(name) is None:
                raise MissingExtraError(f"the local page needs {name}", hint="pip install 'mp3restore[web]'")
        from mp3restore.web.server import serve_forever  # noqa: PLC0415 - keeps --help quick

        def ready(address: str) -> None:
            message(f"{address} (Ctrl-C ends it)")

        serve_forever(
            host=host, port=port, limit_bytes=max_upload * 1_000_000, model=model, threads=threads, ready=ready
        )
