import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mp3restore.errors import InputError
from mp3restore.mp3.granules import coded_granules
from mp3restore.mp3.grid import expected_offset
from mp3restore.mp3.projection import Projector
from mp3restore.mp3.stream import first_free_line, lowpass_hz, parse_stream, read_stream


def project(stream, decoded, restored, cut, size=30000, offset=None):
    offset = expected_offset(stream) if offset is None else offset
    runs = coded_granules(stream, cut(decoded, size), offset=offset)
    return np.concatenate(list(Projector(stream, offset=offset).stream(runs, cut(restored, size))), axis=1)


def levels_of(stream, samples, cut):
    """Return q of all granules that can be judged, and which those are."""
    runs = list(coded_granules(stream, cut(samples, 50000), offset=expected_offset(stream)))
    return np.concatenate([r.magnitudes for r in runs]), np.concatenate([r.sound for r in runs])


def noise_like(samples, level=0.05):
    return (level * np.random.default_rng(9).standard_normal(samples.shape)).astype(np.float32)


def test_the_decoded_signal_is_its_own_projection(encoded, decode, cut, encoding):
    stream = read_stream(encoded(encoding))
    decoded = decode(encoded(encoding))
    assert np.abs(project(stream, decoded, decoded, cut) - decoded).max() < 1e-7


def test_white_noise_comes_out_with_the_transmitted_values(encoded, decode, cut, encoding):
    stream = read_stream(encoded(encoding))
    decoded = decode(encoded(encoding))
    noise = noise_like(decoded)
    projected = project(stream, decoded, noise, cut)
    assert projected.shape == decoded.shape
    wanted, sound = levels_of(stream, decoded, cut)
    # The signs count as well: a line of the other sign is further off than a cell.
    found, _ = levels_of(stream, projected, cut)
    before, _ = levels_of(stream, noise, cut)
    bound = (wanted > 0) | (np.arange(576) < first_free_line(stream))
    judged = bound & sound[:, None, None]
    assert sound.mean() > 0.9
    assert np.mean(before[judged] != wanted[judged]) > 0.05
    assert np.mean(found[judged] != wanted[judged]) < 1e-4


@pytest.mark.parametrize("name", ["cbr128", "vbr2", "ffmpeg96", "leftright"])
def test_the_original_lies_in_its_cells(encoded, decode, source, cut, name):
    """The point of it all: the one signal that we know to have produced the MP3 is hardly changed."""
    stream = read_stream(encoded(name))
    decoded = decode(encoded(name))
    original = source[:, : decoded.shape[1]]
    # LAME scales its input; the decoded signal tells by how much.
    gain = np.sum(decoded * original) / np.sum(original * original)
    original = (gain * original).astype(np.float32)
    projected = project(stream, decoded, original, cut)
    moved = np.sum(np.square(projected - original))
    assert moved < 0.01 * np.sum(np.square(decoded - original))


def test_lines_above_the_lowpass_stay(encoded, decode, cut):
    stream = read_stream(encoded("cbr64"))
    decoded = decode(encoded("cbr64"))
    edge = lowpass_hz(stream)
    assert edge == 11000
    time = np.arange(decoded.shape[1]) / stream.sample_rate
    tone = (0.1 * np.sin(2 * np.pi * 11500 * time)).astype(np.float32)
    projected = project(stream, decoded, decoded + tone, cut)
    inner = slice(3000, -3000)
    assert np.abs(projected - decoded - tone)[:, inner].max() < 2e-3
    low = (0.1 * np.sin(2 * np.pi * 9000 * time)).astype(np.float32)
    assert np.std((project(stream, decoded, decoded + low, cut) - decoded)[:, inner]) < 0.3 * np.std(low)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 40000), min_size=1, max_size=8), st.integers(-700, 700))
def test_output_does_not_depend_on_block_sizes(encoded, decode, cut, sizes, moved):
    stream = read_stream(encoded("vbr2"))
    decoded = decode(encoded("vbr2"))[:, :70000]
    restored = decoded + noise_like(decoded, 0.01)
    whole = project(stream, decoded, restored, cut, 1 << 20, expected_offset(stream) + moved)

    def pieces(signal):
        start = 0
        while start < signal.shape[1]:
            size = sizes[start % len(sizes)]
            yield signal[:, start : start + size]
            start += size

    offset = expected_offset(stream) + moved
    runs = coded_granules(stream, pieces(decoded), offset=offset)
    parts = np.concatenate(list(Projector(stream, offset=offset).stream(runs, pieces(restored))), axis=1)
    assert np.array_equal(parts, whole)


def test_unknown_granules_and_their_neighbours_stay_free(encoded, decode, cut):
    data = encoded("crc").read_bytes()
    decoded = decode(encoded("crc"))
    at = data.find(b"\xff\xfa", len(data) // 2)
    damaged = bytearray(data)
    damaged[at + 10] ^= 0x10
    stream = parse_stream(bytes(damaged))
    granule = int(np.flatnonzero(~stream.known)[0])
    restored = decoded + noise_like(decoded)
    projected = project(stream, decoded, restored, cut)
    start = expected_offset(stream) + 576 * granule
    # Granules up to two before reach 1632 samples, those from five on start behind.
    free = slice(start + 500, start + 1152)
    assert np.array_equal(projected[:, free], restored[:, free])
    assert not np.array_equal(projected[:, start - 3000 : start - 2000], restored[:, start - 3000 : start - 2000])


def test_a_wrong_offset_leaves_the_restoration_alone(encoded, decode, cut):
    stream = read_stream(encoded("cbr128"))
    decoded = decode(encoded("cbr128"))
    restored = decoded + noise_like(decoded)
    projected = project(stream, decoded, restored, cut, offset=expected_offset(stream) + 100)
    assert np.mean(projected == restored) > 0.9


def test_what_was_not_read_stays_free(encoded, decode, cut):
    stream = read_stream(encoded("cbr128"))
    decoded = decode(encoded("cbr128"))
    restored = decoded + noise_like(decoded)
    projected = project(stream, decoded[:, :40000], restored, cut)
    assert projected.shape == restored.shape
    assert np.array_equal(projected[:, 40000:], restored[:, 40000:])
    assert not np.array_equal(projected[:, 10000:30000], restored[:, 10000:30000])


def test_another_number_of_channels_is_refused(encoded, decode, cut):
    stream = read_stream(encoded("cbr128"))
    mono = decode(encoded("cbr128"))[:1]
    with pytest.raises(InputError, match="channels"):
        list(Projector(stream, offset=-1105).stream(iter(()), cut(mono, 5000)))
