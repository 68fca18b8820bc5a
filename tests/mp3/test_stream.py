import io
import struct

import numpy as np
import pytest

from mp3restore.errors import BitstreamError
from mp3restore.mp3.filterbank import HALO, OVERLAP, analyse
from mp3restore.mp3.framing import read_table
from mp3restore.mp3.granules import coded_granules
from mp3restore.mp3.grid import expected_offset, grid_fit
from mp3restore.mp3.lattice import lattice_distance, quantise, rotate_ms
from mp3restore.mp3.stream import parse_stream, read_stream
from mp3restore.mp3.tables import LONG_EDGES, LONG_LAYOUT, MIXED_LAYOUT, SHORT_LAYOUT

RATES = sorted(LONG_EDGES)
# Granules whose functions reach beyond the end of the decoded samples.
TAIL = 3


def read_back(stream, samples):
    """Return signed q and lattice distance of all granules of a stream that is decoded from sample 0."""
    padded = np.pad(samples, ((0, 0), (HALO, OVERLAP + HALO)))
    lines = analyse(padded[:, : 576 * stream.granules + OVERLAP + 2 * HALO], stream.block_type, stream.mixed)
    rotate_ms(lines, stream.ms)
    steps = stream.line_steps()
    magnitudes = quantise(lines, steps)
    return magnitudes * np.sign(lines), lattice_distance(lines, steps, magnitudes)


@pytest.mark.parametrize(
    ("rate", "layout"),
    # Mixed blocks have no meaning at 8 kHz.
    [(r, k) for r in RATES for k in (LONG_LAYOUT, SHORT_LAYOUT, MIXED_LAYOUT) if (r, k) != (8000, MIXED_LAYOUT)],
)
@pytest.mark.parametrize(("channels", "ms"), [(1, False), (2, False), (2, True)])
def test_every_written_value_comes_back_from_the_decoded_samples(written, decode, rate, layout, channels, ms):
    made = written(rate, channels, layout, ms=ms)
    stream = parse_stream(made.data)
    assert (stream.sample_rate, stream.channels, stream.granules) == (rate, channels, len(made.levels))
    assert stream.known.all()
    assert np.array_equal(stream.block_type[:, 0], made.block_type)
    levels, distance = read_back(stream, decode(made.data))
    assert np.array_equal(levels[:-TAIL], made.levels[:-TAIL])
    assert distance[:-TAIL].max() < 0.02


@pytest.mark.parametrize("rate", [16000, 22050, 44100])
@pytest.mark.parametrize("layout", [LONG_LAYOUT, SHORT_LAYOUT, MIXED_LAYOUT])
def test_scale_factors_of_intensity_frames(written, ffmpeg_decode, rate, layout):
    # mpg123 takes the last band of the right channel for an intensity band even where it is coded; ffmpeg does not.
    made = written(rate, 2, layout, intensity=True, granules=60)
    stream = parse_stream(made.data)
    assert stream.intensity.all()
    assert stream.joint_stereo_share == 1
    levels, _ = read_back(stream, ffmpeg_decode(made.data, 2))
    assert np.array_equal(levels[:-TAIL], made.levels[:-TAIL])


def test_mixed_blocks_at_8_khz_are_unknown(written):
    made = written(8000, 1, MIXED_LAYOUT)
    stream = parse_stream(made.data)
    assert np.array_equal(stream.known, made.block_type != 2)


@pytest.mark.parametrize(
    ("name", "version", "rate", "channels", "mode", "lowpass"),
    [
        ("cbr128", "1", 44100, 2, "cbr", 17000),
        ("cbr64", "2", 24000, 2, "cbr", 11000),
        ("cbr24-8k", "2.5", 8000, 2, "cbr", 3900),
        ("abr112", "1", 44100, 2, "abr", 15600),
        ("vbr2", "1", 44100, 2, "vbr", 18500),
        ("mono64", "1", 44100, 1, "cbr", 16500),
    ],
)
def test_lame_tag_and_header(encoded, name, version, rate, channels, mode, lowpass):
    stream = read_stream(encoded(name))
    assert stream.encoder is not None
    assert stream.encoder.startswith("LAME3.")
    assert (stream.version, stream.sample_rate, stream.channels) == (version, rate, channels)
    assert (stream.rate_mode, stream.lowpass_hz, stream.encoder_delay) == (mode, lowpass, 576)
    assert stream.known.all()


def test_decoded_length_follows_from_the_tag(encoded, decode):
    stream = read_stream(encoded("cbr128"))
    assert decode(encoded("cbr128")).shape[1] == 576 * stream.granules - stream.encoder_delay - stream.padding


def test_untagged_file_has_no_delay(encoded, decode):
    stream = read_stream(encoded("untagged"))
    assert (stream.encoder, stream.encoder_delay, stream.padding, stream.lowpass_hz) == (None, None, None, None)
    assert decode(encoded("untagged")).shape[1] == 576 * stream.granules


def test_kbps_is_the_nominal_rate_of_a_constant_stream(encoded):
    assert read_stream(encoded("cbr128")).kbps == pytest.approx(128, abs=0.1)


