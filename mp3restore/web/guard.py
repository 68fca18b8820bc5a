"""Keeps other web pages away from the local server."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard", "own_names"]

_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}


def own_names(host: str) -> frozenset[str]:
    """Names under which a server that listens on `host` may be addressed."""
    if host in ("127.0.0.1", "::1", "localhost"):
        return frozenset({"127.0.0.1", "::1", "localhost"})
    return frozenset({host.lower(), "localhost", socket.gethostname().lower()})


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """Refuses requests that do not come from the server's own page, and adds protective headers to the answers.

    A page of another site can send requests to servers on the user's computer. Browsers say where a request comes from
    (``Origin``, ``Sec-Fetch-Site``). Another site can also let its own name lead to this computer; then ``Host`` is
    that name, and neither ours nor an address.

    Parameters
    ----------
    app : ASGI application
        What to protect.
    names : iterable of str
        Names under which the server may be addressed.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        if self._is_foreign(scope["path"], Headers(scope=scope)):
            answer = PlainTextResponse("This request comes from another page.", status_code=403)
            await answer(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    def _is_foreign(self, path: str, headers: Headers) -> bool:
        host = headers.get("host", "")
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:  # half an IPv6 address, for instance
            return True
        if name not in self._names and not (_is_address(name) and not self._names & {"127.0.0.1"}):
            return True
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return True
        # A link on another page may lead to the start page, and to nothing else.
        return path != "/" and headers.get("sec-fetch-site") in ("cross-site", "same-site")
