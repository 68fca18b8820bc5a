import numpy as np
import pytest

from mp3restore.mp3.filterbank import synthesise
from mp3restore.mp3.grid import expected_offset
from mp3restore.mp3.holes import coded_granules
from mp3restore.mp3.lattice import cell_limits, rotate_ms
from mp3restore.mp3.stream import parse_stream, read_stream
from mp3restore.mp3.uncertainty import HOP, LOG_FLOOR, LOG_UNKNOWN, N_FFT, uncertainty_map


def whole_map(stream, decoded, cut, size=20000):
    blocks = list(uncertainty_map(stream, cut(decoded, size), offset=expected_offset(stream)))
    return tuple(np.concatenate([getattr(b, name) for b in blocks], axis=1) for name in ("log_width", "uncoded"))


def stft_power(signal):
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    padded = np.pad(signal, ((0, 0), (N_FFT // 2, N_FFT // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT, axis=1)[:, ::HOP]
    return np.abs(np.fft.rfft(frames * window)) ** 2


@pytest.mark.parametrize("name", ["cbr128", "leftright", "cbr32-22k"])
def test_map_is_the_spectrum_of_errors_spread_evenly_over_the_cells(encode, decode, cut, name):
    stream = read_stream(encode(name))
    decoded = decode(encode(name))
    log_width, _ = whole_map(stream, decoded, cut)
    runs = list(coded_granules(stream, cut(decoded, 50000), offset=expected_offset(stream)))
    lower, upper = cell_limits(np.concatenate([r.magnitudes for r in runs]))
    widths = (upper - lower) * np.concatenate([r.steps for r in runs])
    part = slice(runs[0].first, runs[0].first + len(widths))
    start = expected_offset(stream) + 576 * runs[0].first
    rng = np.random.default_rng(0)
    power = np.zeros(log_width.shape)
    for _ in range(12):
        error = (widths * rng.uniform(-0.5, 0.5, widths.shape)).astype(np.float32)
        rotate_ms(error, stream.ms[part])
        signal = synthesise(error, stream.block_type[part], stream.mixed[part])[:, -start:][:, : decoded.shape[1]]
        signal = np.pad(signal, ((0, 0), (0, decoded.shape[1] - signal.shape[1])))
        power += stft_power(np.stack([signal[0] + signal[1], signal[0] - signal[1]]) / np.sqrt(2)) / 12
    difference_db = 20 / np.log(10) * (log_width - 0.5 * np.log(power + 1e-14))[:, 6:-8]
    for plane in difference_db:
        assert abs(np.median(plane)) < 0.5
        assert np.mean(np.abs(plane) < 4) > 0.9


def test_map_covers_all_frames_and_does_not_depend_on_block_sizes(encode, decode, cut):
    stream = read_stream(encode("vbr2"))
    decoded = decode(encode("vbr2"))
    one = whole_map(stream, decoded, cut, 1 << 20)
    other = whole_map(stream, decoded, cut, 777)
    assert one[0].shape == one[1].shape == (2, 1 + decoded.shape[1] // HOP, 1025)
    assert one[0].dtype == one[1].dtype == np.float32
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


def test_uncoded_region_lies_above_the_lowpass(encode, decode, cut):
    stream = read_stream(encode("cbr64"))
    _, uncoded = whole_map(stream, decode(encode("cbr64")), cut)
    hz = np.arange(1025) * stream.sample_rate / N_FFT
    inner = uncoded[:, 8:-8]
    assert np.all(inner[..., hz > 11500] == pytest.approx(1, abs=1e-5))
    assert inner[0][:, hz < 1000].mean() < 0.2


def test_side_of_a_mono_file_is_certain(encode, decode, cut):
    stream = read_stream(encode("mono64"))
    log_width, uncoded = whole_map(stream, decode(encode("mono64")), cut)
    assert np.all(log_width[1, 8:-8] == pytest.approx(LOG_FLOOR))
    assert not uncoded[1, 8:-8].any()
    assert np.median(log_width[0, 8:-8]) > LOG_FLOOR + 3


def test_damage_is_unknown_and_local(encode, decode, cut):
    data = bytearray(encode("crc").read_bytes())
    decoded = decode(bytes(data))
    clean, _ = whole_map(parse_stream(bytes(data)), decoded, cut)
    data[data.find(b"\xff\xfa", len(data) // 2) + 10] ^= 0x10
    stream = parse_stream(bytes(data))
    log_width, uncoded = whole_map(stream, decoded, cut)
    granule = int(np.flatnonzero(~stream.known)[0])
    frame = (expected_offset(stream) + 576 * granule + 800) // HOP
    assert log_width[:, frame].min() > LOG_UNKNOWN - 1
    assert uncoded[:, frame].min() > 0.9
    far = np.abs(np.arange(log_width.shape[1]) - frame) > 12
    assert np.array_equal(log_width[:, far], clean[:, far])
