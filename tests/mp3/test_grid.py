import numpy as np
import pytest

from mp3restore.diagnostics.bench import synthetic_music
from mp3restore.mp3.grid import expected_offset, find_grid, grid_fit, locate
from mp3restore.mp3.offsets import stands_out
from mp3restore.mp3.stream import read_stream


@pytest.mark.parametrize(
    ("name", "cropped"), [("cbr64", 0), ("cbr128", 1), ("mono64", 333), ("leftright", 575), ("cbr32-12k", 18)]
)
def test_the_grid_of_decoded_samples_is_found(encoded, decode, name, cropped):
    stream = read_stream(encoded(name))
    samples = 0.3 * decode(encoded(name))[:, cropped:]
    grid = find_grid(samples, stream.sample_rate)
    assert grid.found
    assert grid.offset == (expected_offset(stream) - cropped) % 576
    assert grid.deviations > 10
    assert grid.certainty == pytest.approx(0.999)


def test_samples_of_16_bits_are_enough(encoded, decode):
    samples = np.round(decode(encoded("cbr128")) * 32767) / 32768
    assert find_grid(samples.astype(np.float32), 44100).offset == -1105 % 576


def test_where_zeros_are_rare_the_likeliest_places_are_looked_at_again(encode, decode):
    """Mono at 256 kbit/s has hardly any lines that are zero: too few in a tenth of a second of each of five parts."""
    once = np.concatenate([second[:, :1] for second in synthetic_music(12)]).T
    stream = read_stream(path := encode("lame", once, 44100, "-m", "m", "-b", "256"))
    samples = (np.round(decode(path) * 32768) / 32768).astype(np.float32)
    grid = find_grid(samples, 44100)
    assert grid.deviations < 7 < grid.again
    assert grid.found
    assert grid.offset == expected_offset(stream) % 576
    assert grid.certainty == pytest.approx(0.999)
    assert not find_grid(once, 44100).found
    assert stands_out(once, grid.offset) < 4
    assert stands_out(samples[:, :20000], grid.offset) == 0  # too short to say anything
    assert stands_out(np.zeros_like(samples), 0) == 0


def test_what_was_no_mp3_has_no_grid():
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, 60000)).astype(np.float32)
    assert not find_grid(noise, 44100).found
    assert not find_grid(np.zeros((1, 60000), dtype=np.float32), 44100).found
    assert find_grid(noise[:, :1000], 44100).confidence == 0


def test_grid_search_refuses_other_shapes():
    with pytest.raises(ValueError, match="one or two channels"):
        find_grid(np.zeros((3, 60000), dtype=np.float32), 44100)
    with pytest.raises(ValueError, match="positive rate"):
        find_grid(np.zeros((1, 60000), dtype=np.float32), 0)


def test_the_expected_offset_fits_every_encoding(encoded, decode, encoding):
    stream = read_stream(encoded(encoding))
    samples = decode(encoded(encoding))
    offset = expected_offset(stream)
    assert grid_fit(stream, samples, offset) > 0.99
    assert grid_fit(stream, samples, offset + 1) < 0.3


@pytest.mark.parametrize("cropped", [7, 2500])
def test_a_moved_start_is_located(encoded, decode, cropped):
    stream = read_stream(encoded("cbr128"))
    samples = decode(encoded("cbr128"))[:, cropped:]
    offset, fit = locate(stream, samples)
    assert offset == expected_offset(stream) - cropped
    assert fit > 0.99


def test_samples_too_short_to_judge_fit_nothing(encoded):
    stream = read_stream(encoded("cbr128"))
    assert grid_fit(stream, np.zeros((2, 100), dtype=np.float32), -1105) == 0
