import numpy as np
import pytest

from mp3restore.dsp.stft import mel_bands
from mp3restore.generator.uncertainty import HOP, LOG_FLOOR, N_FFT, PLANES, UncertaintyMap, unknown_row
from mp3restore.mp3.filterbank import synthesise
from mp3restore.mp3.granules import coded_granules
from mp3restore.mp3.grid import expected_offset
from mp3restore.mp3.lattice import cell_limits, rotate_ms
from mp3restore.mp3.stream import first_free_line, parse_stream, read_stream

BANDS = 96


def whole_map(stream, decoded, cut, *, size=20000, working_rate=None):
    """Amplitudes, zeros and free share, each (2 planes, frames, bands)."""
    rate = working_rate or stream.sample_rate
    offset = expected_offset(stream)
    known = UncertaintyMap(stream, offset=offset, working_rate=rate, bands=BANDS)
    rows = [known.push(run) for run in coded_granules(stream, cut(decoded, size), offset=offset)]
    frames = 1 + round(decoded.shape[1] * rate / stream.sample_rate) // HOP
    rows = np.concatenate([*rows, known.finish(frames)])
    assert rows.shape[0] >= frames
    return rows[:frames].reshape(frames, 3, 2, BANDS).transpose(1, 2, 0, 3)


def band_power(signal):
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    padded = np.pad(signal, ((0, 0), (N_FFT // 2, N_FFT // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT, axis=1)[:, ::HOP]
    bands = mel_bands(BANDS, N_FFT // 2 + 1)
    return np.abs(np.fft.rfft(frames * window)) ** 2 @ (bands / bands.sum(1, keepdims=True)).T


@pytest.mark.parametrize("name", ["cbr128", "leftright", "cbr64"])
def test_amplitude_is_that_of_errors_spread_evenly_over_the_zeros(encoded, decode, cut, name):
    stream = read_stream(encoded(name))
    decoded = decode(encoded(name))
    amplitude, _, _ = whole_map(stream, decoded, cut)
    runs = list(coded_granules(stream, cut(decoded, 50000), offset=expected_offset(stream)))
    magnitudes = np.concatenate([r.magnitudes for r in runs])
    lower, upper = cell_limits(magnitudes)
    widths = (upper - lower) * np.concatenate([r.steps for r in runs]) * (magnitudes == 0)
    widths[..., first_free_line(stream) :] = 0
    part = slice(runs[0].first, runs[0].first + len(widths))
    start = expected_offset(stream) + 576 * runs[0].first
    rng = np.random.default_rng(0)
    power = np.zeros(amplitude.shape)
    for _ in range(8):
        error = (widths * rng.uniform(-0.5, 0.5, widths.shape)).astype(np.float32)
        rotate_ms(error, stream.ms[part])
        signal = synthesise(error, stream.block_type[part], stream.mixed[part])[:, -start:][:, : decoded.shape[1]]
        signal = np.pad(signal, ((0, 0), (0, decoded.shape[1] - signal.shape[1])))
        power += band_power(np.stack([signal[0] + signal[1], signal[0] - signal[1]]) / 2) / 8
    holes = amplitude > LOG_FLOOR + 2
    difference_db = 20 / np.log(10) * (amplitude - 0.5 * np.log(power + 1e-14))
    inner = np.zeros(holes.shape, bool)
    inner[:, 6:-8] = True
    assert (holes & inner).any(axis=(1, 2)).all()
    assert abs(np.median(difference_db[holes & inner])) < 0.7
    assert np.mean(np.abs(difference_db[holes & inner]) < 4) > 0.85


def test_map_covers_all_frames_and_does_not_depend_on_block_sizes(encoded, decode, cut):
    stream = read_stream(encoded("vbr2"))
    decoded = decode(encoded("vbr2"))
    one = whole_map(stream, decoded, cut, size=1 << 20)
    other = whole_map(stream, decoded, cut, size=777)
    assert one.shape == (3, 2, 1 + decoded.shape[1] // HOP, BANDS)
    assert one.dtype == np.float32
    assert np.array_equal(one, other)


def test_free_region_lies_above_the_lowpass(encoded, decode, cut):
    stream = read_stream(encoded("cbr64"))
    _, zeros, free = whole_map(stream, decode(encoded("cbr64")), cut)
    bands = mel_bands(BANDS, N_FFT // 2 + 1)
    hz = np.array([np.average(np.arange(N_FFT // 2 + 1), weights=b) for b in bands]) * stream.sample_rate / N_FFT
    inner = slice(8, -8)
    assert np.all(free[:, inner][..., hz > 12500] == pytest.approx(1, abs=1e-5))
    assert free[:, inner][..., hz < 9000].max() < 0.01
    assert zeros[0, inner][:, hz < 1000].mean() < 0.3
    assert (zeros >= free - 1e-6).all()


def test_a_file_that_is_restored_at_a_higher_rate_is_free_above_its_own(encoded, decode, cut):
    stream = read_stream(encoded("cbr32-22k"))
    decoded = decode(encoded("cbr32-22k"))
    own = whole_map(stream, decoded, cut)
    higher = whole_map(stream, decoded, cut, working_rate=2 * stream.sample_rate)
    assert np.all(higher[2][:, :, -5:] == pytest.approx(1))
    bands = mel_bands(BANDS, N_FFT // 2 + 1)
    centre = np.array([np.average(np.arange(N_FFT // 2 + 1), weights=b) for b in bands])
    # The same zeros of the same stretch: bins are twice as wide there, frames half as long.
    at = [int(np.argmin(np.abs(centre - bin_))) for bin_ in (150, 300)]
    low, high = higher[1][0][20:-20, at[0]], own[1][0][:, at[1]]
    assert low.mean() == pytest.approx(high[10:-10].mean(), abs=0.05)


def test_side_of_a_mono_file_is_certain(encoded, decode, cut):
    stream = read_stream(encoded("mono64"))
    amplitude, zeros, free = whole_map(stream, decode(encoded("mono64")), cut)
    assert np.all(amplitude[1, 8:-8] == pytest.approx(LOG_FLOOR))
    assert not zeros[1, 8:-8].any()
    assert not free[1, 8:-8].any()
    assert np.median(amplitude[0, 8:-8]) > LOG_FLOOR + 3


def test_damage_is_unknown_and_local(encoded, decode, cut):
    data = bytearray(encoded("crc").read_bytes())
    decoded = decode(bytes(data))
    clean = whole_map(parse_stream(bytes(data)), decoded, cut)
    data[data.find(b"\xff\xfa", len(data) // 2) + 10] ^= 0x10
    stream = parse_stream(bytes(data))
    damaged = whole_map(stream, decoded, cut)
    granule = int(np.flatnonzero(~stream.known)[0])
    frame = (expected_offset(stream) + 576 * granule + 800) // HOP
    assert damaged[2][:, frame].min() > 0.9
    far = np.abs(np.arange(damaged.shape[2]) - frame) > 12
    assert np.array_equal(damaged[:, :, far], clean[:, :, far])


def test_beyond_the_file_nothing_is_known(encoded):
    stream = read_stream(encoded("cbr64"))
    known = UncertaintyMap(stream, offset=expected_offset(stream), working_rate=stream.sample_rate, bands=BANDS)
    assert np.allclose(known.finish(5), unknown_row(BANDS), atol=1e-5)
    assert len(unknown_row(BANDS)) == PLANES * BANDS
