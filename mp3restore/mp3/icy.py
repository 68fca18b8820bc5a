"""ICY metadata in a saved radio stream: every so many bytes of audio, a length and the title of the song.

A server that was asked for it puts metadata between the bytes of the audio at a fixed interval, in the middle of a
frame or not: one byte that counts units of 16 bytes, and a text such as ``StreamTitle='Artist - Song';``. While the
title stays, the text is empty: a single zero byte. Programs that save a stream as it comes leave all that in the file,
and each place tears a frame apart. (SHOUTcast; there is no standard.)
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from mp3restore.mp3.foreign import Read
    from mp3restore.mp3.framing import FileTable

_UNIT: Final = 16
_MARK: Final = b"StreamTitle='"
_TITLE: Final = re.compile(rb"StreamTitle='(.*?)';(?:Stream|\0|$)", re.DOTALL)
_CHUNK: Final = 1 << 22
# Intervals that servers use; of other ones so many places must agree.
_USUAL: Final = (1024, 2048, 4096, 8192, 10000, 16000, 16384, 24576, 32000, 32768, 65536)
_LEAST: Final = 256
_LARGEST: Final = 1 << 17
_AGREEING: Final = 3
_CERTAIN: Final = 6
_JUDGED: Final = 12
_TRIED: Final = 8


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a server put between the bytes of a stream."""

    interval: int
    """Bytes of audio from one place to the next."""
    position: NDArray[np.int64]
    """Bytes of the file at which metadata begins, in order."""
    length: NDArray[np.int64]
    """Bytes that it takes, the byte of its length included."""
    titles: tuple[bytes, ...]
    """Titles in order, as they were sent; repetitions are left out."""

    def without(self, read: Read) -> Read:
        """Return a reader of the bytes that are left when the metadata is taken out."""
        ends = (self.position + self.length).tolist()
        starts = (self.position - np.cumsum(self.length) + self.length).tolist()

        def rest(begin: int, end: int) -> bytes:
            parts, piece = [], bisect_right(starts, begin)
            while begin < end:
                stop = min(end, starts[piece]) if piece < len(starts) else end
                origin = ends[piece - 1] - starts[piece - 1] if piece else 0
                if stop > begin:  # pragma: no branch - empty where two pieces of metadata touch
                    part = read(begin + origin, stop + origin)
                    parts.append(part)
                    if len(part) < stop - begin:
                        break  # pragma: no cover - the file is cut off while it is read
                begin, piece = stop, piece + 1
            return b"".join(parts)

        return rest

    def place(self, position: int) -> int:
        """Return where in the file a byte lies that is at `position` when the metadata is taken out."""
        starts = self.position - np.cumsum(self.length) + self.length
        return position + int(self.length[: np.searchsorted(starts, position, side="right")].sum())


def find_metadata(table: FileTable, read: Read) -> Metadata | None:
    """Find the metadata of a saved stream, wherever the file begins; None where there is none.

    The places of titles, the zero bytes between them and the frames that are torn apart there must agree.

    Parameters
    ----------
    table : FileTable
        The frames of the file with its metadata.
    read : callable
        Returns its bytes.
    """
    begins, ends = np.append(0, table.position), np.append(table.position, table.length)
    torn = np.append(0, table.end) != ends
    anchors = list(_titles(read, table.length)) if torn.any() else []
    if not anchors:
        return None
    search = _Search(read, table.length, anchors, (begins[torn], ends[torn]))
    interval = search.interval()
    return None if interval is None else search.walk(interval)


def _titles(read: Read, length: int) -> Iterator[int]:
    """Yield the places of metadata with a title."""
    for begin in range(0, length, _CHUNK):
        data = read(begin, min(length, begin + _CHUNK + len(_MARK)))
        for match in re.finditer(re.escape(_MARK), data):
            place = begin + match.start() - 1
            if place >= 0 and match.start() < _CHUNK and _text_at(read, place):
                yield place


def _text_at(read: Read, place: int) -> bytes:
    """Return the text of the metadata at a place; empty if there is none, or only a zero."""
    size = _UNIT * int.from_bytes(read(place, place + 1), "big")
    text = read(place + 1, place + 1 + size)
    found = _TITLE.match(text)
    # The text is filled up to a whole number of units, and not further.
    kept = len(text.rstrip(b"\0"))
    return text if found and len(text) == size and size - kept < _UNIT else b""


