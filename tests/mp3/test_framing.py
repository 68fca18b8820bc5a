"""The table of frames: every frame of every kind, every byte named, whatever lies between and is damaged."""

import io
import subprocess

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mp3restore.mp3.foreign import CUT_FRAME, GARBAGE
from mp3restore.mp3.framing import read_table

NAMES = ["cbr128", "vbr9", "crc", "cbr24-8k", "mono64", "free100", "leftright", "layer2", "layer2-lsf", "layer1"]
ID3V2 = b"ID3\x04\0\0\0\0\x07\x68" + b"\xff\xfb\x90\x64" * 250
ID3V1 = b"TAG" + bytes(125)
APE = b"APETAGEX" + (2000).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(4) + b"\0\0\0\xa0" + bytes(8)
APE += b"x" * 32 + APE[:20] + b"\0\0\0\x80" + bytes(8)
LYRICS = b"LYRICSBEGIN" + b"[00:01]la la" * 20 + b"000251LYRICS200"
ICY = bytes([4]) + b"StreamTitle='a song';".ljust(64, b"\0")
TAGS = {"ID3v2": ID3V2, "ID3v1": ID3V1, "APE": APE, "Lyrics3": LYRICS, "ICY": ICY}


def table_of(data):
    """Read a table and check what holds of any: frames and blocks cover the file once."""
    table = read_table(io.BytesIO(data))
    assert table.length == len(data)
    edges = sorted(
        [*zip(table.position.tolist(), table.end.tolist(), strict=True), *((b.position, b.end) for b in table.blocks)]
    )
    assert [begin for begin, _ in edges] == [0, *(end for _, end in edges)][: len(edges)]
    assert not data or edges[-1][1] == len(data)
    return table


def layer_1_frames(count):
    """Silent frames of layer I, 128 kbit/s at 44.1 kHz, with and without the padding slot of four bytes."""
    return b"".join(
        bytes([0xFF, 0xFF, 0x40 | (2 * (k % 3 == 0)), 0]) + bytes(4 * (34 + (k % 3 == 0)) - 4) for k in range(count)
    )


@pytest.fixture(scope="module")
def streams(encoded, tmp_path_factory):
    """Bytes of a stream of each kind, without its tag frame, and how many frames it has."""
    folder = tmp_path_factory.mktemp("layer2")
    found = {}
    for name in NAMES:
        if name == "layer1":
            data = layer_1_frames(40)
        elif name.startswith("layer2"):
            rate = "24000" if name == "layer2-lsf" else "48000"
            out = folder / f"{name}.mp2"
            command = [
                "ffmpeg",
                "-v",
                "error",
                "-i",
                encoded("cbr128"),
                "-c:a",
                "mp2",
                "-b:a",
                "160k",
                "-ar",
                rate,
                out,
            ]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
            data = out.read_bytes()
        else:
            data = encoded(name).read_bytes()
        table = read_table(io.BytesIO(data))
        keep = np.flatnonzero(~table.is_tag)[:30]
        found[name] = (data[int(table.position[keep[0]]) : int(table.end[keep[-1]])], keep.size)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_clean_stream_is_frames_and_nothing_else(streams, name):
    data, count = streams[name]
    table = table_of(data)
    assert (table.position.size, table.blocks) == (count, ())
    assert np.unique(table.headers.kind).size == 1


def test_kinds_are_told_apart(streams):
    seen = {}
    for name in NAMES:
        headers = read_table(io.BytesIO(streams[name][0])).headers[:1]
        seen[name] = tuple(int(v[0]) for v in (headers.layer, headers.sample_rate, headers.mono, headers.samples))
    assert seen["cbr128"] == (3, 44100, 0, 1152)
    assert seen["cbr24-8k"] == (3, 8000, 0, 576)
    assert seen["mono64"] == (3, 44100, 1, 1152)
    assert seen["layer2-lsf"] == (2, 24000, 0, 1152)
    assert seen["layer1"] == (1, 44100, 0, 384)


