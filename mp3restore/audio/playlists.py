"""Playlists, which are no audio, whatever they are called: a decoder that follows one would read other files."""

from __future__ import annotations

import re

from mp3restore.audio.input import InputFile
from mp3restore.errors import DecodeError

__all__ = ["refuse_playlist"]

_HEAD_BYTES = 4096
_KINDS = (
    ("M3U", re.compile(rb"\s*(#EXTM3U|#EXTINF|#EXT-X-)")),
    ("PLS", re.compile(rb"\s*\[playlist\]", re.IGNORECASE)),
    ("ASX", re.compile(rb"\s*(<asx|\[reference\]|ASF\s+http)", re.IGNORECASE)),
    ("WPL", re.compile(rb"\s*<\?wpl", re.IGNORECASE)),
    ("XSPF", re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<playlist", re.IGNORECASE | re.DOTALL)),
    ("concat", re.compile(rb"\s*ffconcat version")),
    ("SDP", re.compile(rb"\s*v=0\r?\n[a-z]=")),
    # A list without any heading: an address, or the name of an audio file, in the first line that is no comment.
    ("M3U", re.compile(rb"\s*(#[^\n]*\n\s*)*(https?|rtsp|rtmp|mms|file)://", re.IGNORECASE)),
    (
        "M3U",
        re.compile(rb"\s*(#[^\n]*\n\s*)*[^\n\x00-\x08]{1,255}\.(mp3|m4a|aac|flac|ogg|wav|wma)\s*(\n|$)", re.IGNORECASE),
    ),
)


def refuse_playlist(file: InputFile) -> None:
    """Refuse a playlist by what it is.

    Raises
    ------
    DecodeError
        If the file is one.
    """
    head = file.read_bytes(0, _HEAD_BYTES).removeprefix(b"\xef\xbb\xbf")
    for name, begins in _KINDS:
        if begins.match(head):
            raise DecodeError(
                f"is a playlist ({name}) and holds no audio itself",
                path=file.path,
                hint="name the files that it lists",
            )
