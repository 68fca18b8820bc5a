"""Self-contained web pages: template, style, scripts, data and audio in one HTML file that works offline."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from mp3restore._version import __version__

__all__ = ["render", "render_part"]

_ASSETS = Path(__file__).parent / "assets"
_CONNECTS = "; connect-src 'self'"


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _source(text: str) -> str:
    """Return the source expression of an inline script or style for the content security policy: its hash."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def render(
    template: str,
    *,
    scripts: Sequence[str],
    data: object,
    audio: Mapping[str, bytes] | None = None,
    connects: bool = False,
    **values: Any,  # noqa: ANN401 - whatever the template asks for
) -> str:
    """Render a page.

    Its content security policy lets only the embedded scripts run, so that markup in a file name has no effect, and
    lets nothing be fetched.

    Parameters
    ----------
    template : str
        File name of the template.
    scripts : sequence of str
        File names of the scripts, in the order in which they run.
    data : object
        Contents of the element ``data`` for the scripts; anything that JSON can represent.
    audio : mapping of str to bytes, optional
        Audio files, by the identifier of the element that contains them.
    connects : bool
        Whether the page may send requests to its own server.
    **values
        Values for the template.

    Returns
    -------
    str
        The page in HTML.
    """
    style = (_ASSETS / "base.css").read_text(encoding="utf-8")
    code = [(_ASSETS / name).read_text(encoding="utf-8") for name in scripts]
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_source, code))}; style-src {_source(style)}; img-src data:"
        f"{_CONNECTS if connects else ''}"
        "; base-uri 'none'; form-action 'none'"
    )
    # In a script element, only "<" can end or open an element.
    text = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    return (
        _environment()
        .get_template(template)
        .render(
            policy=policy,
            style=style,
            scripts=code,
            data=text,
            audio={name: base64.b64encode(content).decode() for name, content in (audio or {}).items()},
            version=__version__,
            **values,
        )
    )


def render_part(template: str, **values: Any) -> str:  # noqa: ANN401 - whatever the template asks for
    """Render a part of a page, which its scripts put into their places.

    Parameters
    ----------
    template : str
        File name of the template.
    **values
        Values for the template.

    Returns
    -------
    str
        The part in HTML.
    """
    return _environment().get_template(template).render(**values)
