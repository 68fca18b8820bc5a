"""Streams for the tests: written bit by bit, or encoded by lame and ffmpeg from a synthetic signal."""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mp3restore.mp3.framing import read_table
from mp3restore.mp3.tables import (
    BITRATES_LSF,
    BITRATES_MPEG1,
    LINES,
    LSF_COUNTS,
    SAMPLE_RATES,
    SLEN1,
    SLEN2,
    line_of_position,
    slot_of_line,
)

LONG, SHORT, MIXED = 0, 1, 2


class Bits:
    """A growing row of bits."""

    def __init__(self):
        self.digits = []

    def put(self, value, width):
        if not 0 <= value < 1 << width:
            raise AssertionError(f"{value} does not fit {width} bits")
        self.digits.extend((value >> shift) & 1 for shift in range(width - 1, -1, -1))

    def to_bytes(self, size):
        if len(self.digits) > 8 * size:
            raise AssertionError("frame too small")
        row = np.zeros(8 * size, dtype=np.uint8)
        row[: len(self.digits)] = self.digits
        return np.packbits(row).tobytes()


@dataclass
class Written:
    """A stream and what was put into it: signed q by line, and the exponent of the step of every line."""

    data: bytes
    levels: np.ndarray
    block_type: np.ndarray


def _scale_factor_widths(lsf, compress, layout, right_intensity):
    """Widths of scale factors in bitstream order, straight from the tables of the standard."""
    if not lsf:
        counts = ((11, 10), (18, 18), (17, 18))[layout]
        return [int(SLEN1[compress])] * counts[0] + [int(SLEN2[compress])] * counts[1]
    if right_intensity:
        value = compress >> 1
        if value < 180:
            row, widths = 3, (value // 36, value % 36 // 6, value % 6, 0)
        elif value < 244:
            value -= 180
            row, widths = 4, (value >> 4, value >> 2 & 3, value & 3, 0)
        else:
            row, widths = 5, ((value - 244) // 3, (value - 244) % 3, 0, 0)
    elif compress < 400:
        row, widths = 0, ((compress >> 4) // 5, (compress >> 4) % 5, compress >> 2 & 3, compress & 3)
    elif compress < 500:
        value = compress - 400
        row, widths = 1, ((value >> 2) // 5, (value >> 2) % 5, value & 3, 0)
    else:
        row, widths = 2, ((compress - 500) // 3, (compress - 500) % 3, 0, 0)
    return [w for w, n in zip(widths, LSF_COUNTS[row][layout], strict=True) for _ in range(n)]


def _main_data(rng, rate, lsf, layout, compress, right_intensity, shared, stop=LINES):
    """Scale factors and quadruples of table B with q of -1, 0 or 1 in front of line `stop`; returns bits and q by line.

    In bands behind `stop` scale factors reach 7: they are the positions of intensity stereo.
    """
    bits = Bits()
    slots = slot_of_line(rate)[layout]
    for index, width in enumerate(_scale_factor_widths(lsf, compress, layout, right_intensity)):
        group = sum(index >= edge for edge in (6, 11, 16))
        if not shared[group]:
            # Small values only: a step 60 dB below its neighbours drowns in the decoder's float32.
            largest = 7 if (np.flatnonzero(slots == index) >= stop).all() else 5
            bits.put(int(rng.integers(0, min((1 << width) - 1, largest) + 1)), width)
    by_line = rng.integers(-1, 2, 576)
    by_line[stop:] = 0
    # The last line of every window is coded: a band above the last one of the right channel would be intensity-coded.
    by_line[stop - 3 : stop] = 1
    levels = by_line[line_of_position(rate)[layout]]
    coded = 4 * -(-(np.flatnonzero(levels).max(initial=-1) + 1) // 4)
    for quad in levels[:coded].reshape(-1, 4):
        bits.put(15 - int(np.abs(quad) @ [8, 4, 2, 1]), 4)
        for value in quad[quad != 0]:
            bits.put(int(value < 0), 1)
    return bits, by_line


def _block_types(rng, count, layout):
    """A legal sequence of block types, mostly short ones where the layout asks for them."""
    if layout == LONG:
        return [0] * count
    row = [0]
    follow = {0: (0, 1), 1: (2,), 2: (2, 2, 3), 3: (0, 1)}
    while len(row) < count:
        row.append(int(rng.choice(follow[row[-1]])))
    return row


def _record(side, rng, lsf, own, block_type, mixed, compress, length):
    """Write the side information of one granule and channel."""
    side.put(length, 12)
    side.put(0, 9)
    side.put(int(rng.integers(168, 176)), 8)
    side.put(compress, 9 if lsf else 4)
    side.put(int(block_type != 0), 1)
    if block_type:
        side.put(block_type, 2)
        side.put(int(mixed), 1)
        side.put(0, 10)
        for _ in range(3):
            side.put(int(rng.integers(0, 3)), 3)
    else:
        side.put(0, 22)
    if not lsf:
        side.put(int(rng.integers(0, 2)) if own == LONG else 0, 1)
    side.put(int(rng.integers(0, 2)), 1)
    side.put(1, 1)


def _header(version, rate_index, mode, extension):
    head = Bits()
    fields = ((0x7FF, 11), (version, 2), (1, 2), (1, 1), (14, 4), (rate_index, 2), (0, 2), (mode, 2), (extension, 2))
    for value, width in (*fields, (0, 4)):
        head.put(value, width)
    return head.to_bytes(4)


def write_stream(rate, channels, layout, *, granules=24, seed=0, ms=False, intensity=False, panned=LINES):
    """Write a stream of random content with every field of side information in use.

    In intensity stereo the right channel ends at line `panned`, which is a multiple of 12: there positions begin.
    """
    rng = np.random.default_rng(seed)
    version, rate_index = (int(v[0]) for v in np.nonzero(rate == SAMPLE_RATES))
    lsf = version != 3
    per_frame = 1 if lsf else 2
    size = (72000 if lsf else 144000) * int((BITRATES_LSF if lsf else BITRATES_MPEG1)[14]) // rate
    side_bytes = {(False, 1): 17, (False, 2): 32, (True, 1): 9, (True, 2): 17}[lsf, channels]
    extension = 2 * ms + intensity
    head = _header(version, rate_index, 3 if channels == 1 else int(extension > 0), extension)
    types = _block_types(rng, granules, layout)
    out, levels = io.BytesIO(), np.zeros((granules, channels, 576), dtype=np.int64)
    for frame in range(granules // per_frame):
        pair = types[frame * per_frame : (frame + 1) * per_frame]
        side, main = Bits(), Bits()
        side.put(0, (8 if lsf else 9) + ({1: 1, 2: 2} if lsf else {1: 5, 2: 3})[channels])
        shared = np.zeros((channels, 4), dtype=int)
        if not lsf:
            shared += rng.integers(0, 2, shared.shape) * (2 not in pair)
            for flag in shared.reshape(-1):
                side.put(int(flag), 1)
        for part, channel in np.ndindex(per_frame, channels):
            block_type = pair[part]
            mixed = layout == MIXED and block_type != 0
            own = (MIXED if mixed else SHORT) if block_type == 2 else LONG
            compress = int(rng.integers(0, 512 if lsf else 16))
            right_intensity = intensity and lsf and channel == 1
            stop = panned if intensity and channel == 1 else LINES
            data, by_line = _main_data(rng, rate, lsf, own, compress, right_intensity, shared[channel] * part, stop)
            levels[frame * per_frame + part, channel] = by_line
            _record(side, rng, lsf, own, block_type, mixed, compress, len(data.digits))
            main.digits.extend(data.digits)
        out.write(head + side.to_bytes(side_bytes) + main.to_bytes(size - 4 - side_bytes))
    return Written(out.getvalue(), levels, np.array(types))


RATE = 44100


def music(rate=RATE, seconds=3.0):
    """Return (2, n) of tones with attacks, noise and clicks: long and short blocks, M/S and left/right."""
    rng = np.random.default_rng(5)
    time = np.arange(int(rate * seconds)) / rate
    beat = np.exp(-6 * (time % 0.4))
    left = sum(np.sin(2 * np.pi * f * time + p) * a for f, p, a in ((220, 0, 0.2), (1310, 1, 0.1), (3700, 2, 0.05)))
    hiss = rng.standard_normal((2, time.size))
    right = 0.7 * left + 0.1 * np.sin(2 * np.pi * 523 * time)
    wide = np.stack([left * beat, right]) + hiss * (0.05 * beat**4 + 0.002)
    wide[:, :: int(rate * 0.73)] += 0.5
    return (0.6 * wide).astype(np.float32)


ENCODINGS = {
    "cbr128": ("lame", "-b", "128"),
    "cbr64": ("lame", "-b", "64"),
    "cbr320": ("lame", "-b", "320"),
    "cbr32-22k": ("lame", "-b", "32", "--resample", "22.05"),
    "cbr32-32k": ("lame", "-b", "32", "--resample", "32"),
    "cbr96-48k": ("lame", "-b", "96", "--resample", "48"),
    "cbr24-8k": ("lame", "-b", "24", "--resample", "8"),
    "cbr32-12k": ("lame", "-b", "32", "--resample", "12"),
    "abr112": ("lame", "--abr", "112"),
    "vbr2": ("lame", "-V", "2"),
    "vbr9": ("lame", "-V", "9"),
    "mono64": ("lame", "-m", "m", "-b", "64"),
    "leftright": ("lame", "-m", "s", "-b", "128"),
    "crc": ("lame", "-p", "-b", "96", "--resample", "32"),
    "untagged": ("lame", "-t", "-b", "128"),
    "free100": ("lame", "--freeformat", "-b", "100", "--resample", "44.1"),
    "ffmpeg96": ("ffmpeg", "-b:a", "96k"),
    "ffmpeg-vbr": ("ffmpeg", "-q:a", "4"),
}


@cache
def _program(name):
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture(scope="session")
def source():
    """Return the signal that `encoded` encodes, (2, n)."""
    return music()


@pytest.fixture(scope="session")
def encoded(tmp_path_factory):
    """Return a function that encodes `music` as one of ``ENCODINGS`` and gives the path of the MP3."""
    folder = tmp_path_factory.mktemp("encoded")
    source = folder / "source.wav"
    soundfile.write(source, music().T, RATE, subtype="FLOAT")

    @cache
    def run(name):
        program, *options = ENCODINGS[name]
        out = folder / f"{name}.mp3"
        if program == "lame":
            command = [_program("lame"), "--quiet", *options, source, out]
        else:
            command = [_program("ffmpeg"), "-v", "error", "-y", "-i", source, "-c:a", "libmp3lame", *options, out]
        subprocess.run(command, check=True)
        return out

    return run


@pytest.fixture(scope="session")
def decode():
    """Return a function that decodes a path or bytes to (channels, n) float32, as the runtime does."""

    def run(source):
        file = io.BytesIO(source) if isinstance(source, bytes) else Path(source)
        samples, _ = soundfile.read(file, dtype="float32", always_2d=True)
        return np.ascontiguousarray(samples.T)

    return run


@pytest.fixture(scope="session")
def ffmpeg_decode():
    """Return a function that decodes bytes of an MP3 with ffmpeg."""

    def run(data, channels):
        command = [_program("ffmpeg"), "-v", "error", "-f", "mp3", "-i", "-", "-f", "f32le", "-"]
        raw = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout
        return np.ascontiguousarray(np.frombuffer(raw, dtype="<f4").reshape(-1, channels).T)

    return run


@pytest.fixture(scope="session")
def written():
    """Return `write_stream`."""
    return write_stream


def with_intensity(path):
    """Switch intensity stereo on in the joint frames of a file of MPEG-1.

    The bands in which the second channel has no coded line become bands of intensity stereo, and the scale factors that
    it has there become positions.
    """
    data = bytearray(path.read_bytes())
    table = read_table(io.BytesIO(bytes(data)))
    for place in table.position[~table.is_tag].tolist():
        if data[place + 3] >> 6 == 1:
            data[place + 3] |= 0x10
    return bytes(data)


def blocks_of(samples, size):
    """Cut (channels, n) into blocks."""
    return (samples[:, start : start + size] for start in range(0, samples.shape[1], size))


@pytest.fixture(scope="session")
def cut():
    """Return `blocks_of`."""
    return blocks_of


def pytest_generate_tests(metafunc):
    if "encoding" in metafunc.fixturenames:
        metafunc.parametrize("encoding", list(ENCODINGS))
