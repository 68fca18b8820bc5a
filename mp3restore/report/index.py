"""An index page with links to all reports in a folder."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from urllib.parse import quote

from mp3restore.errors import OutputExistsError
from mp3restore.files import atomic_file
from mp3restore.views.render import render

__all__ = ["INDEX_NAME", "check_index", "write_index"]

INDEX_NAME = "index.html"
_HEAD_BYTES = 16384  # the title comes before anything long
_OURS = re.compile(r'<meta name="generator" content="mp3restore [^>]*>.*?<title>([^<]*)</title>', re.DOTALL)
_TITLE = "Restorations"


def _title(page: Path) -> str | None:
    """Return the title of a page that this program has made, or None for any other file."""
    with page.open("rb") as file:
        found = _OURS.search(file.read(_HEAD_BYTES).decode("utf-8", "replace"))
    return None if found is None else unescape(found[1])


def check_index(folder: Path) -> None:
    """Refuse to replace an ``index.html`` that this program did not write.

    Raises
    ------
    OutputExistsError
        If the folder has one.
    """
    index = folder / INDEX_NAME
    if index.is_file() and _title(index) != _TITLE:
        raise OutputExistsError(
            "exists already, and is not an index of reports", path=index, hint="choose another folder"
        )


def write_index(folder: Path) -> Path:
    """Write the index of all reports in a folder, including those of earlier runs, and return its path.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    index = folder / INDEX_NAME
    pages = [page for page in sorted(folder.glob("*.html")) if page != index and page.is_file()]
    titled = [(quote(page.name), title) for page in pages if (title := _title(page)) is not None]
    html = render("index.html", scripts=[], data={}, title=_TITLE, pages=titled)
    with atomic_file(index, overwrite=True) as file:
        file.write(html.encode("utf-8"))
    return index
