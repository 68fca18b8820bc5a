"""One song and its restorations: excerpts of all files, aligned and measured, and what there is to say about them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mp3restore.errors import Mp3RestoreError
from mp3restore.report.excerpts import Excerpt, choose_excerpts, profile
from mp3restore.report.facts import bitstream_facts, decibels, kilohertz
from mp3restore.report.kinship import LEAST_LIKENESS, likeness
from mp3restore.report.origin import recorded_origin
from mp3restore.report.request import ReportRequest
from mp3restore.views.measure import Measures
from mp3restore.views.tracks import FLAC, Coding, Track, common_rate, load_track, matching_gains, measured, read_delay

__all__ = ["Comparison", "compare"]

_EXCERPT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a page shows and plays of one song.

    Attributes
    ----------
    request : ReportRequest
        The files.
    names : list of str
        Names of the recordings, the MP3 first.
    views : list of dict
        What is known of each excerpt.
    audio : mapping of str to bytes
        Audio files by identifier; equal ones are there once.
    coding : Coding
        How they are coded.
    shift : float
        By how many seconds the reference begins later than the MP3.
    warnings : tuple of str
        What is odd about the files.
    """

    request: ReportRequest
    names: list[str]
    views: list[dict[str, Any]]
    audio: Mapping[str, bytes]
    coding: Coding
    shift: float
    warnings: tuple[str, ...]

    @property
    def data(self) -> dict[str, Any]:
        """What the scripts need."""
        excerpts = [{k: v for k, v in view.items() if k != "rows"} for view in self.views]
        return {"names": self.names, "excerpts": excerpts}

    def values(self, *, title: str, command: str | None = None, credit: str = "") -> dict[str, Any]:
        """Return the values of the template ``comparison.html``.

        Parameters
        ----------
        title : str
            The heading.
        command : str, optional
            Makes the page again.
        credit : str
            Who made the music, and under which licence it is.
        """
        request = self.request
        original = request.argument(request.original)
        made = [
            (
                request.name(path),
                request.origins.get(path) or recorded_origin(path, original, target=request.argument(path)),
            )
            for path in request.restored
        ]
        try:
            facts = bitstream_facts(request.original)
        except Mp3RestoreError as error:  # some files play, but the bitstream reader refuses them
            facts = [("Bitstream", f"cannot be read: {error.message}")]
        return {
            "title": title, "credit": credit, "warnings": self.warnings, "names": self.names, "views": self.views,
            "files": [request.name(path) for path in request.paths], "facts": facts, "made": made, "command": command,
            "shift": self.shift if request.reference else None, "coding": self.coding.words,
        }  # fmt: skip


def compare(request: ReportRequest, *, most_bytes: float, coding: Coding = FLAC) -> Comparison:
    """Choose excerpts, code them, and measure them.

    Excerpts that the program chooses are 30 s long, or shorter if the audio would otherwise exceed `most_bytes`.

    Raises
    ------
    UsageError
        If the excerpt lies outside a file.
    NoInputError, InputError
        If a file cannot be read.
    """
    rate = coding.sample_rate or common_rate(request.paths)
    delay = 0
    profiles = None
    if request.start is None and request.duration is None:
        profiles = profile(request.original), profile(request.reference or request.restored[0])
    length = _EXCERPT_SECONDS
    while True:
        if profiles is None:
            excerpts = [Excerpt("Excerpt", request.start or 0.0, request.duration or _EXCERPT_SECONDS)]
        else:
            excerpts = choose_excerpts(*profiles, length=length)
        if request.reference is not None and delay == 0:
            part = excerpts[0]
            delay = read_delay(
                request.reference, request.original, start=part.start, duration=part.duration, sample_rate=rate
            )
        views, audio, alike = _views(request, excerpts, rate, delay, coding)
        size = sum(map(len, audio.values()))
        if profiles is None or size <= most_bytes:
            return Comparison(
                request, request.recordings, views, audio, coding, delay / rate, tuple(_strange(request, alike))
            )
        length *= 0.95 * most_bytes / size


def _views(
    request: ReportRequest, excerpts: Sequence[Excerpt], rate: int, delay: int, coding: Coding
) -> tuple[list[dict[str, Any]], dict[str, bytes], dict[Path, float]]:
    """Return the data of the excerpts, the audio files by identifier, and the likeness of each file to the MP3."""
    views: list[dict[str, Any]] = []
    audio: dict[str, bytes] = {}
    alike: dict[Path, float] = {}
    for excerpt in excerpts:
        measures: list[Measures] = []
        identifiers: list[str] = []
        original: Track | None = None
        for path in request.paths:
            late = delay if path is request.reference else 0
            track = load_track(path, start=excerpt.start, duration=excerpt.duration, sample_rate=rate, delay=late)
            measures.append(measured(track))
            original = original or track
            like = likeness(original.samples, track.samples, rate)
            if like is not None:
                alike[path] = max(alike.get(path, -1.0), like)
            content = coding.encode(track)
            identifiers.append(f"audio-{hashlib.sha256(content).hexdigest()[:16]}")
            audio[identifiers[-1]] = content
        gains = matching_gains(measures)
        views.append(
            {
                "name": excerpt.name, "start": request.begins + excerpt.start, "duration": excerpt.duration,
                "rate": rate, "gains": gains, "audio": identifiers, "step": measures[0].step,
                "bandwidth": [m.bandwidth_hz for m in measures],
                "rows": [_row(m, g) for m, g in zip(measures, gains, strict=True)],
            }
        )  # fmt: skip
    return views, audio, alike


def _strange(request: ReportRequest, alike: Mapping[Path, float]) -> Iterator[str]:
    """Yield warnings about files that contain other music."""
    for path, like in alike.items():
        if like < LEAST_LIKENESS:
            yield (
                f"'{request.name(path)}' does not seem to be the same music as '{request.name(request.original)}': the "
                "page compares two different recordings"
            )


def _row(measures: Measures, gain: float) -> list[str]:
    """Return a row of the table of measurements."""
    loudness = "silent" if measures.loudness_lufs is None else f"{measures.loudness_lufs:.1f} LUFS"
    peak = "silent" if measures.peak_db is None else f"{measures.peak_db:.1f} dBFS"
    return [loudness, peak, decibels(gain), kilohertz(measures.median_bandwidth_hz)]
