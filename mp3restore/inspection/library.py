"""Which files of a library are worth restoring: a quick look at each, of its headers and a second of its music."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Final, Literal

import numpy as np

from mp3restore.audio.decode import open_audio
from mp3restore.audio.metadata import read_metadata
from mp3restore.audio.mpeg import MpegSource
from mp3restore.audio.run_decoder import decode_run
from mp3restore.audio.source import AudioSource
from mp3restore.errors import Mp3RestoreError
from mp3restore.inspection.bandwidth import bandwidth_of
from mp3restore.inspection.decoded import find_coding
from mp3restore.inspection.strength import Verdict, strength_for_mp3, verdict_for_mp3, warranted_strength
from mp3restore.mp3.run_bytes import RunBytes

__all__ = ["Outcome", "Survey", "survey_file", "survey_files"]

Outcome = Verdict | Literal["inspect alone", "unreadable"]
"""What to do with a file; "inspect alone" stands for formats that show their losses only when they are decoded."""

# A second of decoder's output behind the first block, whose beginning lacks main data of the frames before.
_SKIPPED_BLOCKS: Final = 1
# Fewer files are looked at sooner in this process than other processes start.
_FEW: Final = 24
_FILES_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A quick look at one file.

    Attributes
    ----------
    path : Path
        The file.
    verdict : str
        One of `Outcome`.
    seconds : float or None
        Length of the music.
    bytes : int
        Length of the file.
    kbps : float or None
        Mean bitrate, counted over all frames.
    was_mp3 : bool or None
        True for another file whose samples show that they were decoded from an MP3; None where nothing shows it, which
        proves nothing.
    was_kbps : float or None
        About the bitrate of that MP3.
    rate_mode : {"cbr", "vbr"}, optional
        Whether all frames have one bitrate.
    encoder : str or None
        The encoder that the file names.
    edge_hz : float or None
        Highest frequency of a second of music from the middle.
    strength : float or None
        How far a run would go with this file.
    lost_seconds : float
        Seconds of damage.
    problem : str
        Why it cannot be read.
    """

    path: Path
    verdict: Outcome
    seconds: float | None = None
    bytes: int = 0
    kbps: float | None = None
    was_mp3: bool | None = None
    was_kbps: float | None = None
    rate_mode: Literal["cbr", "vbr"] | None = None
    encoder: str | None = None
    edge_hz: float | None = None
    strength: float | None = None
    lost_seconds: float = 0.0
    problem: str = ""


def survey_file(path: Path) -> Survey:
    """Look at one file; what is wrong with it is part of the answer."""
    try:
        with open_audio(path) as source:
            if isinstance(source, MpegSource):
                return _survey_mpeg(source)
            decoded = find_coding(source)
            readable = decoded is not None and decoded.readable
            was_kbps = decoded.stream.kbps if decoded is not None and readable else None
            return Survey(
                path=path,
                verdict="inspect alone" if was_kbps is None else verdict_for_mp3(was_kbps, **_kind(source)),
                seconds=read_metadata(path).seconds,
                bytes=source.file.size,
                kbps=source.kbps,
                was_mp3=None if decoded is None else True,
                was_kbps=was_kbps,
                edge_hz=decoded.stream.edge_hz if decoded is not None and readable else None,
                strength=warranted_strength(source, None, decoded) if readable else None,
            )
    except (Mp3RestoreError, OSError) as error:
        reason = error.message if isinstance(error, Mp3RestoreError) else error.strerror or str(error)
        return Survey(path=path, verdict="unreadable", problem=reason)


def _survey_mpeg(source: MpegSource) -> Survey:
    run = max(source.runs, key=lambda each: int(each.position.size))
    sizes = run.headers.kbps[~run.silent]
    tag = run.parts[0].tag if run.parts else None
    lost = int(np.count_nonzero(run.silent)) * run.frame_samples / run.sample_rate
    return Survey(
        path=source.path,
        verdict=verdict_for_mp3(source.kbps, **_kind(source)),
        seconds=source.frames / source.sample_rate,
        bytes=source.file.size,
        kbps=source.kbps,
        rate_mode="cbr" if sizes.size and np.all(sizes == sizes[0]) else "vbr",
        encoder=tag.encoder if tag else None,
        edge_hz=_edge(source),
        strength=strength_for_mp3(source.kbps, **_kind(source)),
        lost_seconds=lost,
    )


def _kind(source: AudioSource) -> dict[str, int]:
    return {"sample_rate": source.sample_rate, "channels": source.channels}


def _edge(source: MpegSource) -> float | None:
    """Return the highest frequency of a second from the middle of the longest run; None where it is too short."""
    run = max(source.runs, key=lambda each: int(each.position.size))
    middle = int(run.position.size) // 2
    data = RunBytes(run, source.read)
    block = next(islice(decode_run(data, middle, run.sample_rate), _SKIPPED_BLOCKS, None), None)
    return None if block is None or not block.any() else bandwidth_of(block, run.sample_rate)


def survey_files(paths: list[Path], *, processes: int) -> Iterator[Survey]:
    """Look at many files, in order; more than a few are shared among processes."""
    if processes == 1 or len(paths) <= _FEW:
        yield from map(survey_file, paths)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(survey_file), paths, chunksize=_FILES_AT_ONCE)
