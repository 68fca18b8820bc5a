"""What a file is, found out once and handed on: its bitstream, its bitrate, its tags, the strength it warrants."""

from __future__ import annotations

from dataclasses import dataclass

from mp3restore.audio.source import AudioSource
from mp3restore.audio.tags import Tags, read_tags
from mp3restore.inspection.bitstream import Bitstream, open_bitstream
from mp3restore.inspection.decoded import DecodedMp3, find_coding
from mp3restore.inspection.strength import warranted_strength

__all__ = ["Examination", "examine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What a file is.

    Attributes
    ----------
    bitstream : Bitstream or None
        What an MP3 says about every granule; None where the decoder's output is not what the bitstream says (another
        format, damage throughout): then nothing can be guaranteed.
    decoded : DecodedMp3 or None
        What the samples of another file tell of the MP3 that they were decoded from; None where nothing shows one.
    kbps : float or None
        Mean bitrate of what is compressed with losses; None where that is not known.
    tags : Tags
        Tags and pictures.
    restored_before : bool
        Whether the file is a restoration already, by its tags.
    strength : float
        How far to go from the file (0.0) to its restoration (1.0).
    """

    bitstream: Bitstream | None
    decoded: DecodedMp3 | None
    kbps: float | None
    tags: Tags
    restored_before: bool
    strength: float

    @property
    def coding(self) -> Bitstream | DecodedMp3 | None:
        """What says how the lines of the file were coded: its bitstream, or else its samples."""
        if self.bitstream is not None:
            return self.bitstream
        return self.decoded if self.decoded is not None and self.decoded.readable else None


def examine(source: AudioSource, *, strength: float | None = None) -> Examination:
    """Find out what an open file is, from its bytes and the beginning of its music.

    Parameters
    ----------
    source : AudioSource
        The open file; all its samples are still to come from it afterwards.
    strength : float, optional
        The strength that the user wants; by default the one that the losses of the file warrant.
    """
    found = open_bitstream(source)
    bitstream = found if found is not None and found.believed else None
    kbps = source.kbps
    decoded = find_coding(source)
    if strength is None:
        strength = warranted_strength(source, kbps, decoded, mapped=bitstream is not None)
    tags, ours = read_tags(source.file.view())
    return Examination(
        bitstream=bitstream,
        decoded=decoded,
        kbps=kbps,
        tags=tags,
        restored_before=ours,
        strength=strength,
    )