def test_crc_protected_frames_are_read_and_damage_is_noticed(encoded):
    data = bytearray(encoded("crc").read_bytes())
    stream = parse_stream(bytes(data))
    assert stream.known.all()
    at = data.find(b"\xff\xfa", len(data) // 2)
    data[at + 10] ^= 0x10
    damaged = parse_stream(bytes(data))
    assert damaged.granules == stream.granules
    assert 1 <= np.count_nonzero(~damaged.known) <= 2


def test_tags_around_the_stream_change_nothing(encoded):
    data = encoded("cbr128").read_bytes()
    plain = parse_stream(data)
    # The picture of a tag may hold anything, even a header.
    id3 = b"ID3\x04\x00\x00" + bytes([0, 0, 7, 0x50]) + b"\xff\xfb\x90\x64" * 244
    ape = b"APETAGEX" + struct.pack("<IIII8x", 2000, 32 + 8, 1, 0) + b"\xff\xfb" * 4
    footer = b"APETAGEX" + struct.pack("<IIII8x", 2000, 40, 1, 0)
    id3v1 = b"TAG" + bytes(125)
    stream = parse_stream(id3 + data + ape[32:] + footer + id3v1)
    assert stream.granules == plain.granules
    assert stream.skipped_bytes == 0
    assert np.array_equal(stream.exponents, plain.exponents)


def test_junk_inside_the_stream_is_skipped_and_the_lost_reservoir_unknown(encoded):
    data = encoded("cbr128").read_bytes()
    plain = parse_stream(data)
    positions = [i for i in range(len(data) // 2, len(data) // 2 + 900) if data[i : i + 2] == b"\xff\xfb"]
    broken = data[: positions[0]] + bytes(777) + data[positions[0] :]
    stream = parse_stream(broken)
    assert stream.skipped_bytes == 777
    assert stream.granules == plain.granules
    unknown = np.flatnonzero(~stream.known)
    assert 0 < unknown.size <= 8
    assert np.array_equal(stream.exponents[stream.known], plain.exponents[stream.known])


def test_a_frame_that_lost_its_end_is_unknown(encoded):
    data = encoded("mono64").read_bytes()
    frames = read_table(io.BytesIO(data))
    place = int(frames.position[60])
    stream = parse_stream(data[: place + 100] + data[place + 150 :])
    plain = parse_stream(data)
    # Frame 0 is the tag. Silence stands for the frame that was cut.
    assert stream.granules == plain.granules
    assert not stream.known[2 * 59 : 2 * 60].any()
    assert stream.known[: 2 * 59].all()
    assert np.array_equal(stream.exponents[: 2 * 59], plain.exponents[: 2 * 59])


def test_start_cut_off_leaves_the_first_granules_unknown(encoded):
    data = encoded("cbr128").read_bytes()
    plain = parse_stream(data)
    stream = parse_stream(data[5000:])
    assert stream.encoder is None
    assert 0 < np.count_nonzero(~stream.known) <= 8
    known = stream.known
    assert np.array_equal(stream.exponents[known], plain.exponents[-stream.granules :][known])


def test_joined_files_of_one_kind_are_one_stream_without_the_tag_between(encoded):
    data = encoded("cbr128").read_bytes()
    plain = parse_stream(data)
    stream = parse_stream(data + data)
    assert stream.granules == 2 * plain.granules
    assert stream.known.all()
    assert np.array_equal(stream.exponents[-plain.granules :], plain.exponents)


def test_incomplete_last_frame_is_left_out(encoded):
    data = encoded("cbr128").read_bytes()
    assert parse_stream(data[:-3]).granules == parse_stream(data).granules - 2


def test_vbri_frame_is_a_tag(written):
    made = written(44100, 2, LONG_LAYOUT)
    size = len(made.data) // 12
    tag = made.data[:4] + bytes(32) + b"VBRI" + bytes(size - 40)
    stream = parse_stream(tag + made.data)
    assert (stream.granules, stream.rate_mode, stream.encoder) == (24, "vbr", "FhG")


def test_no_line_beyond_the_edge_bound(encoded, decode, cut):
    stream = read_stream(encoded("cbr32-32k"))
    runs = list(coded_granules(stream, cut(decode(encoded("cbr32-32k")), 50000), offset=expected_offset(stream)))
    edges = np.concatenate([run.edges for run in runs])
    bounds = stream.edge_bound[runs[0].first :][: len(edges)]
    assert (bounds < 576).any()
    assert np.all(edges <= bounds)


def test_crcs_that_are_wrong_everywhere_say_nothing(encoded):
    data = bytearray(encoded("crc").read_bytes())
    for position in read_table(io.BytesIO(bytes(data))).position.tolist():
        data[position + 4] ^= 0xFF
    assert parse_stream(bytes(data)).known.all()


def test_free_format_is_read(encoded, decode):
    stream = read_stream(encoded("free100"))
    assert stream.known.all()
    assert stream.kbps == pytest.approx(100, abs=0.1)
    samples = decode(encoded("free100"))
    assert samples.shape[1] == 576 * stream.granules - stream.encoder_delay - stream.padding
    assert grid_fit(stream, samples, expected_offset(stream)) > 0.99


@pytest.mark.parametrize("data", [b"", b"\xff", b"RIFF" + bytes(5000), b"\xff\xfb\x90\x64", b"\xff" * 4000])
def test_what_is_no_stream_is_refused(data):
    with pytest.raises(BitstreamError):
        parse_stream(data)


def test_error_names_the_file(tmp_path):
    path = tmp_path / "not.mp3"
    path.write_bytes(bytes(1000))
    with pytest.raises(BitstreamError, match=r"not\.mp3: no MPEG layer III stream"):
        read_stream(path)
