"""Cut a part out of an MPEG audio file, byte for byte."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mp3restore.mp3.assembly import find_runs
from mp3restore.mp3.foreign import Read
from mp3restore.mp3.framing import read_table
from mp3restore.mp3.repair import repaired, tag_frame_before
from mp3restore.mp3.run_bytes import RunBytes
from mp3restore.mp3.runs import Run

if TYPE_CHECKING:
    from mp3restore.mp3.framing import FileTable

__all__ = ["cut_frames"]


def cut_frames(table: FileTable, run: Run, read: Read, first: int, last: int) -> bytes:
    """Return some frames of a run as a file of their own.

    The first frames of layer III need main data of earlier ones, which stay behind: frames of silence stand for them,
    for half a second at most. A tag frame is kept, with the number of frames that are there now.

    Parameters
    ----------
    table : FileTable
        The file.
    run : Run
        The run.
    read : callable
        Returns the bytes of the file from one position up to another.
    first, last : int
        Index in the run of the first frame, and of the one after the last.

    Returns
    -------
    bytes
        The new file.
    """
    data = RunBytes(run, read)
    end = int(data.position[last]) if last < data.position.size else data.length
    raw = tag_frame_before(table, run, read) + data(int(data.position[first]), end)

    def part(begin: int, stop: int) -> bytes:
        return raw[begin:stop]

    cut = read_table(io.BytesIO(raw))
    return b"".join(repaired(cut, find_runs(cut, part), part))
