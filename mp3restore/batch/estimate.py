"""About how long a run will take, and how large its results will be: for the eye, from a few measured numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mp3restore.batch.facts import Facts
from mp3restore.job import Container, OutputFormat

__all__ = ["Estimate", "estimate"]

# Seconds of stereo that one core of 2024 restores in a second, with the model "ember"; `bench` measures this machine.
_SPEED: Final = 28.0
# Seconds until the first file begins.
_START_SECONDS: Final = 1.2
# FLAC of restored music, as a share of its samples by their bits.
_FLAC_SHARE: Final = {16: 0.55, 24: 0.7}
# Stereo at the qualities that are written, in kbit/s.
_KBPS: Final[dict[Container, float]] = {"opus": 165.0, "ogg": 165.0, "mp3": 215.0}
# Music at lower rates is restored to this one; nearly all other has it.
_USUAL_RATE: Final = 44100
_USUAL_CHANNELS: Final = 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """About what a run amounts to.

    Attributes
    ----------
    seconds : float
        Length of the music.
    work_s : float
        Seconds that the run takes.
    bytes : float
        Size of its results.
    """

    seconds: float
    work_s: float
    bytes: float


def estimate(planned: Iterable[tuple[Facts, OutputFormat]], *, cores: int, sample_rate: int | None = None) -> Estimate:
    """Estimate time and size of a run on this machine; music of unknown length counts as none.

    Parameters
    ----------
    planned : iterable of (Facts, OutputFormat)
        What is known of each file to restore, and the format of its result.
    cores : int
        How many processors work at the same time.
    sample_rate : int, optional
        Rate of the results in Hz; by default that of each file.
    """
    seconds = size = stereo = 0.0
    for facts, form in planned:
        length = facts.seconds or 0.0
        channels = facts.channels or _USUAL_CHANNELS
        seconds += length
        stereo += length * channels / 2
        size += length * _bytes_per_second(form, sample_rate or max(_USUAL_RATE, facts.sample_rate or 0), channels)
    return Estimate(seconds, _START_SECONDS + stereo / (_SPEED * max(1, cores)) if seconds else 0.0, size)


def _bytes_per_second(form: OutputFormat, rate: int, channels: int) -> float:
    if form.container in _KBPS:
        return _KBPS[form.container] * 1000 / 8 * channels / 2
    return rate * channels * form.bits / 8 * (_FLAC_SHARE[form.bits] if form.container == "flac" else 1.0)
