"""Files that a decoder would follow to other files, and that hold no audio: playlists, links, subtitles."""

from __future__ import annotations

import re
from typing import Final

from mp3restore.audio.input import InputFile
from mp3restore.errors import DecodeError

__all__ = ["list_kind", "refuse_lists"]

_HEAD_BYTES = 4096
_AUDIO = rb"(mp3|m4a|aac|flac|ogg|opus|wav|wma)"
_KINDS: Final = (
    ("a playlist (M3U)", rb"#EXTM3U|#EXTINF|#EXT-X-|RTSPtext"),
    ("a playlist (PLS)", rb"\[playlist\]"),
    ("a playlist (ASX)", rb"<asx\b|\[Reference\]|ASF\s+http"),
    ("a playlist (XSPF)", rb"<playlist\b"),
    ("a playlist (WPL)", rb"<\?wpl|<smil\b"),
    ("a playlist (DASH)", rb"<(MPD|SmoothStreamingMedia)\b"),
    ("a playlist (concat)", rb"ffconcat version|file\s+'|file\s+\S+\.\w{2,4}\s*$"),
    ("a cue sheet", rb"(REM|PERFORMER|TITLE|CATALOG|CDTEXTFILE)\s[^\0]*?\n[ \t]*FILE\s"),
    ("a cue sheet", rb"FILE\s+\S.*\s(WAVE|MP3|AIFF|BINARY)\b"),
    ("a playlist (SDP)", rb"v=0\r?\n[a-z]="),
    ("a link", rb"\[InternetShortcut\]|\[Desktop Entry\]"),
    ("a file of subtitles", rb"WEBVTT|\[Script Info\]|\d+\r?\n\d\d:\d\d:\d\d[,.]\d\d\d -->"),
    # A list without a heading: an address, or the name of an audio file, in the first line that is not a comment.
    ("a playlist (M3U)", rb"(#[^\n]*\n\s*)*((https?|rtsp|rtmp|mms|file)://|data:)"),
    ("a playlist (M3U)", rb"(#[^\n]*\n\s*)*[^\n\x00-\x08]{1,255}\." + _AUDIO + rb"\s*(\n|\Z)"),
)


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
        raise DecodeError(f"is {kind} and holds no audio itself", path=file.path, hint="name the files that it lists")
