"""The coding that is read from samples alone must be that of the bitstream they were decoded from."""

import numpy as np
import pytest

from mp3restore.generator.uncertainty import UncertaintyMap
from mp3restore.mp3.blind import read_coding
from mp3restore.mp3.decoded import DecodedReader, describe_coding
from mp3restore.mp3.filterbank import HALO, OVERLAP
from mp3restore.mp3.granules import coded_granules
from mp3restore.mp3.grid import expected_offset, find_grid
from mp3restore.mp3.stream import GRANULE_SAMPLES, read_stream

pytestmark = pytest.mark.slow

FIRST, COUNT = 10, 100
CODINGS = ["cbr64", "cbr128", "mono64", "leftright", "ffmpeg96", "abr112", "cbr96-48k", "cbr32-22k"]


def to_16_bits(samples, gain=1.0, dither=False):
    scaled = 32768 * gain * samples
    if dither:
        rng = np.random.default_rng(4)
        scaled = scaled + rng.random(samples.shape) - rng.random(samples.shape)
    return (np.round(scaled) / 32768).astype(np.float32)


def window(stream, samples, count, moved=0):
    begin = expected_offset(stream) + GRANULE_SAMPLES * FIRST - HALO + moved
    return samples[:, begin : begin + GRANULE_SAMPLES * count + OVERLAP + 2 * HALO]


def count_of(stream):
    return min(COUNT, stream.granules - FIRST - 6)


def check_against_bitstream(stream, coding, gain, *, least_sure):
    """Compare what is sure with the bitstream; block types and stereo where the granule says anything."""
    rows = slice(FIRST, FIRST + len(coding.sound))
    assert coding.sound.mean() > 0.9
    same = (coding.block_type == stream.block_type[rows]).all(axis=1) & (coding.ms == stream.ms[rows])
    assert same[coding.sound].mean() > 0.97
    judged = (coding.sound & same)[:, None, None] & coding.sure
    right = np.abs(coding.steps / gain / stream.line_steps(FIRST, FIRST + len(same)) - 1) < 0.005
    coded = judged & (coding.values != 0)
    assert coded.sum() > 500
    assert right[judged].mean() > 0.998
    assert coded.sum() > least_sure * np.count_nonzero(coding.values[coding.sound & same])


@pytest.mark.parametrize("name", CODINGS)
def test_steps_blocks_and_stereo_are_those_of_the_bitstream(encoded, decode, name):
    stream = read_stream(encoded(name))
    samples = to_16_bits(decode(encoded(name)))
    coding = read_coding(window(stream, samples, count_of(stream)), count_of(stream), stream.sample_rate)
    check_against_bitstream(stream, coding, 1.0, least_sure=0.95)


@pytest.mark.parametrize(("gain", "dither"), [(0.484, False), (0.5, True), (0.9, True), (0.31, False)])
def test_gain_and_dither_change_nothing(encoded, decode, gain, dither):
    stream = read_stream(encoded("cbr64"))
    samples = to_16_bits(decode(encoded("cbr64")), gain, dither)
    coding = read_coding(window(stream, samples, count_of(stream)), count_of(stream), stream.sample_rate)
    assert (4 * np.log2(coding.gain / gain) + 0.5) % 1 == pytest.approx(0.5, abs=0.005)
    check_against_bitstream(stream, coding, gain, least_sure=0.9)


def test_float_samples_are_read_as_well(encoded, decode):
    stream = read_stream(encoded("cbr128"))
    samples = decode(encoded("cbr128"))
    coding = read_coding(window(stream, samples, count_of(stream)), count_of(stream), stream.sample_rate)
    check_against_bitstream(stream, coding, 1.0, least_sure=0.95)


@pytest.mark.parametrize("moved", [1, 288, 575])
def test_beside_the_grid_nothing_is_sound(encoded, decode, moved):
    stream = read_stream(encoded("cbr64"))
    samples = to_16_bits(decode(encoded("cbr64")))
    coding = read_coding(window(stream, samples, count_of(stream) - 1, moved), count_of(stream) - 1, stream.sample_rate)
    assert coding.sound.mean() < 0.05


def test_what_was_no_mp3_has_no_sound_granules(source):
    coding = read_coding(to_16_bits(source), 100, 44100)
    assert np.count_nonzero(coding.values) > 3000
    assert coding.sound.mean() < 0.02
    silence = read_coding(np.zeros((2, 100000), np.float32), 100, 44100)
    assert not silence.sound.any()
    assert silence.gain == 0


@pytest.mark.parametrize(("name", "kbps"), [("cbr64", 64), ("ffmpeg96", 96), ("cbr128", 128), ("mono64", 64)])
def test_the_bitrate_is_about_right(encoded, decode, name, kbps):
    stream = read_stream(encoded(name))
    samples = to_16_bits(decode(encoded(name)))
    found = describe_coding(samples, stream.sample_rate, expected_offset(stream) % 576)
    assert found.kbps == pytest.approx(kbps, rel=0.3)
    assert found.sound_share > 0.9
    assert found.channels == stream.channels


def runs_of(samples, sample_rate, offset, cut):
    reader = DecodedReader(describe_coding(samples, sample_rate, offset), offset=offset)
    runs = [run for block in cut(samples, 20000) for run in reader.push(block)]
    return [*runs, *reader.finish()]


