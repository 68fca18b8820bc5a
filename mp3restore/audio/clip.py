"""Cut a short file out of a long one, with little work even if that takes hours to play."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import soundfile

from mp3restore.audio.decode import open_audio
from mp3restore.audio.excerpt import read_excerpt
from mp3restore.audio.mpeg import MpegSource, MusicRange
from mp3restore.audio.source import AudioSource
from mp3restore.errors import UsageError
from mp3restore.mp3.cutting import cut_frames

__all__ = ["Clip", "cut_clip"]

# Of a few frames alone nobody could tell that they are music.
_LEAST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Clip:
    """A part of a file, as a file of its own.

    Attributes
    ----------
    path : Path
        The part.
    start : float
        The second of the whole at which it begins, exact to the sample.
    duration : float
        Its length in seconds.
    """

    path: Path
    start: float
    duration: float


def cut_clip(source: AudioSource, target: Path, *, start: float, duration: float, margin: float = 0.0) -> Clip:
    """Cut a part out of a file: MPEG audio byte for byte, other audio as samples without loss.

    Of MPEG audio the part has whole frames, and a second of them at least, even if that begins before `start`. Up to
    half a second at its beginning may be silent, because the frames there need data of earlier ones. Of joined files it
    reaches no further than to the end of one of them.

    Parameters
    ----------
    source : AudioSource
        The file; its samples stay where they are.
    target : Path
        Where to write the part, without a suffix: it gets that of its format.
    start, duration : float
        The part in seconds, which may reach beyond the end.
    margin : float
        How many seconds to take along on either side, as far as there are any.

    Raises
    ------
    UsageError
        If the file ends before `start`.
    InputError
        If it cannot be decoded.
    """
    begin = max(0.0, start - margin)
    length = start - begin + duration + margin
    if isinstance(source, MpegSource):
        rate = source.sample_rate
        if round(start * rate) >= source.frames:
            raise UsageError(f"ends at {source.frames / rate:.1f} s, before {start:g} s", path=source.path)
        return _cut_mpeg(source, target.with_name(f"{target.name}{source.path.suffix or '.mp3'}"), start, begin, length)
    samples, rate = read_excerpt(source.path, start=begin, duration=length)
    if round(begin * rate) + samples.shape[1] <= start * rate:
        raise UsageError(f"ends at {begin + samples.shape[1] / rate:.1f} s, before {start:g} s", path=source.path)
    path = target.with_name(f"{target.name}.wav")
    soundfile.write(path, samples.T, rate, subtype="FLOAT", format="WAV")
    return Clip(path, round(begin * rate) / rate, samples.shape[1] / rate)


def _range_at(source: MpegSource, sample: int) -> MusicRange:
    """Return the range of music that holds a sample of the decoded file."""
    return next(each for each in reversed(source.ranges) if each.place <= sample)


def _cut_mpeg(source: MpegSource, path: Path, start: float, wanted_from: float, duration: float) -> Clip:
    """Cut `duration` seconds out of the music that `start` lies in, from `wanted_from` on if that lies in it, too."""
    rate = source.sample_rate
    wanted = round(wanted_from * rate)
    music = _range_at(source, round(start * rate))
    run = source.runs[music.run]
    size = run.frame_samples
    begin = music.start + (wanted - music.place) * run.sample_rate / rate
    begin = max(music.start, min(begin, music.stop - _LEAST_SECONDS * run.sample_rate))
    first = int(begin // size)
    end = min(begin + duration * run.sample_rate, music.stop)
    last = -int(-end // size)
    path.write_bytes(cut_frames(source.table, run, source.read, first, last))
    with open_audio(path) as clip:
        if not isinstance(clip, MpegSource):  # pragma: no cover - frames of MPEG audio are MPEG audio
            raise TypeError(f"{path} is not MPEG audio")
        # The decoder of the part leaves out as much as its tag states.
        heard = first * size + clip.ranges[0].start
        begins = (music.place + (heard - music.start) * rate / run.sample_rate) / rate
        return Clip(path, begins, clip.frames / clip.sample_rate)