class _Search:
    """Looks for the interval, and for all places."""

    def __init__(
        self, read: Read, length: int, anchors: list[int], spans: tuple[NDArray[np.int64], NDArray[np.int64]]
    ) -> None:
        self._read, self._length = read, length
        self._anchors = anchors
        self._spans = spans

    def _torn(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether places lie where one frame does not follow another, or where no frame is."""
        begins, ends = self._spans
        at = np.searchsorted(begins, places, side="right") - 1
        return np.asarray((at >= 0) & (places <= ends[np.maximum(at, 0)]))

    def interval(self) -> int | None:
        """Return the smallest interval on which all places of a stretch without a title agree; the longest come first.

        A stretch in which bytes are missing has no interval. One that ends the file may begin with its only title, or
        end with it.
        """
        anchors = self._anchors
        begins = [anchor + 1 + len(_text_at(self._read, anchor)) for anchor in anchors]
        stretches = [(begin, end, 1) for begin, end in zip(begins, [*anchors[1:], self._length], strict=True)]
        stretches.append((anchors[0], 0, -1))
        stretches.sort(key=lambda each: -abs(each[1] - each[0]))
        found = (self._agreeing(begin, end, step=step) for begin, end, step in stretches[:_TRIED])
        return next((interval for interval in found if interval is not None), None)

    def _agreeing(self, begin: int, end: int, *, step: int) -> int | None:
        """Return the smallest interval for which the places from `begin` on, forwards or backwards, are zeros."""
        low, high = sorted((begin, end))
        reach = _JUDGED * (_LARGEST + 1)
        low, high = (low, min(high, low + reach)) if step > 0 else (max(low, high - reach), high)
        data = np.frombuffer(self._read(low, high), dtype=np.uint8)
        intervals = np.arange(_LEAST, _LARGEST + 1)
        count, torn = np.zeros((2, intervals.size), dtype=np.int64)
        alive = np.ones(intervals.size, dtype=np.bool_)
        for k in range(1, _JUDGED + 1):
            far = k * (intervals + 1)
            places = begin + far - 1 if step > 0 else begin - far
            # The first title of a file may have lost its beginning.
            inside = (places >= low + (intervals if step < 0 else 0)) & (places < high)
            rows = np.flatnonzero(alive & inside)
            alive[rows] = data[places[rows] - low] == 0
            count += alive & inside
            torn[rows] += self._torn(places[rows])
        enough = np.where(np.isin(intervals, _USUAL), 1, _AGREEING)
        # What looks like a frame that goes on over a place may be none, if there are many places.
        fits = intervals[alive & (count >= enough) & ((torn == count) | ((torn > 0) & (count >= _CERTAIN)))]
        return int(fits[0]) if fits.size else None

    def walk(self, interval: int) -> Metadata:
        """Follow the interval from every title in both directions, as far as it holds."""
        found: dict[int, int] = {}
        for anchor in self._anchors:
            if anchor not in found:
                self._follow(anchor, interval, found)
                self._back(anchor, interval, found)
        places = sorted(found)
        # Where bytes are missing, a walk may come upon a zero in the text of another place.
        ends = np.maximum.accumulate([0, *(place + found[place] for place in places)])[:-1]
        position = np.array(places, dtype=np.int64)[np.array(places) >= ends]
        texts = [_text_at(self._read, place) for place in self._anchors]
        titles = [match.group(1) for text in texts if (match := _TITLE.match(text))]
        changed = tuple(title for k, title in enumerate(titles) if k == 0 or title != titles[k - 1])
        return Metadata(interval, position, np.array([found[p] for p in position.tolist()], dtype=np.int64), changed)

    def _empty(self, place: int, step: int) -> bool:
        """Return whether a place holds metadata without a text.

        Either a frame is torn apart there, or the next places are zeros too: what looks like frames may be none.
        """
        places = place + step * np.arange(1 + _AGREEING)
        zero = [at >= 0 and self._read(at, at + 1) == b"\0" for at in places.tolist()]
        return zero[0] and (bool(self._torn(places[:1])[0]) or all(zero))

    def _follow(self, place: int, interval: int, found: dict[int, int]) -> None:
        while place < self._length and place not in found:
            text = _text_at(self._read, place)
            if not text and not self._empty(place, interval + 1):
                break
            found[place] = 1 + len(text)
            place += found[place] + interval

    def _back(self, place: int, interval: int, found: dict[int, int]) -> None:
        while (place := place - interval - 1) >= 0 and place not in found and self._empty(place, -interval - 1):
            found[place] = 1