@pytest.mark.parametrize("name", ["cbr128", "vbr2", "free100"])
def test_the_tag_frame_is_marked(encoded, name):
    table = table_of(encoded(name).read_bytes())
    assert np.flatnonzero(table.is_tag).tolist() == [0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", [(3, 0xC0), (2, 0x08), (2, 0xF0), (1, 0x18), (0, 0x01)], ids=str)
def test_a_damaged_header_costs_one_frame(streams, name, change):
    byte, bits = change
    data, count = streams[name]
    clean = table_of(data)
    damaged = bytearray(data)
    damaged[int(clean.position[12]) + byte] ^= bits
    table = table_of(bytes(damaged))
    missing = set(clean.position.tolist()) - set(table.position.tolist())
    assert missing <= {int(clean.position[12])}
    # A change from stereo to joint stereo leaves a header of the same kind.
    assert table.position.size >= count - 1


@pytest.mark.parametrize("name", ["cbr128", "mono64", "layer2"])
def test_two_damaged_headers_with_a_sound_frame_between(streams, name):
    data, _ = streams[name]
    clean = table_of(data)
    damaged = bytearray(data)
    for frame in (12, 14):
        damaged[int(clean.position[frame])] = 0
    table = table_of(bytes(damaged))
    assert set(clean.position.tolist()) - set(table.position.tolist()) == set(clean.position[[12, 14]].tolist())


def test_a_frame_of_another_kind_in_the_middle_is_not_believed(streams):
    mono, _ = streams["mono64"]
    stereo, count = streams["cbr128"]
    at = int(table_of(stereo).position[10])
    one = mono[: int(table_of(mono).end[0])]
    table = table_of(stereo[:at] + one + stereo[at:])
    assert table.position.size == count
    assert [block.length for block in table.blocks] == [len(one)]


def test_bytes_that_are_missing_cost_the_frame_they_are_missing_from(streams):
    data, count = streams["cbr128"]
    at = int(table_of(data).position[10])
    table = table_of(data[: at + 100] + data[at + 200 :])
    assert table.position.size == count - 1
    assert [(block.name, block.position) for block in table.blocks] == [(CUT_FRAME, at)]


@pytest.mark.parametrize("name", sorted(TAGS))
def test_tags_are_named_at_either_end_and_in_the_middle(streams, name):
    data, count = streams["cbr128"]
    tag = TAGS[name]
    at = int(table_of(data).position[10])
    for begin, whole in ((0, tag + data), (at, data[:at] + tag + data[at:]), (len(data), data + tag)):
        table = table_of(whole)
        assert table.position.size == count
        assert [(block.name, block.position, block.length) for block in table.blocks] == [(name, begin, len(tag))]


def test_tags_stand_behind_each_other(streams):
    data, count = streams["vbr9"]
    table = table_of(ID3V2 + data + APE + LYRICS + ID3V1)
    assert table.position.size == count
    assert [block.name for block in table.blocks] == ["ID3v2", "APE", "Lyrics3", "ID3v1"]


def test_a_tag_that_claims_more_than_there_is_is_none(streams):
    data, count = streams["vbr9"]
    lying = bytearray(APE[-32:])
    lying[12:16] = (10**6).to_bytes(4, "little")
    table = table_of(data + bytes(lying))
    assert table.position.size == count
    assert [block.name for block in table.blocks] == [GARBAGE]
    long_id3 = b"ID3\x04\0\0" + bytes([0, 0, len(data) >> 8, 0])
    assert table_of(long_id3 + data).position.size == count


def test_frames_in_a_riff_file(streams):
    data, count = streams["vbr9"]
    head = b"RIFF" + (len(data) + 36).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    head += (0x55).to_bytes(2, "little") + bytes(14) + b"data" + len(data).to_bytes(4, "little")
    table = table_of(head + data)
    assert table.position.size == count
    assert [block.name for block in table.blocks] == ["RIFF"]


def test_the_last_frame_that_is_cut_off_is_named(streams):
    data, count = streams["cbr128"]
    for tag in (b"", ID3V1):
        table = table_of(data[:-50] + tag)
        assert table.position.size == count - 1
        assert table.blocks[0].name == CUT_FRAME


@pytest.mark.parametrize("data", [b"", b"\xff", bytes(5000), b"\xff" * 4000, b"\xff\xfb\x90\x64", b"words " * 900])
def test_what_holds_no_frame_gives_none(data):
    assert table_of(data).position.size == 0


PIECES = st.one_of(
    st.tuples(st.just("frames"), st.sampled_from(NAMES), st.integers(4, 12)),
    st.tuples(st.just("tag"), st.sampled_from(sorted(set(TAGS) - {"ICY"})), st.just(0)),
    st.tuples(st.just("garbage"), st.binary(min_size=1, max_size=600), st.just(0)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, min_size=1, max_size=8), cut=st.floats(0, 1))
def test_any_sequence_of_frames_tags_and_garbage(streams, pieces, cut):
    parts, frames = [], 0
    for kind, what, count in pieces:
        if kind == "frames":
            table = read_table(io.BytesIO(streams[what][0]))
            parts.append(streams[what][0][: int(table.end[count - 1])])
            frames += count
        else:
            parts.append(TAGS[what] if kind == "tag" else what)
    data = b"".join(parts)
    whole = table_of(data)
    # Garbage may end or begin as a frame does: then it costs the frame beside it.
    costs = sum(kind == "garbage" for kind, _, _ in pieces)
    assert frames - costs <= np.count_nonzero(~whole.is_tag) <= frames + costs
    part = table_of(data[: int(len(data) * cut)])
    assert part.position.size <= whole.position.size + 2


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 7)), max_size=5))
def test_flipped_bits_cost_no_more_than_the_frames_that_they_hit(streams, name, flips):
    data, count = streams[name]
    damaged = bytearray(data)
    for place, bit in flips:
        damaged[int(place * len(data))] ^= 1 << bit
    table = table_of(bytes(damaged))
    assert count - len(flips) - 1 <= table.position.size <= count