def sound_places(runs, offset):
    """First samples of the sound granules of runs."""
    return np.concatenate(
        [offset + run.shift + GRANULE_SAMPLES * (run.first + np.flatnonzero(run.sound)) for run in runs]
    )


@pytest.mark.parametrize("name", ["cbr64", "ffmpeg96", "mono64"])
def test_the_map_has_the_zeros_of_the_bitstream(encoded, decode, cut, name):
    stream = read_stream(encoded(name))
    samples = decode(encoded(name))
    rounded = to_16_bits(samples)

    def planes(stream, offset, runs):
        known = UncertaintyMap(stream, offset=offset, working_rate=stream.sample_rate, bands=96)
        rows = np.concatenate([*(known.push(run) for run in runs), known.finish(1 + samples.shape[1] // 512)])
        return rows[8 : samples.shape[1] // 512 - 8].reshape(-1, 3, 2, 96)

    own = expected_offset(stream)
    wanted = planes(stream, own, coded_granules(stream, cut(samples, 30000), offset=own))
    offset = find_grid(rounded, stream.sample_rate).offset
    found_runs = runs_of(rounded, stream.sample_rate, offset, cut)
    found = planes(describe_coding(rounded, stream.sample_rate, offset), offset, found_runs)
    assert wanted[:, 1].std() > 0.1
    assert np.abs(found[:, 1] - wanted[:, 1]).mean() < 0.01
    assert np.median(np.abs(found[:, 0] - wanted[:, 0])) < 0.05


def test_joined_files_are_followed_to_the_other_grid(encoded, decode, cut):
    stream = read_stream(encoded("cbr128"))
    once = to_16_bits(decode(encoded("cbr128")))
    again = np.tile(once, 3)[:, : 2 * once.shape[1]]
    part = np.concatenate([again, to_16_bits(decode(encoded("ffmpeg96")), 0.6)[:, 5000:]], axis=1)
    other = np.concatenate([part, np.zeros((2, 60000), np.float32)], axis=1)
    offset = find_grid(once, 44100).offset
    assert offset == expected_offset(stream) % 576
    runs = runs_of(other, 44100, offset, cut)
    places = sound_places(runs, offset)
    shifts = {run.shift for run in runs}
    assert len(shifts) >= 2
    # Within each part, granules are sound for the most part, but for the window in which the grid changes.
    last = places[places > again.shape[1] + 77000]
    assert np.count_nonzero(places < once.shape[1]) > 0.8 * once.shape[1] / 576
    assert len(last) > 20
    assert len(set((last - expected_offset(read_stream(encoded("ffmpeg96"))) - again.shape[1] + 5000) % 576)) == 1


def test_a_change_of_gain_is_followed(encoded, decode, cut):
    stream = read_stream(encoded("cbr128"))
    samples = np.tile(decode(encoded("cbr128"))[:, :115200], 3)
    loud = to_16_bits(samples * np.where(np.arange(samples.shape[1]) < 150000, 0.9, 0.55))
    offset = expected_offset(stream) % 576
    places = sound_places(runs_of(loud, 44100, offset, cut), offset)
    assert np.count_nonzero(places < 130000) > 0.6 * 130000 / 576
    assert np.count_nonzero(places > 240000) > 0.6 * (samples.shape[1] - 240000) / 576


@pytest.mark.parametrize("name", ["cbr64", "mono64", "ffmpeg96", "cbr32-22k"])
def test_bands_of_zeros_have_the_steps_that_the_encoder_wrote(encoded, decode, name):
    stream = read_stream(encoded(name))
    count = count_of(stream)
    coding = read_coding(window(stream, to_16_bits(decode(encoded(name))), count), count, stream.sample_rate)
    rows = slice(FIRST, FIRST + count)
    same = (coding.block_type == stream.block_type[rows]).all(axis=1) & (coding.ms == stream.ms[rows])
    zeros = ~coding.sure & (coding.values == 0) & (coding.sound & same)[:, None, None]
    zeros[..., np.max(stream.edge_bound) :] = False
    ratio = (coding.steps / stream.line_steps(FIRST, FIRST + count))[zeros]
    assert ratio.size > 500
    assert np.mean(np.abs(ratio - 1) < 0.005) > 0.75
    assert np.median(ratio) == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("name", ["cbr64", "mono64", "ffmpeg96"])
def test_samples_are_freed_of_the_noise_of_their_rounding(encoded, decode, cut, name):
    stream = read_stream(encoded(name))
    exact = decode(encoded(name))
    rounded = to_16_bits(exact)
    offset = expected_offset(stream) % GRANULE_SAMPLES
    reader = DecodedReader(describe_coding(rounded, stream.sample_rate, offset), offset=offset)
    cleaned = []
    for block in cut(rounded, 20000):
        list(reader.push(block))
        cleaned += reader.cleaned()
    list(reader.finish())
    cleaned = np.concatenate([*cleaned, *reader.cleaned()], axis=1)
    assert cleaned.shape == exact.shape
    inside = slice(3000, -3000)
    before, after = (np.std((samples - exact)[:, inside]) for samples in (rounded, cleaned))
    assert after < 0.7 * before
