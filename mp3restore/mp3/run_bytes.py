"""The bytes of a run for a decoder: the sound frames of a file, and frames of silence for the others."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.foreign import Read
from mp3restore.mp3.frame_header import CRC_BYTES, HEADER_BYTES
from mp3restore.mp3.runs import LOST, Run
from mp3restore.mp3.sideinfo import crc16

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LAYER_3: Final = 3
_UNPROTECTED: Final = 1 << 16


class RunBytes:
    """Returns the bytes of a run from one position up to another, as if all frames were contiguous.

    Parameters
    ----------
    run : Run
        The frames.
    read : callable
        Returns the bytes of the file from one position up to another.

    Attributes
    ----------
    length : int
        Number of bytes of the run.
    position : ndarray of int64
        Position of each frame in these bytes.
    """

    def __init__(self, run: Run, read: Read) -> None:
        self._run, self._read = run, read
        ends = np.cumsum(run.size)
        self.position: NDArray[np.int64] = ends - run.size
        self.length = int(ends[-1]) if ends.size else 0
        follows = (run.position[1:] == run.position[:-1] + run.size[:-1]) & ~run.silent[1:] & ~run.silent[:-1]
        self._piece = np.concatenate([[0], np.flatnonzero(~follows) + 1])  # first frame of each piece
        self._starts = self.position[self._piece].tolist()
        headers = run.headers
        main = run.size - headers.payload_start - headers.side_info_bytes
        self._reservoir = np.cumsum(main) - main

    def __call__(self, begin: int, end: int) -> bytes:
        """Return the bytes from `begin` to `end`, fewer at the end of the run."""
        end = min(end, self.length)
        parts = []
        piece = bisect_right(self._starts, begin) - 1
        while begin < end:
            frame, start = int(self._piece[piece]), self._starts[piece]
            stop = min(end, self._starts[piece + 1] if piece + 1 < len(self._starts) else self.length)
            if self._run.silent[frame]:
                parts.append(self._silence(frame)[begin - start : stop - start])
            else:
                origin = int(self._run.position[frame]) - start
                parts.append(self._read(origin + begin, origin + stop))
            begin = stop
            piece += 1
        return b"".join(parts)

    def _silence(self, frame: int) -> bytes:
        """Return a frame of the same size that decodes to silence, and keeps main data for the frames after it."""
        run = self._run
        size, bits, position = int(run.size[frame]), int(run.bits[frame]), int(run.position[frame])
        headers = run.headers[frame : frame + 1]
        if run.layer != _LAYER_3:
            # Without bit allocation there are no samples (11172-3, 2.4.2.5).
            return (bits | _UNPROTECTED).to_bytes(4, "big").ljust(size, b"\0")
        start, side = int(headers.payload_start[0]), int(headers.side_info_bytes[0])
        # All lengths are zero. Reaching back as far as possible keeps older main data within reach of the next frame.
        width = 9 if headers.mpeg1[0] else 8
        begin = min((1 << width) - 1, int(self._reservoir[frame]))
        side_info = (begin << (8 * side - width)).to_bytes(side, "big")
        head = bits.to_bytes(HEADER_BYTES, "big")
        if start > HEADER_BYTES:
            covered = np.frombuffer(head[2:] + side_info, dtype=np.uint8)
            head += int(crc16(covered[None])[0]).to_bytes(CRC_BYTES, "big")
        rest = size - start - side
        main = bytes(rest) if position == LOST else self._read(position + size - rest, position + size)
        return head + side_info + main
