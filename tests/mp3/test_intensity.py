import numpy as np
import pytest
from mp3_streams import with_intensity

from mp3restore.mp3.filterbank import HALO, OVERLAP, analyse
from mp3restore.mp3.granules import coded_granules
from mp3restore.mp3.grid import expected_offset, grid_fit
from mp3restore.mp3.intensity import directions, turn
from mp3restore.mp3.projection import Projector
from mp3restore.mp3.stream import first_free_line, parse_stream
from mp3restore.mp3.tables import LONG_LAYOUT, MIXED_LAYOUT, SHORT_LAYOUT

pytestmark = pytest.mark.slow


def granules(stream, decoded, offset):
    """Return values, sound granules, and the lines of which nothing is coded, of a whole stream."""
    runs = list(coded_granules(stream, [decoded], offset=offset))
    free = [np.zeros(r.values.shape, np.bool_) if r.free is None else r.free for r in runs]
    return *(np.concatenate([getattr(r, name) for r in runs]) for name in ("values", "sound")), np.concatenate(free)


@pytest.mark.parametrize("rate", [12000, 16000, 22050, 32000, 44100])
@pytest.mark.parametrize("layout", [LONG_LAYOUT, SHORT_LAYOUT, MIXED_LAYOUT])
@pytest.mark.parametrize("ms", [False, True])
@pytest.mark.parametrize("panned", [72, 180, 360])
def test_every_written_value_comes_back(written, decode, rate, layout, ms, panned):
    made = written(rate, 2, layout, ms=ms, intensity=True, panned=panned)
    stream, decoded = parse_stream(made.data), decode(made.data)
    values, sound, free = granules(stream, decoded, 0)
    # Two granules at either end are cut.
    assert sound[:-2].all()
    assert np.array_equal(values[sound], made.levels[: len(values)][sound])
    # From the end of the band in which the right channel ends.
    assert not free[sound][:, 0].any()
    assert not free[sound][:, 1, :panned].any()
    assert free[sound][:, 1, panned + 120 :].all()
    assert grid_fit(stream, decoded, 0) > 0.99


def test_directions_are_those_of_the_standard():
    positions, fine = np.arange(7, dtype=np.uint8), np.zeros(7, np.bool_)
    left, right = directions(positions, fine, lsf=False)
    assert left + right == pytest.approx(1)
    assert left[1:-1] / right[1:-1] == pytest.approx(np.tan(positions[1:-1] * np.pi / 12))
    assert (left[0], right[6]) == pytest.approx((0, 0), abs=1e-6)
    left, right = directions(positions, fine, lsf=True)
    assert np.round(20 * np.log10(left / right)).tolist() == [0, -2, 2, -3, 3, -5, 5]
    left, right = directions(positions, ~fine, lsf=True)
    assert np.round(20 * np.log10(left / right)).tolist() == [0, -3, 3, -6, 6, -9, 9]


@pytest.mark.parametrize("name", ["cbr128", "abr112", "vbr2", "leftright"])
def test_a_real_stream_is_held_in_its_bands_of_intensity_stereo(encoded, decode, name):
    data = with_intensity(encoded(name))
    stream, decoded = parse_stream(data), decode(data)
    assert stream.intensity.any() == (name != "leftright")
    offset = expected_offset(stream)
    assert grid_fit(stream, decoded, offset) > 0.99
    _, sound, free = granules(stream, decoded, offset)
    assert sound.mean() > 0.95
    assert free.any() == (name != "leftright")


def across(stream, runs, samples, offset):
    """Return the lines of samples in the planes as coded."""
    padded = np.pad(samples, ((0, 0), (HALO - offset, OVERLAP + HALO + 1200)))
    lines = analyse(padded[:, : 576 * stream.granules + OVERLAP + 2 * HALO], stream.block_type, stream.mixed)
    for run in runs:
        turn(lines[run.first : run.first + len(run.sound)], run.ms, run.panning)
    return lines[runs[0].first :][: sum(len(run.sound) for run in runs)]


def test_noise_keeps_what_was_not_coded_and_nothing_else(encoded, decode):
    data = with_intensity(encoded("cbr128"))
    stream, decoded = parse_stream(data), decode(data)
    offset = expected_offset(stream)
    runs = list(coded_granules(stream, [decoded], offset=offset))
    noise = (0.05 * np.random.default_rng(9).standard_normal(decoded.shape)).astype(np.float32)
    held = np.concatenate(list(Projector(stream, offset=offset).stream(iter(runs), [noise])), axis=1)
    values, steps, sound, free = (
        np.concatenate([getattr(run, name) for run in runs]) for name in ("values", "steps", "sound", "free")
    )
    lines, before = across(stream, runs, held, offset), across(stream, runs, noise, offset)
    bound = sound[:, None, None] & ~free & ((values != 0) | (np.arange(576) < first_free_line(stream)))
    level = np.abs(lines[bound]) / steps[bound]
    limit = (np.abs(values[bound]) + 0.5) ** (4 / 3) + 0.1
    assert np.mean(level > limit) < 1e-4
    inner = free & sound[:, None, None]
    assert inner[:, 1].mean() > 0.1
    assert np.abs(lines - before)[inner].max() < 1e-3 * np.abs(before).max()
