"""The comparison of a job: made once for so many variants, kept in its folder, asked for by the page in pieces."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from mp3restore.report.comparison import compare
from mp3restore.report.page import PAGE_BYTES, page_of
from mp3restore.report.request import ReportRequest
from mp3restore.views.render import render_part
from mp3restore.web.jobs import Job

__all__ = ["comparison_audio", "comparison_page", "comparison_part"]

_PART, _PAGE = "part.json", "page.html"


def comparison_part(job: Job) -> dict[str, Any]:
    """Return the pictures and tables in HTML (``html``), and what the scripts need (``data``).

    Raises
    ------
    Mp3RestoreError, OSError
        If a file of the job cannot be read, perhaps because it was removed meanwhile.
    """
    part: dict[str, Any] = json.loads((_made(job) / _PART).read_text(encoding="utf-8"))
    return part


def comparison_page(job: Job) -> Path:
    """Return the file of the same as a page of its own; errors are as in `comparison_part`."""
    return _made(job) / _PAGE


def comparison_audio(job: Job, identifier: str) -> Path | None:
    """Return an audio file of the part by the identifier in its data, or None; errors are as in `comparison_part`."""
    # Looked up, and not made into a path: it comes from a request.
    return {path.stem: path for path in _made(job).glob("*.flac")}.get(identifier)


def _made(job: Job) -> Path:
    with job.reading:
        count = job.variants
        folder = job.folder / f"comparison-{count}"
        if not folder.exists():
            draft = job.folder / "comparison-draft"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            _write(job, count, draft)
            for old in job.folder.glob("comparison-[0-9]*"):  # of fewer variants
                shutil.rmtree(old, ignore_errors=True)
            draft.rename(folder)
        return folder


def _write(job: Job, count: int, folder: Path) -> None:
    restored = {job.restored(k + 1): job.shown(k + 1) for k in range(count)}
    page = folder / _PAGE
    names = {job.original: job.name, **restored, page: f"{job.stem}.html"}
    labels = {job.restored(k + 1): f"Restoration {k + 1}" if count > 1 else "Restoration" for k in range(count)}
    request = ReportRequest(job.original, list(restored), names=names, labels=labels)
    found = compare(request, most_bytes=PAGE_BYTES)
    for identifier, content in found.audio.items():
        (folder / f"{identifier}.flac").write_bytes(content)
    part = {"html": render_part("comparison.html", song=found.values(title=job.name), level=3), "data": found.data}
    (folder / _PART).write_text(json.dumps(part), encoding="utf-8")
    # The page of its own is the one that its command makes: with the names of files.
    plain = replace(request, labels={})
    found = replace(found, request=plain, names=plain.recordings)
    page.write_text(page_of(found, page).html, encoding="utf-8")
