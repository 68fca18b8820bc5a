"""The reader on damaged input: it ends, raises nothing but its own error, and never trusts more than it can."""

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mp3restore.errors import BitstreamError
from mp3restore.mp3.framing import read_table
from mp3restore.mp3.stream import Mp3Stream, parse_stream

FUZZ = settings(max_examples=150, deadline=20000, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = ["cbr128", "vbr9", "crc", "cbr24-8k", "mono64"]


def read(data):
    """Read a stream and check what must hold of any, or return None if it is refused."""
    try:
        stream = parse_stream(data)
    except BitstreamError:
        return None
    assert isinstance(stream, Mp3Stream)
    assert stream.granules > 0
    shape = (stream.granules, stream.channels)
    assert stream.known.shape == stream.ms.shape == shape[:1]
    assert stream.exponents.shape == (*shape, 39)
    assert stream.block_type.shape == stream.mixed.shape == stream.edge_bound.shape == shape
    assert stream.granules * 20 <= len(data)
    steps = stream.line_steps()
    assert np.all(np.isfinite(steps) & (steps > 0))
    return stream


@pytest.fixture(scope="module")
def short_streams(encoded):
    return {name: encoded(name).read_bytes()[:12000] for name in NAMES}


@FUZZ
@given(name=st.sampled_from(NAMES), data=st.data())
def test_flipped_bits(short_streams, name, data):
    raw = bytearray(short_streams[name])
    for bit in data.draw(st.lists(st.integers(0, 8 * len(raw) - 1), min_size=1, max_size=40)):
        raw[bit // 8] ^= 1 << bit % 8
    read(bytes(raw))


@FUZZ
@given(name=st.sampled_from(NAMES), data=st.data())
def test_truncated_at_both_ends(short_streams, name, data):
    raw = short_streams[name]
    start = data.draw(st.integers(0, len(raw)))
    stop = data.draw(st.integers(start, len(raw)))
    stream = read(raw[start:stop])
    if stream is not None:
        assert stream.granules <= parse_stream(raw).granules + 2


@FUZZ
@given(
    parts=st.lists(
        st.tuples(st.sampled_from(NAMES), st.integers(0, 9000), st.integers(1, 6000)), min_size=2, max_size=4
    )
)
def test_joined_pieces(short_streams, parts):
    read(b"".join(short_streams[name][start : start + size] for name, start, size in parts))


@FUZZ
@given(
    st.binary(max_size=3000),
    st.lists(
        st.sampled_from(
            [
                b"\xff\xfb\x90\x64",
                b"\xff\xe3\x18\xc4",
                b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f",
                b"APETAGEX",
                b"Xing",
                b"\xff" * 50,
            ]
        ),
        max_size=30,
    ),
)
def test_random_bytes_with_pieces_of_headers(noise, pieces):
    read(noise + b"\0".join(pieces) + noise)


@FUZZ
@given(place=st.floats(0, 1), byte=st.integers(0, 31), bit=st.integers(0, 7))
def test_damaged_side_information_is_never_trusted(short_streams, place, byte, bit):
    raw = bytearray(short_streams["crc"])
    whole = parse_stream(bytes(raw))
    frames = read_table(io.BytesIO(bytes(raw)))
    frame = 1 + int(place * (frames.position.size - 2))
    raw[int(frames.position[frame]) + 6 + byte] ^= 1 << bit
    stream = read(bytes(raw))
    assert stream is not None
    # Frame 0 is the tag; two granules a frame.
    assert np.array_equal(np.flatnonzero(~stream.known), [2 * frame - 2, 2 * frame - 1])
    assert np.array_equal(stream.exponents[stream.known], whole.exponents[stream.known])
