"""The Xing, Info, LAME and VBRI tags, which encoders put into a silent first frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from mp3restore.mp3.frame_header import CRC_BYTES, HEADER_BYTES

RateMode = Literal["cbr", "abr", "vbr"]

_VBRI_OFFSET: Final = 36
_LAME_BYTES: Final = 24
# The method nibble of the LAME tag. 0 and 7 mean unknown.
_METHODS: Final[dict[int, RateMode]] = {
    1: "cbr", 2: "abr", 3: "vbr", 4: "vbr", 5: "vbr", 6: "vbr", 8: "cbr", 9: "abr",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class InfoTag:
    """The contents of the tag frame; a field is None if the tag does not state it."""

    rate_mode: RateMode | None = None
    encoder: str | None = None
    lowpass_hz: int | None = None
    encoder_delay: int | None = None
    """Samples that the encoder put before the music."""
    padding: int | None = None
    """Samples that the encoder put after the music."""
    stream_bytes: int | None = None
    """Length of the stream, including this frame."""
    frames: int | None = None
    """Number of frames that follow; 0 counts as not stated."""

    @property
    def trims(self) -> bool:
        """Whether decoders trim the start: by their own delay, and the encoder's if the tag states it."""
        return self.encoder_delay is not None or self.frames is not None


def _printable(raw: bytes) -> str | None:
    text = raw.split(b"\0")[0].decode("latin-1").strip()
    return text if text and text.isprintable() and text.isascii() else None


def _lame_extension(block: bytes, rate_mode: RateMode | None) -> InfoTag:
    """Read the LAME extension after a Xing header; encoders other than LAME write it as well."""
    encoder = _printable(block[:9])
    if len(block) < _LAME_BYTES or encoder is None:
        return InfoTag(rate_mode=rate_mode, encoder=encoder)
    delays = int.from_bytes(block[21:24], "big")
    return InfoTag(
        rate_mode=_METHODS.get(block[9] & 15, rate_mode),
        encoder=encoder,
        lowpass_hz=block[10] * 100 or None,
        encoder_delay=delays >> 12,
        padding=delays & 0xFFF,
    )


def read_info_tag(frame: bytes, side_info_bytes: int) -> InfoTag | None:
    """Read the tag from the bytes of a frame; return None if the frame is ordinary audio."""
    if frame[_VBRI_OFFSET : _VBRI_OFFSET + 4] == b"VBRI":
        return InfoTag(rate_mode="vbr", encoder="FhG")
    # After the CRC of protected frames, or in its place.
    starts = (HEADER_BYTES + side_info_bytes, HEADER_BYTES + CRC_BYTES + side_info_bytes)
    at = next((start for start in starts if frame[start : start + 4] in (b"Xing", b"Info")), None)
    if at is None:
        return None
    magic = frame[at : at + 4]
    flags = int.from_bytes(frame[at + 4 : at + 8], "big")
    count = int.from_bytes(frame[at + 8 : at + 12], "big") if flags & 1 else 0
    length_at = at + 8 + 4 * (flags & 1)
    stream_bytes = int.from_bytes(frame[length_at : length_at + 4], "big") if flags & 2 else 0
    at += 8 + sum(size for bit, size in enumerate((4, 4, 100, 4)) if flags >> bit & 1)
    tag = _lame_extension(frame[at:], "cbr" if magic == b"Info" else "vbr")
    return replace(tag, stream_bytes=stream_bytes or None, frames=count or None)
