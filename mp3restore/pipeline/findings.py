"""What is odd about an input, found while it passes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from mp3restore._typing import Samples
from mp3restore.audio.source import AudioSource
from mp3restore.inspection.examine import Examination
from mp3restore.result import Damage

__all__ = ["ClippingCounter", "reason_to_leave", "warnings_of"]

# Full scale within a step of 12 bits: what was clipped before an MP3 encoder does not come back exactly.
_CLIPPED = 1 - 2.0**-11
_RUN_SAMPLES = 4
# So many are no accident of a loud recording.
_CLIPPED_PLACES = 10
# Some encoders count a frame too many.
_LEAST_MISSING_S = 0.1
_TOLD_PLACES = 3
_KILOBYTE = 1000


class ClippingCounter:
    """Counts the places where a stream stays at full scale for several samples.

    Attributes
    ----------
    places : int
        How many there were.
    overshoots : int
        Places where it goes beyond full scale: what a codec makes of music that was clipped before.
    """

    def __init__(self) -> None:
        self.places = self.overshoots = 0

    def tap(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        """Pass blocks (channels, n) on."""
        for block in blocks:
            # Beyond full scale nothing is clipped: a float file, or the overshoot of a codec.
            loud = np.abs(np.abs(block) - 1) <= 1 - _CLIPPED
            if loud.any():
                run = loud[:, : 1 - _RUN_SAMPLES]
                for k in range(1, _RUN_SAMPLES):
                    run = run & loud[:, k : k + run.shape[1]]
                self.places += _beginnings(run)
            beyond = np.abs(block) > 1
            if beyond.any():
                self.overshoots += _beginnings(beyond)
            yield block


def _beginnings(where: NDArray[np.bool_]) -> int:
    """How many runs of true there are in all rows."""
    return int(np.count_nonzero(where[:, 1:] & ~where[:, :-1])) + int(np.count_nonzero(where[:, :1]))


def warnings_of(
    found: Examination, clipping: ClippingCounter, source: AudioSource, *, seconds: float, automatic_strength: bool
) -> Iterator[str]:
    """Say what is odd about an input, when all of it has passed.

    Parameters
    ----------
    found : Examination
        What the input is.
    clipping : ClippingCounter
        What it counted.
    source : AudioSource
        The input, decoded to its end.
    seconds : float
        Length of the music.
    automatic_strength : bool
        Whether the strength is the one that the losses warrant, and not the user's.
    """
    stream = None if found.bitstream is None else found.bitstream.stream
    if clipping.places >= _CLIPPED_PLACES:
        yield f"the input is clipped in {clipping.places} places; this is not repaired"
    elif stream is not None and clipping.overshoots > seconds:
        yield (
            f"the input goes beyond full scale in {clipping.overshoots} places, as music does that was clipped before "
            "it was encoded; this is not repaired"
        )
    if (titles := source.stream_metadata) is not None:
        yield (
            f"the input is a saved radio stream: titles between the bytes of its music ({titles.places} places, one "
            f"after every {titles.interval} bytes) were left out"
        )
    yield from _damage(source.damage)
    if source.missing_s >= _LEAST_MISSING_S:
        yield f"the input is cut off: by its tag, {source.missing_s:.1f} seconds more belong to it"
    if found.strength == 0 and automatic_strength:
        yield f"{reason_to_leave(found)}, so the input is left unchanged; --strength restores it anyway"


def _damage(places: tuple[Damage, ...]) -> Iterator[str]:
    """Say where a file is damaged: the first places, and how much there is in all."""
    for each in places[:_TOLD_PLACES]:
        cost = f"{each.silence_s:.2f} s of silence stand for them" if each.silence_s else "nothing seems to be missing"
        yield f"{_amount(each.length)} at byte {each.position} ({_clock(each.seconds)}) are damaged: {cost}"
    if len(rest := places[_TOLD_PLACES:]):
        silence = sum(each.silence_s for each in rest)
        yield (
            f"further damaged places: {len(rest)}, with {_amount(sum(each.length for each in rest))} in all; "
            f"{silence:.2f} s of silence stand for them"
        )
    if places:
        yield "'mp3restore repair FILE' writes the sound frames alone, for players that stop at the others"


def _amount(count: int) -> str:
    return f"{count} bytes" if count < _KILOBYTE else f"{count / _KILOBYTE:.1f} kB"


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


def reason_to_leave(found: Examination) -> str:
    """Say why an input is not restored."""
    if found.decoded is not None and not found.decoded.readable:
        return "the input was decoded from an MP3 of unknown bitrate, but nothing shows what it has lost"
    if found.decoded is not None:
        of = f"an MP3 of about {found.decoded.stream.kbps:.0f} kbit/s"
        return f"the input was decoded from {of}, which has lost too little for a restoration to be heard"
    if found.kbps is None:
        return "no trace of lossy compression was found"
    return f"the input has {found.kbps:.0f} kbit/s and has lost too little for a restoration to be heard"
