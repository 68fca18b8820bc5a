"""Keeps other web pages, and people who were not invited, away from the local server."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard", "cookie_name", "is_loopback", "keep_cookie", "own_names"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def is_loopback(host: str) -> bool:
    """Return whether only programs of this computer can reach a server that listens on `host`."""
    return host in _LOOPBACK or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def own_names(host: str) -> frozenset[str]:
    """Names under which a server that listens on `host` may be addressed."""
    if host in _LOOPBACK:
        return frozenset(_LOOPBACK)
    return frozenset({host.lower(), "localhost", socket.gethostname().lower()})


def cookie_name(scope: Scope, purpose: str) -> str:
    """Name a cookie: browsers keep one jar for all ports of a computer."""
    port = (scope.get("server") or ("", 0))[1]
    return f"mp3restore-{purpose}-{port}"


def keep_cookie(answer: Response, name: str, value: str) -> None:
    """Let the browser keep a cookie until it ends; neither scripts nor requests from other sites get it."""
    answer.set_cookie(name, value, httponly=True, samesite="lax")


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

    Where others can reach the server, the address of the start page holds a token. Whoever opens it gets the token as a
    cookie, and is led to the address without it, which may be seen and kept.

    Parameters
    ----------
    app : ASGI application
        What to protect.
    names : iterable of str
        Names under which the server may be addressed.
    token : str, optional
        What every request must bring; by default nothing.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str], token: str | None = None) -> None:
        self._app = app
        self._names = frozenset(names)
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        if self._is_foreign(scope["path"], headers):
            refusal: Response = PlainTextResponse("This request comes from another page.", status_code=403)
            await refusal(scope, receive, send_guarded)
        elif (answer := self._ask_token(scope, headers)) is not None:
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

    def _ask_token(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the answer to a request that may not pass, or that has just shown its token."""
        if self._token is None:
            return None
        name = cookie_name(scope, "token")
        if self._is_token(cookie_parser(headers.get("cookie", "")).get(name, "")):
            return None
        if scope["path"] == "/" and self._is_token(QueryParams(scope["query_string"]).get("token", "")):
            answer: Response = RedirectResponse("/", status_code=303)
            keep_cookie(answer, name, self._token)
            return answer
        text = "Open the whole address that the program has printed: it ends in a token."
        return PlainTextResponse(text, status_code=401)

    def _is_token(self, text: str) -> bool:
        """Compare in a time that does not depend on where the two differ."""
        return self._token is not None and secrets.compare_digest(
            text.encode("utf-8", "surrogatepass"), self._token.encode()
        )
