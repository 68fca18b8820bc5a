"""The report: one HTML file that includes the audio."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mp3restore.errors import Mp3RestoreError, UsageError
from mp3restore.files import atomic_file
from mp3restore.report.excerpts import Excerpt, choose_excerpts, profile
from mp3restore.report.facts import bitstream_facts, decibels, kilohertz
from mp3restore.report.kinship import LEAST_LIKENESS, likeness
from mp3restore.report.origin import Origin, file_argument, recorded_origin
from mp3restore.views.measure import Measures
from mp3restore.views.render import render
from mp3restore.views.tracks import (
    Track,
    common_rate,
    flac,
    load_track,
    matching_gains,
    measured,
    read_delay,
)

__all__ = ["Report", "ReportRequest", "build_report", "write_report"]

_EXCERPT_SECONDS = 30.0
# Keeps the page below 25 MB: base64 turns three bytes into four characters.
_AUDIO_BYTES = 18_000_000
_MOST_TRACKS = 9  # one for each number key


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """The contents of a report.

    Attributes
    ----------
    original : Path
        The MP3.
    restored : sequence of Path
        Its restorations, aligned with the decoder's output for the MP3.
    reference : Path, optional
        The recording that the MP3 was made from; it may be shifted by up to 0.2 s.
    start, duration : float, optional
        The excerpt in seconds; if neither is given, the report chooses excerpts.
    origins : mapping of Path to Origin, optional
        How the restorations were made; by default, as their tags state.
    names : mapping of Path to str
        Names to show for files whose own names mean nothing to the user.
    """

    original: Path
    restored: Sequence[Path]
    reference: Path | None = None
    start: float | None = None
    duration: float | None = None
    origins: Mapping[Path, Origin] = field(default_factory=dict)
    names: Mapping[Path, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.restored:
            raise UsageError("a report needs at least one restoration")
        if len(self.paths) > _MOST_TRACKS:
            raise UsageError(f"a report can show at most {_MOST_TRACKS} files, not {len(self.paths)}")
        if self.start is not None and self.start < 0:
            raise UsageError("the start must be 0 or more seconds")
        if self.duration is not None and self.duration <= 0:
            raise UsageError("the duration must be more than 0 seconds")

    @property
    def paths(self) -> list[Path]:
        """All files, in the order of the page."""
        return [self.original, *self.restored, *([self.reference] if self.reference else [])]

    def name(self, path: Path) -> str:
        """Return the name to show for a file."""
        return self.names.get(path, path.name)

    def argument(self, path: Path) -> str:
        """Return the name of a file in a command."""
        return self.names.get(path, str(path))


@dataclass(frozen=True, slots=True)
class Report:
    """A page, and warnings about the files on it."""

    html: str
    warnings: tuple[str, ...]


def build_report(request: ReportRequest, page: str | Path = "page.html") -> Report:
    """Build the page.

    Excerpts that the report chooses are 30 s long, or shorter if the page would otherwise exceed 25 MB.

    Parameters
    ----------
    request : ReportRequest
        The contents of the page.
    page : str or Path
        Name of the page in the command that makes it again.

    Raises
    ------
    UsageError
        If the excerpt lies outside a file.
    NoInputError, InputError
        If a file cannot be read.
    """
    rate = common_rate(request.paths)
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
        views, audio, alike = _views(request, excerpts, rate, delay)
        size = sum(map(len, audio.values()))
        if profiles is None or size <= _AUDIO_BYTES:
            warnings = tuple(_strange(request, alike))
            return Report(_page(request, views, audio, shift=delay / rate, warnings=warnings, page=page), warnings)
        length *= 0.95 * _AUDIO_BYTES / size


def _views(
    request: ReportRequest, excerpts: Sequence[Excerpt], rate: int, delay: int
) -> tuple[list[dict[str, Any]], dict[str, bytes], dict[Path, float]]:
    """Return the data of the excerpts, the FLAC files by identifier, and the likeness of each file to the MP3."""
    views: list[dict[str, Any]] = []
    audio: dict[str, bytes] = {}
    alike: dict[Path, float] = {}
    for number, excerpt in enumerate(excerpts):
        measures = []
        original: Track | None = None
        for index, path in enumerate(request.paths):
            late = delay if path is request.reference else 0
            track = load_track(path, start=excerpt.start, duration=excerpt.duration, sample_rate=rate, delay=late)
            measures.append(measured(track))
            original = original or track
            like = likeness(original.samples, track.samples, rate)
            if like is not None:
                alike[path] = max(alike.get(path, -1.0), like)
            audio[f"audio-{number}-{index}"] = flac(track)
        gains = matching_gains(measures)
        views.append(
            {
                "name": excerpt.name, "start": excerpt.start, "duration": excerpt.duration, "rate": rate,
                "gains": gains, "step": measures[0].step, "bandwidth": [m.bandwidth_hz for m in measures],
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


def _names(request: ReportRequest) -> list[str]:
    names = ["MP3", *map(request.name, request.restored)]
    return [*names, "Reference"] if request.reference else names


def _page(
    request: ReportRequest,
    views: list[dict[str, Any]],
    audio: Mapping[str, bytes],
    *,
    shift: float,
    warnings: Sequence[str],
    page: str | Path,
) -> str:
    names = _names(request)
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
    return render(
        "report.html",
        scripts=["player.js", "spectrogram.js", "report.js"],
        data={"names": names, "excerpts": [{k: v for k, v in view.items() if k != "rows"} for view in views]},
        audio=audio,
        title=f"{request.name(request.original)}: MP3 and restoration",
        warnings=warnings,
        names=names,
        views=views,
        files=[request.name(path) for path in request.paths],
        facts=facts,
        made=made,
        shift=shift if request.reference else None,
        command=_command(request, page),
    )


def _command(request: ReportRequest, page: str | Path) -> str:
    """Return the command that makes the page again."""
    files = [file_argument(request.argument(path)) for path in (request.original, *request.restored)]
    words = ["mp3restore", "report", *files, "-o", file_argument(request.names.get(Path(page), str(page))), "--force"]
    for option, value in (
        ("--reference", request.reference), ("--start", request.start), ("--duration", request.duration)
    ):  # fmt: skip
        words += [] if value is None else [f"{option}={value}"]
    return shlex.join(words)


def write_report(request: ReportRequest, target: Path, *, overwrite: bool = False) -> tuple[str, ...]:
    """Write the page, completely or not at all, and return warnings about the files on it.

    Raises
    ------
    UsageError, NoInputError, InputError
        As for `build_report`.
    OutputError
        If it cannot be written, or already exists and may not be overwritten.
    """
    report = build_report(request, target)
    with atomic_file(target, overwrite=overwrite) as file:
        file.write(report.html.encode("utf-8"))
    return report.warnings
