"""Constant tables of MPEG audio layer III, as arrays for the reader and the filter bank.

Sources: ISO/IEC 11172-3 (MPEG-1), ISO/IEC 13818-3 (MPEG-2 low sampling frequencies, LSF) and, for 8 to 12 kHz,
the unofficial MPEG-2.5 extension as all decoders implement it.

Line order. A granule holds 576 lines. Lines of short blocks are kept in the order of the hybrid filter bank,
``3 * frequency + window``, not in the order of the bitstream (band, window, frequency; 11172-3, 2.4.3.4.8).

Slots. A granule has up to 39 bands, each with its own step: its *slots*. They are in the order in which their scale
factors are sent: 22 long bands; or 13 short bands times 3 windows; or, in a mixed block, the long bands below line 36
and then the short bands above it. ``slot_of_line`` says which slot a line belongs to.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LINES: Final = 576
SLOTS: Final = 39
LONG_LAYOUT: Final = 0
SHORT_LAYOUT: Final = 1
MIXED_LAYOUT: Final = 2
SHORT_BLOCK: Final = 2

# 11172-3, table B.8; 13818-3, table B.2. The last edge, 576 (long) and 192 (short), is the end of the spectrum.
_LONG_LSF: Final = (
    0, 6, 12, 18, 24, 30, 36, 44, 54, 66, 80, 96, 116, 140, 168, 200, 238, 284, 336, 396, 464, 522, 576,
)  # fmt: skip
_SHORT_16: Final = (0, 4, 8, 12, 18, 26, 36, 48, 62, 80, 104, 134, 174, 192)

LONG_EDGES: Final[dict[int, tuple[int, ...]]] = {
    44100: (0, 4, 8, 12, 16, 20, 24, 30, 36, 44, 52, 62, 74, 90, 110, 134, 162, 196, 238, 288, 342, 418, 576),
    48000: (0, 4, 8, 12, 16, 20, 24, 30, 36, 42, 50, 60, 72, 88, 106, 128, 156, 190, 230, 276, 330, 384, 576),
    32000: (0, 4, 8, 12, 16, 20, 24, 30, 36, 44, 54, 66, 82, 102, 126, 156, 194, 240, 296, 364, 448, 550, 576),
    22050: _LONG_LSF,
    24000: (0, 6, 12, 18, 24, 30, 36, 44, 54, 66, 80, 96, 114, 136, 162, 194, 232, 278, 332, 394, 464, 540, 576),
    16000: _LONG_LSF,
    11025: _LONG_LSF,
    12000: _LONG_LSF,
    8000: (0, 12, 24, 36, 48, 60, 72, 88, 108, 132, 160, 192, 232, 280, 336, 400, 476, 566, 568, 570, 572, 574, 576),
}

SHORT_EDGES: Final[dict[int, tuple[int, ...]]] = {
    44100: (0, 4, 8, 12, 16, 22, 30, 40, 52, 66, 84, 106, 136, 192),
    48000: (0, 4, 8, 12, 16, 22, 28, 38, 50, 64, 80, 100, 126, 192),
    32000: (0, 4, 8, 12, 16, 22, 30, 42, 58, 78, 104, 138, 180, 192),
    22050: (0, 4, 8, 12, 18, 24, 32, 42, 56, 74, 100, 132, 174, 192),
    24000: (0, 4, 8, 12, 18, 26, 36, 48, 62, 80, 104, 136, 180, 192),
    16000: _SHORT_16,
    11025: _SHORT_16,
    12000: _SHORT_16,
    8000: (0, 8, 16, 24, 36, 52, 72, 96, 124, 160, 162, 164, 166, 192),
}

# 11172-3, 2.4.2.3: bitrates in kbit/s by index of the header, 1 to 14; free format (0) and the forbidden 15 are 0.
BITRATES_MPEG1: Final = np.array([0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0], dtype=np.int64)
BITRATES_LSF: Final = np.array([0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0], dtype=np.int64)

# Rows: the two version bits of the header (0 = MPEG-2.5, 1 = reserved, 2 = MPEG-2, 3 = MPEG-1).
SAMPLE_RATES: Final = np.array(
    [[11025, 12000, 8000, 0], [0, 0, 0, 0], [22050, 24000, 16000, 0], [44100, 48000, 32000, 0]], dtype=np.int64
)

# 11172-3, 2.4.2.7: bits of a scale factor in the lower and the upper bands, by scalefac_compress.
SLEN1: Final = np.array([0, 0, 0, 0, 3, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4], dtype=np.int64)
SLEN2: Final = np.array([0, 1, 2, 3, 0, 1, 2, 3, 1, 2, 3, 1, 2, 3, 2, 3], dtype=np.int64)

# 11172-3, table B.6.
PRETAB: Final = np.array([0] * 11 + [1, 1, 1, 1, 2, 2, 3, 3, 3, 2, 0], dtype=np.int64)

# 13818-3, 2.4.3.2: number of scale factors of each length. Rows: three ranges of scalefac_compress, then three more
# for the right channel of an intensity-stereo frame. Columns: long, short, mixed.
LSF_COUNTS: Final = (
    ((6, 5, 5, 5), (9, 9, 9, 9), (6, 9, 9, 9)),
    ((6, 5, 7, 3), (9, 9, 12, 6), (6, 9, 12, 6)),
    ((11, 10, 0, 0), (18, 18, 0, 0), (15, 18, 0, 0)),
    ((7, 7, 7, 0), (12, 12, 12, 0), (6, 15, 12, 0)),
    ((6, 6, 6, 3), (12, 9, 9, 6), (6, 12, 9, 6)),
    ((8, 8, 5, 0), (15, 12, 9, 0), (6, 18, 9, 0)),
)

# 11172-3, table B.9: coefficients c_i of the alias-reduction butterflies.
ALIAS_C: Final = np.array([-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037])

# 11172-3, table B.3 (D[i]) times 65536, first half, with the sign flips of every other run of 64 values undone: the
# prototype low-pass filter itself. The second half mirrors it.
_PROTOTYPE_HALF: Final = (
    0, -1, -1, -1, -1, -1, -1, -2, -2, -2, -2, -3, -3, -4, -4, -5,
    -5, -6, -7, -7, -8, -9, -10, -11, -13, -14, -16, -17, -19, -21, -24, -26,
    -29, -31, -35, -38, -41, -45, -49, -53, -58, -63, -68, -73, -79, -85, -91, -97,
    -104, -111, -117, -125, -132, -139, -147, -154, -161, -169, -176, -183, -190, -196, -202, -208,
    -213, -218, -222, -225, -227, -228, -228, -227, -224, -221, -215, -208, -200, -189, -177, -163,
    -146, -127, -106, -83, -57, -29, 2, 36, 72, 111, 153, 197, 244, 294, 347, 401,
    459, 519, 581, 645, 711, 779, 848, 919, 991, 1064, 1137, 1210, 1283, 1356, 1428, 1498,
    1567, 1634, 1698, 1759, 1817, 1870, 1919, 1962, 2001, 2032, 2057, 2075, 2085, 2087, 2080, 2063,
    2037, 2000, 1952, 1893, 1822, 1739, 1644, 1535, 1414, 1280, 1131, 970, 794, 605, 402, 185,
    -45, -288, -545, -814, -1095, -1388, -1692, -2006, -2330, -2663, -3004, -3351, -3705, -4063, -4425, -4788,
    -5153, -5517, -5879, -6237, -6589, -6935, -7271, -7597, -7910, -8209, -8491, -8755, -8998, -9219, -9416, -9585,
    -9727, -9838, -9916, -9959, -9966, -9935, -9863, -9750, -9592, -9389, -9139, -8840, -8492, -8092, -7640, -7134,
    -6574, -5959, -5288, -4561, -3776, -2935, -2037, -1082, -70, 998, 2122, 3300, 4533, 5818, 7154, 8540,
    9975, 11455, 12980, 14548, 16155, 17799, 19478, 21189, 22929, 24694, 26482, 28289, 30112, 31947, 33791, 35640,
    37489, 39336, 41176, 43006, 44821, 46617, 48390, 50137, 51853, 53534, 55178, 56778, 58333, 59838, 61289, 62684,
    64019, 65290, 66494, 67629, 68692, 69679, 70590, 71420, 72169, 72835, 73415, 73908, 74313, 74630, 74856, 74992,
    75038,
)  # fmt: skip


def prototype_filter() -> NDArray[np.float64]:
    """Return the 512 taps of the polyphase prototype low-pass (11172-3, table B.3), DC gain 32 per sub-band."""
    half = np.array(_PROTOTYPE_HALF, dtype=np.float64) / 65536
    return np.concatenate([half, half[-2:0:-1]])


def mixed_is_defined(sample_rate: int) -> bool:
    """Return whether mixed blocks are defined at a rate: at 8 kHz no short band starts at line 36."""
    return 12 in SHORT_EDGES[sample_rate]


@cache
def slot_of_line(sample_rate: int) -> NDArray[np.int64]:
    """Return the slot of each line, shape (3, 576); rows are the long, short and mixed layouts."""
    table = np.zeros((3, LINES), dtype=np.int64)
    for slot, (low, high) in enumerate(pairwise(LONG_EDGES[sample_rate])):
        table[LONG_LAYOUT, low:high] = slot
    for band, (low, high) in enumerate(pairwise(SHORT_EDGES[sample_rate])):
        table[SHORT_LAYOUT, 3 * low : 3 * high] = 3 * band + np.tile(np.arange(3), high - low)
    if mixed_is_defined(sample_rate):
        # Long bands below line 36, short bands from there on.
        shift = LONG_EDGES[sample_rate].index(36) - 3 * SHORT_EDGES[sample_rate].index(12)
        table[MIXED_LAYOUT, :36] = table[LONG_LAYOUT, :36]
        table[MIXED_LAYOUT, 36:] = table[SHORT_LAYOUT, 36:] + shift
    table.setflags(write=False)
    return table


def line_of_position(sample_rate: int) -> NDArray[np.int64]:
    """Return the line at each position of the bitstream's order, shape (3, 576); the inverse of the reordering."""
    slots = slot_of_line(sample_rate)
    return np.argsort(slots, axis=1, kind="stable")
