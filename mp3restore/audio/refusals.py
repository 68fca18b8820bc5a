"""Files that look like music to a decoder and are none: lists of other files, addresses, subtitles."""

from __future__ import annotations

import re
from typing import Final

from mp3restore.audio.input import InputFile
from mp3restore.errors import DecodeError

__all__ = ["list_kind", "refuse_lists"]

_HEAD_BYTES = 4096
_KINDS: Final = (
    ("a playlist", rb"#EXTM3U|#EXTINF|\[playlist\]|RTSPtext|\[Reference\]|mms://|rtsp://|https?://|file:|data:"),
    ("a playlist", rb"<(asx|smil|MPD|playlist|SmoothStreamingMedia)\b"),
    ("a list of files to join", rb"ffconcat version|file\s+'|file\s+\S+\.\w{2,4}\s*$"),
    ("a cue sheet", rb"(REM|PERFORMER|TITLE|CATALOG|CDTEXTFILE)\s[^\0]*?\n[ \t]*FILE\s"),
    ("a cue sheet", rb"FILE\s+\S.*\s(WAVE|MP3|AIFF|BINARY)\b"),
    ("a description of a stream", rb"v=0\r?\n[a-z]="),
    ("a link", rb"\[InternetShortcut\]|\[Desktop Entry\]"),
    ("a file of subtitles", rb"WEBVTT|\[Script Info\]|\d+\r?\n\d\d:\d\d:\d\d[,.]\d\d\d -->"),
)  # fmt: skip


def list_kind(head: bytes) -> str | None:
    """Say what a file that begins with `head` is, if it is text that names other files; None for anything else."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head[: len(head) // 2 * 2].decode("utf-16", "replace").encode()
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    text = re.sub(rb"\A(<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE[^>]*>|\s)+", b"", text, flags=re.DOTALL)
    for kind, pattern in _KINDS:
        if re.match(pattern, text, re.IGNORECASE | re.MULTILINE):
            return kind
    return None


def refuse_lists(file: InputFile) -> None:
    """Refuse a file that is a list of other files.

    Raises
    ------
    DecodeError
        If it is one; the message says of what kind.
    """
    kind = list_kind(file.read(0, _HEAD_BYTES).tobytes())
    if kind is not None:
        raise DecodeError(f"is {kind}, not a file of sound", path=file.path, hint="name the files of sound themselves")
