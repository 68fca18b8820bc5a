"""The frames of one layer III run as the bitstream reader takes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mp3restore.mp3.frame_header import VERSION_MPEG1

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mp3restore.mp3.runs import Run


@dataclass(frozen=True, slots=True)
class FrameTable:
    """The frames of a run, one behind the other; every array has one entry per frame."""

    position: NDArray[np.int64]
    """Byte position of the header in the bytes of the run."""
    size: NDArray[np.int64]
    """Bytes of the frame, header included."""
    protected: NDArray[np.bool_]
    """A CRC of two bytes follows the header."""
    mode: NDArray[np.int64]
    mode_extension: NDArray[np.int64]
    silent: NDArray[np.bool_]
    """Frames that say nothing: they stand for lost or damaged ones."""
    version_bits: int
    sample_rate: int
    channels: int

    @property
    def lsf(self) -> bool:
        """Whether this is MPEG-2 or MPEG-2.5: one granule per frame, other scale factors."""
        return self.version_bits != VERSION_MPEG1

    @property
    def side_info_bytes(self) -> int:
        """Bytes of side information per frame (11172-3, 2.4.1.7; 13818-3, 2.4.1.7)."""
        if self.lsf:
            return 9 if self.channels == 1 else 17
        return 17 if self.channels == 1 else 32

    def part(self, low: int, high: int, begin: int) -> FrameTable:
        """Return frames `low` to `high`, at positions counted from byte `begin`."""
        rows = slice(low, high)
        return replace(
            self,
            position=self.position[rows] - begin,
            size=self.size[rows],
            protected=self.protected[rows],
            mode=self.mode[rows],
            mode_extension=self.mode_extension[rows],
            silent=self.silent[rows],
        )


def frames_of(run: Run) -> FrameTable:
    """Return the frames of a run of layer III."""
    headers = run.headers
    return FrameTable(
        position=np.cumsum(run.size) - run.size,
        size=run.size,
        protected=headers.protected,
        mode=headers.mode,
        mode_extension=headers.mode_extension,
        silent=run.silent,
        version_bits=int(run.first.version_bits[0]),
        sample_rate=run.sample_rate,
        channels=run.channels,
    )
