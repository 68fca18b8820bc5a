"""A lossless file that was an MP3 is restored as its MP3 is: with the map, the strength, and the hold."""

import numpy as np
import pytest
import soundfile

import mp3restore
from mp3restore.mp3.filterbank import HALO, OVERLAP, analyse
from mp3restore.mp3.grid import expected_offset
from mp3restore.mp3.lattice import quantise, rotate_ms
from mp3restore.mp3.stream import GRANULE_SAMPLES, read_stream

pytestmark = pytest.mark.slow

CUT = 333


def values(stream, samples, gain):
    """Quantised values, with their signs, of the granules that lie well within samples cut at the beginning."""
    first = 6
    offset = expected_offset(stream) - CUT + GRANULE_SAMPLES * first - HALO
    count = (samples.shape[1] - offset - OVERLAP - 2 * HALO) // GRANULE_SAMPLES - 4
    rows = slice(first, first + count)
    span = GRANULE_SAMPLES * count + OVERLAP + 2 * HALO
    lines = analyse(samples[:, offset : offset + span] / np.float32(gain), stream.block_type[rows], stream.mixed[rows])
    rotate_ms(lines, stream.ms[rows])
    return quantise(lines, stream.line_steps(first, first + count)) * np.sign(lines)


@pytest.mark.parametrize("gain", [1.0, 0.6])
@pytest.mark.parametrize("options", [("-b", "48", "--resample", "44.1"), ("-b", "64", "-m", "m")])
def test_a_restoration_is_held_to_the_mp3_that_the_file_was(encode, music, decode, tmp_path, options, gain):
    mp3 = encode("lame", music, 44100, *options)
    stream = read_stream(mp3)
    path = tmp_path / "once.flac"
    soundfile.write(path, gain * decode(mp3)[:, CUT:].T, 44100, subtype="PCM_16")
    before = decode(path)
    expected = values(stream, before, gain)

    def changed(consistency):
        target = tmp_path / f"{consistency}.wav"
        result = mp3restore.restore_file(path, target, bit_depth="32f", strength=1.0, consistency=consistency)
        assert result.consistent is consistency
        restored = decode(target)
        assert restored.shape == before.shape
        assert np.abs(restored - before).max() > 1e-3
        return np.mean((values(stream, restored, gain) != expected)[expected != 0])

    held, free = changed(True), changed(False)
    assert held < 0.05
    assert free > 3 * held


def test_it_is_left_where_its_mp3_would_be(encode, music, decode, tmp_path):
    strengths = {}
    for kbps in ("128", "256"):
        mp3 = encode("lame", music, 44100, "-b", kbps, "--resample", "44.1")
        path = tmp_path / f"{kbps}.flac"
        soundfile.write(path, decode(mp3).T, 44100, subtype="PCM_16")
        result = mp3restore.restore_file(path, tmp_path / f"{kbps}.wav")
        strengths[kbps] = result.strength
    assert strengths == {"128": 1, "256": 0}
    assert any("decoded from an MP3 of about" in warning for warning in result.warnings)
