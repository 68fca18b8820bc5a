"""The four bytes in front of every MPEG audio frame, of layers I, II and III, read for many frames at once.

Sources: ISO/IEC 11172-3, 2.4.1.3 and 2.4.2.3 (MPEG-1); ISO/IEC 13818-3, 2.4.2.3 (MPEG-2, low sampling frequencies);
MPEG-2.5, the extension to 8 to 12 kHz that all decoders read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mp3restore.mp3.tables import SAMPLE_RATES

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADER_BYTES: Final = 4
CRC_BYTES: Final = 2
VERSION_MPEG1: Final = 3
MODE_JOINT: Final = 1
MODE_MONO: Final = 3
# What no frame of a stream changes: all but bitrate, padding, the channel mode and its extension.
_STREAM_MASK: Final = 0xFFFF0D0F

# 11172-3, 2.4.2.3 and 13818-3, 2.4.2.3: kbit/s by layer and index. 0 stands for free format and the forbidden 15.
_LAYER_1: Final = (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 0)
_LAYER_2: Final = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0)
_LAYER_3: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_LSF_1: Final = (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0)
_LSF_2: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
# Shape (MPEG-1 or not, layer, index).
_KBPS: Final = np.array([[[0] * 16, _LSF_1, _LSF_2, _LSF_2], [[0] * 16, _LAYER_1, _LAYER_2, _LAYER_3]], dtype=np.int64)
# Samples of a frame: 12 or 36 slots of 32 sub-bands, and half as many for layer III with low sampling frequencies.
_SAMPLES: Final = np.array([[0, 384, 1152, 576], [0, 384, 1152, 1152]], dtype=np.int64)
_SIDE_INFO: Final = np.array([[17, 9], [32, 17]], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class FrameHeaders:
    """Headers as unsigned numbers of 32 bits; every property has the same shape."""

    bits: NDArray[np.int64]

    def _field(self, shift: int, mask: int) -> NDArray[np.int64]:
        return np.asarray((self.bits >> shift) & mask, dtype=np.int64)

    @property
    def version_bits(self) -> NDArray[np.int64]:
        """Version: 3 is MPEG-1, 2 is MPEG-2, 0 is MPEG-2.5."""
        return self._field(19, 3)

    @property
    def mpeg1(self) -> NDArray[np.int64]:
        """1 for MPEG-1, 0 for the low sampling frequencies."""
        return np.asarray((self.version_bits == VERSION_MPEG1).astype(np.int64))

    @property
    def layer(self) -> NDArray[np.int64]:
        """Layer, 1 to 3; 0 where the bits are reserved."""
        return np.asarray((4 - self._field(17, 3)) & 3)

    @property
    def protected(self) -> NDArray[np.bool_]:
        """Whether a CRC follows the header."""
        return np.asarray(self._field(16, 1) == 0)

    @property
    def kbps(self) -> NDArray[np.int64]:
        """Bitrate in kbit/s; 0 for free format."""
        return np.asarray(_KBPS[self.mpeg1, self.layer, self._field(12, 15)])

    @property
    def free_format(self) -> NDArray[np.bool_]:
        """Whether the bitrate is none of the table, so that only the next header tells the size."""
        return np.asarray(self._field(12, 15) == 0)

    @property
    def sample_rate(self) -> NDArray[np.int64]:
        """Samples per second; 0 where the bits are reserved."""
        return np.asarray(SAMPLE_RATES[self.version_bits, self._field(10, 3)])

    @property
    def padding(self) -> NDArray[np.int64]:
        """Bytes of the padding slot: 4 in layer I, 1 in the others, 0 without."""
        return self._field(9, 1) * np.where(self.layer == 1, 4, 1)

    @property
    def mode(self) -> NDArray[np.int64]:
        """Channel mode, 0 to 3: stereo, joint stereo, two channels, mono."""
        return self._field(6, 3)

    @property
    def mode_extension(self) -> NDArray[np.int64]:
        """Two bits that say how joint stereo is joined."""
        return self._field(4, 3)

    @property
    def mono(self) -> NDArray[np.bool_]:
        """Whether there is one channel."""
        return np.asarray(self.mode == MODE_MONO)

    @property
    def kind(self) -> NDArray[np.int64]:
        """Version, layer, sample rate and number of channels as one number: what needs a decoder of its own."""
        return (self._field(17, 15) << 3) | (self._field(10, 3) << 1) | self.mono

    @property
    def stream_mark(self) -> NDArray[np.int64]:
        """All bits that stay the same from frame to frame of one encoder."""
        return (self.bits & _STREAM_MASK) | (self.mono.astype(np.int64) << 32)

    @property
    def samples(self) -> NDArray[np.int64]:
        """Samples of the frame, per channel."""
        return _SAMPLES[self.mpeg1, self.layer]

    @property
    def size(self) -> NDArray[np.int64]:
        """Bytes of the frame, header included (11172-3, 2.4.3.1); 0 for free format."""
        layer, rate = self.layer, np.maximum(self.sample_rate, 1)
        bits = 1000 * self.kbps
        slot = np.where(layer == 1, 4, 1)
        slots = self.samples // (8 * slot) * bits // rate
        return np.where(self.free_format, 0, slot * slots + self.padding)

    @property
    def side_info_bytes(self) -> NDArray[np.int64]:
        """Bytes of the side information of layer III (11172-3, 2.4.1.7; 13818-3, 2.4.1.7); 0 in other layers."""
        return np.where(self.layer == 3, _SIDE_INFO[self.mpeg1, self.mono.astype(np.int64)], 0)

    @property
    def payload_start(self) -> NDArray[np.int64]:
        """Bytes of header and CRC: where side information or bit allocation begins."""
        return HEADER_BYTES + CRC_BYTES * self.protected

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Whether these bits are a header: the sync word is there, and no field has a forbidden value."""
        usable = (self._field(12, 15) != 15) & (self.layer > 0) & (self.sample_rate > 0)
        return np.asarray((self._field(21, 0x7FF) == 0x7FF) & usable)

    def __getitem__(self, rows: slice | NDArray[np.int64] | NDArray[np.bool_]) -> FrameHeaders:
        """Return some of the headers."""
        return FrameHeaders(self.bits[rows])
