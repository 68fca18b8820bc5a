"""ID3 frames as comments, and comments as ID3 frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mutagen.id3 import COMM, TIPL, TMCL, TXXX, UFID, USLT, Frames

from mp3restore.audio.tags.content import Tags, chapter_comments
from mp3restore.audio.tags.names import (
    DESCRIPTION_OF,
    FRAME_OF,
    FRAMES,
    NUMBERS,
    ROLES,
    STALE_FRAMES,
    URLS,
    described,
)

__all__ = ["frames_for", "take_frames"]

_MUSICBRAINZ = "http://musicbrainz.org"
# Descriptions of COMM frames in which iTunes and MusicMatch keep their own data about the encode.
_STALE_COMMENTS = ("ITUN", "REPLAYGAIN_", "MP3GAIN_")
_NO_LANGUAGE = ("", "XXX", "UND", "ENG", "\0\0\0")
_ROLE_OF = {name: role.lower() if role != "DJ-MIX" else "DJ-mix" for role, name in ROLES.items()}


def take_frames(frames: Iterable[Any], tags: Tags) -> None:
    """Take over ID3v2 frames: as they are, as comments and pictures, and by name what can be neither."""
    chapters = []
    for frame in sorted(frames, key=_in_another_language):
        try:
            own = _understood(frame)
            if frame.FrameID == "CHAP":
                chapters.append(_chapter(frame))
        except Exception:  # values of damaged frames raise all sorts of errors
            tags.problems.append(f"{frame.FrameID} frame")
            continue
        for key, values in own.comments.items():
            tags.add(key, values)
        tags.pictures += own.pictures
        tags.frames += own.frames
        tags.lost += own.lost
        tags.ours = tags.ours or own.ours
    for key, value in chapter_comments(chapters):
        tags.add(key, [value])


def _in_another_language(frame: Any) -> bool:  # noqa: ANN401 - mutagen has no types
    return getattr(frame, "lang", "").upper() not in _NO_LANGUAGE


def _understood(frame: Any) -> Tags:  # noqa: ANN401
    """Return what one frame says; nothing where it does not hold for a result."""
    own = Tags()
    name = frame.FrameID
    if name in STALE_FRAMES or _is_stale_comment(frame):
        return own
    if name == "APIC":
        own.add_picture(frame.data, frame.mime, int(frame.type), frame.desc)
    elif name in ("CHAP", "CTOC"):  # comments number the chapters by their start
        own.frames.append(frame)
    else:
        found = list(_comments(frame))
        for key, values in found:
            own.add(key, values)
        own.lost += [] if found else [name]
        own.frames += [frame] if own.comments or not found else []
    return own


def _is_stale_comment(frame: Any) -> bool:  # noqa: ANN401
    return frame.FrameID in ("COMM", "TXXX") and frame.desc.upper().startswith(_STALE_COMMENTS)


def _chapter(frame: Any) -> tuple[float, str, str]:  # noqa: ANN401
    titles = [str(text) for each in frame.sub_frames.getall("TIT2") for text in each.text]
    urls = [each.url for each in frame.sub_frames.values() if each.FrameID.startswith("W")]
    return frame.start_time / 1000, " ".join(titles), "".join(urls[:1])


def _comments(frame: Any) -> Iterator[tuple[str, list[str]]]:  # noqa: ANN401
    """Names and values of a frame; none where it has no place among comments."""
    name = frame.FrameID
    if name in NUMBERS:
        yield from _numbers(NUMBERS[name], str(frame))
    elif name == "TCON":
        yield "GENRE", list(frame.genres)
    elif name == "TXXX":
        yield described(frame.desc), [str(text) for text in frame.text]
    elif name in FRAMES:
        yield FRAMES[name], [str(text) for text in frame.text]
    elif name in URLS:
        yield URLS[name], [frame.url]
    elif name == "WXXX":
        yield f"URL:{frame.desc}" if frame.desc else "URL", [frame.url]
    elif name in ("COMM", "USLT"):
        texts = [str(text) for text in frame.text] if name == "COMM" else [frame.text]
        yield from _described("COMMENT" if name == "COMM" else "LYRICS", frame, texts)
    elif name in ("TIPL", "TMCL"):
        yield from _people(frame)
    else:
        yield from _others(frame)


def _others(frame: Any) -> Iterator[tuple[str, list[str]]]:  # noqa: ANN401
    name = frame.FrameID
    if name == "POPM":
        yield f"RATING:{frame.email}" if frame.email else "RATING", [f"{frame.rating / 255:.4g}"]
        if getattr(frame, "count", 0):
            yield "PLAYCOUNT", [str(frame.count)]
    elif name == "PCNT":
        yield "PLAYCOUNT", [str(frame.count)]
    elif name == "PCST":
        yield "PODCAST", ["1"]
    elif name == "SYLT" and frame.format == 2:  # in milliseconds
        yield from _described("SYNCEDLYRICS", frame, [_lrc(frame.text)])
    elif name == "USER":
        yield "TERMSOFUSE", [frame.text]
    elif name == "UFID" and frame.owner == _MUSICBRAINZ:
        yield "MUSICBRAINZ_TRACKID", [frame.data.decode("ascii")]


def _numbers(names: tuple[str, str], text: str) -> Iterator[tuple[str, list[str]]]:
    number, _, total = text.partition("\0")[0].partition("/")
    yield from [(names[0], [number.strip()]), (names[1], [total.strip()])]


def _described(name: str, frame: Any, texts: list[str]) -> Iterator[tuple[str, list[str]]]:  # noqa: ANN401
    """Keep language and description in the name, as Picard does; players look for the name alone."""
    language = "" if frame.lang.upper() in _NO_LANGUAGE else frame.lang
    if not frame.desc:
        yield name, texts
    if frame.desc or language:
        yield ":".join([name, *([language] if language else []), *([frame.desc] if frame.desc else [])]), texts


def _people(frame: Any) -> Iterator[tuple[str, list[str]]]:  # noqa: ANN401
    for role, *person in frame.people:
        who = " ".join(person)
        if frame.FrameID == "TIPL" and role.upper() in ROLES:
            yield ROLES[role.upper()], [who]
        else:
            yield "PERFORMER", [f"{who} ({role})" if role else who]


def _lrc(lines: Iterable[tuple[str, int]]) -> str:
    """Write synchronised lyrics with times in milliseconds as LRC."""
    written = []
    for text, time in lines:
        minutes, milliseconds = divmod(time, 60_000)
        written.append(f"[{minutes:02}:{milliseconds // 1000:02}.{milliseconds % 1000 // 10:02}]{text.strip()}")
    return "\n".join(written)


def frames_for(tags: Tags) -> list[Any]:
    """Write tags as ID3v2.4 frames: those of the input as they were, and others for what came from other tags."""
    frames = [frame for frame in tags.frames if frame.FrameID == "CHAP" or _agrees(frame, tags)]
    known = Tags()
    take_frames(frames, known)
    covered = known.comments
    comments = {name: values for name, values in tags.comments.items() if name not in covered}
    for frame, (number, total) in NUMBERS.items():
        parts = comments.pop(number, [""])[:1] + comments.pop(total, [])[:1]
        if any(parts):
            frames.append(Frames[frame](encoding=3, text=["/".join(parts)]))
    people = {name: comments.pop(name) for name in _ROLE_OF if name in comments}
    if people:
        pairs = [[_ROLE_OF[name], who] for name, each in people.items() for who in each]
        frames.append(TIPL(encoding=3, people=pairs))
    performers = [_performer(text) for text in comments.pop("PERFORMER", [])]
    if performers:
        frames.append(TMCL(encoding=3, people=performers))
    return frames + [_frame_for(name, values) for name, values in comments.items()]


def _agrees(frame: Any, tags: Tags) -> bool:  # noqa: ANN401
    """Whether a frame says what the comments say, which may come from a tag that goes before its own."""
    said = _understood(frame).comments
    return all(set(values) <= set(tags.comments.get(name, [])) for name, values in said.items())


def _performer(text: str) -> list[str]:
    """Split "name (instrument)"."""
    who, separator, instrument = text.removesuffix(")").rpartition(" (")
    return [instrument, who] if separator and text.endswith(")") else ["", text]


def _frame_for(name: str, values: list[str]) -> Any:  # noqa: ANN401
    if name in FRAME_OF:
        return Frames[FRAME_OF[name]](encoding=3, text=values)
    for frame, key in URLS.items():
        if name == key:
            return Frames[frame](url=values[0])
    base, _, description = name.partition(":")
    if base == "COMMENT":
        return COMM(encoding=3, lang="XXX", desc=description, text=values)
    if base == "LYRICS":
        return USLT(encoding=3, lang="XXX", desc=description, text="\n".join(values))
    if name == "MUSICBRAINZ_TRACKID":
        return UFID(owner=_MUSICBRAINZ, data=values[0].encode("ascii", "replace"))
    return TXXX(encoding=3, desc=DESCRIPTION_OF.get(name, name), text=values)
