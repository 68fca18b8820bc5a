"""Find the part of a file that is most worth hearing restored, before anything is restored.

Samples of a few seconds tell, so that a file of hours takes hardly longer than one of minutes.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mp3restore.audio.clip import cut_clip
from mp3restore.audio.decode import open_audio
from mp3restore.audio.mpeg import MpegSource
from mp3restore.audio.source import AudioSource
from mp3restore.inspection.bitstream import open_bitstream
from mp3restore.mp3.granules import CodedGranules

__all__ = ["most_damaged"]

# Places of an MP3 that are looked at, and how much of each: half a second of it may lack earlier data.
_PLACES: Final = 24
_PLACE_SECONDS: Final = 2.5
# Parts up to this much quieter than the loudest one are as well heard.
_LOUD_DB: Final = 6.0
# Other files have to be decoded from the beginning, which takes a second for so many.
_SEARCHED_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class _Place:
    """A part of the file: where it begins in seconds, its mean square, and how much its holes may hide of it."""

    start: float
    power: float
    loss: float


def most_damaged(source: AudioSource, seconds: float) -> float:
    """Return where the part of a file begins that has lost most among the loud ones.

    Of an MP3 it is the one whose holes may hide most, compared with what was coded: the power of all steps at which a
    line below the edge is zero. The number of holes alone would point to pure tones. Of files of other formats it is
    the loudest part of the first quarter of an hour.

    Parameters
    ----------
    source : AudioSource
        The open file. Of an MP3 all samples are still to come from it afterwards, of other files only the rest.
    seconds : float
        Length of the part.

    Returns
    -------
    float
        Its beginning in seconds; 0.0 for a shorter file.

    Raises
    ------
    InputError
        If the file cannot be decoded.
    """
    if not isinstance(source, MpegSource):
        return _loudest(source, seconds)
    room = source.frames / source.sample_rate - seconds
    if room <= 0:
        return 0.0
    # No more places than there are parts that hardly overlap.
    count = min(_PLACES, int(room / seconds * 2) + 2)
    with tempfile.TemporaryDirectory(prefix="mp3restore-") as folder:
        places = [_look(source, float(start), seconds, Path(folder)) for start in np.linspace(0.0, room, count)]
    least = max(place.power for place in places) * 10 ** (-_LOUD_DB / 10)
    return max((place for place in places if place.power >= least), key=lambda place: place.loss).start


def _look(source: MpegSource, start: float, seconds: float, folder: Path) -> _Place:
    """Look at the middle of a part."""
    middle = start + (seconds - _PLACE_SECONDS) / 2
    clip = cut_clip(source, folder / "part", start=max(0.0, middle), duration=_PLACE_SECONDS)
    with open_audio(clip.path) as part:
        bitstream = open_bitstream(part)
        samples = np.concatenate(list(part.blocks()), axis=1)
    power = float(np.square(samples).mean())
    lost = kept = 0.0
    for stretch in () if bitstream is None else bitstream.stretches:
        reader = stretch.reader()
        for run in (*reader.push(samples[:, stretch.start : stretch.stop]), *reader.finish()):
            lost, kept = lost + _in_holes(run), kept + _in_lines(run)
    return _Place(start, power, lost / kept if kept else 0.0)


def _in_holes(run: CodedGranules) -> float:
    """Return the power that may have been where a run has zeros: a line below its step may have become one."""
    below = np.arange(run.values.shape[-1]) < run.edges[..., None]
    holes = (run.values == 0) & below & run.sound[:, None, None]
    return float(np.square(run.steps[holes], dtype=np.float64).sum())


def _in_lines(run: CodedGranules) -> float:
    """Return the power of the lines that a run has (11172-3, 2.4.3.4.7.1)."""
    lines = run.magnitudes[run.sound].astype(np.float64) ** (4 / 3) * run.steps[run.sound]
    return float(np.square(lines).sum())


def _loudest(source: AudioSource, seconds: float) -> float:
    """Return where the loudest part begins, on a grid of seconds."""
    rate = source.sample_rate
    totals: list[float] = []
    rest = np.zeros(0, np.float32)
    for block in source.blocks():
        rest = np.concatenate([rest, np.square(block).mean(axis=0)])
        whole = len(rest) // rate
        totals += rest[: whole * rate].reshape(whole, rate).sum(axis=1, dtype=np.float64).tolist()
        rest = rest[whole * rate :]
        if len(totals) >= _SEARCHED_SECONDS:
            break
    width = int(np.ceil(seconds))
    if len(totals) <= width:
        return 0.0
    return float(np.argmax(np.convolve(totals, np.ones(width), "valid")))
