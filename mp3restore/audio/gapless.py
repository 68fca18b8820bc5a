"""Where the music begins and ends in an MP3 of iTunes, which says so in a comment instead of a tag frame."""

from __future__ import annotations

import re

import mutagen
from mutagen.id3 import ID3

from mp3restore.audio.input import InputFile
from mp3restore.mp3.runs import DECODER_DELAY, Run

__all__ = ["itunes_music"]

_COMMENT = re.compile(r"\s*[0-9A-Fa-f]{8} ([0-9A-Fa-f]{8}) ([0-9A-Fa-f]{8}) ([0-9A-Fa-f]{16})\b")


def itunes_music(file: InputFile, run: Run) -> tuple[int, int] | None:
    """Return the samples of an MP3's only run that are music by the comment "iTunSMPB".

    None if a tag frame says it already, or if delay, length and padding of the comment are not all samples of the
    frames: then it speaks of another file.
    """
    if len(run.parts) != 1 or (run.parts[0].tag is not None and run.parts[0].tag.trims):
        return None
    try:
        comments = ID3(file.view()).getall("COMM")
    except (mutagen.MutagenError, OSError, ValueError):
        return None
    for comment in comments:
        found = _COMMENT.match(str(comment)) if comment.desc == "iTunSMPB" else None
        if found is not None:
            delay, padding, length = (int(number, 16) for number in found.groups())
            if length and delay + length + padding == run.position.size * run.frame_samples:
                start = delay + DECODER_DELAY
                return start, min(start + length, run.position.size * run.frame_samples)
    return None
